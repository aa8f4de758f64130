//! Key-value cache: the keys and values of earlier tokens, reused during generation.

use burn::tensor::Tensor;

use super::config::ModelConfig;

/// The keys and values of every layer.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerKvCache>,
}

impl KvCache {
    /// Creates an empty cache for `capacity` tokens per row; it grows on demand.
    pub fn new(config: &ModelConfig, capacity: usize) -> Self {
        let layer = || LayerKvCache { buffers: None, length: 0, capacity };
        Self { layers: (0..config.num_hidden_layers).map(|_| layer()).collect() }
    }

    /// Number of cached tokens per row.
    pub fn length(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.length)
    }

    /// The layers, first to last.
    pub fn layers_mut(&mut self) -> &mut [LayerKvCache] {
        &mut self.layers
    }
}

/// The keys and values of one layer: `[batch, key heads, capacity, head_dim]`, of which `length` are filled.
#[derive(Debug)]
pub struct LayerKvCache {
    buffers: Option<[Tensor<4>; 2]>,
    length: usize,
    capacity: usize,
}

impl LayerKvCache {
    /// Appends keys and values, both `[batch, key heads, tokens, head_dim]`, and returns all cached ones.
    pub(crate) fn append(&mut self, keys: Tensor<4>, values: Tensor<4>) -> [Tensor<4>; 2] {
        let [batch, heads, tokens, width] = keys.dims();
        let end = self.length + tokens;
        let buffers = match self.buffers.take() {
            Some(buffers) if end <= self.capacity => buffers,
            buffers => {
                self.capacity = self.capacity.max(end.next_multiple_of(256));
                let buffer = |like: &Tensor<4>| {
                    let shape = [batch, heads, self.capacity, width];
                    Tensor::zeros(shape, (&like.device(), like.dtype()))
                };
                let fresh = [buffer(&keys), buffer(&values)];
                match buffers {
                    None => fresh,
                    Some(old) => {
                        let [keys, values] = fresh;
                        let [old_keys, old_values] = old.map(|old| old.narrow(2, 0, self.length));
                        [self.put(keys, old_keys, 0), self.put(values, old_values, 0)]
                    }
                }
            }
        };
        let [kept_keys, kept_values] = buffers;
        let buffers = [self.put(kept_keys, keys, self.length), self.put(kept_values, values, self.length)];
        self.length = end;
        let all = buffers.clone().map(|buffers| buffers.narrow(2, 0, end));
        self.buffers = Some(buffers);
        all
    }

    #[expect(clippy::unused_self, reason = "a method for readability")]
    fn put(&self, buffer: Tensor<4>, values: Tensor<4>, at: usize) -> Tensor<4> {
        let [batch, heads, tokens, width] = values.dims();
        buffer.slice_assign([0..batch, 0..heads, at..at + tokens, 0..width], values)
    }
}
