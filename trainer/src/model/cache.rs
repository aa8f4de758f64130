//! Key-value cache: the keys and values of earlier tokens, reused during generation.

use burn::tensor::Tensor;

use super::config::ModelConfig;

/// The keys and values of every layer.
#[derive(Debug)]
pub struct Cache {
    layers: Vec<LayerCache>,
}

impl Cache {
    /// Creates an empty cache for `capacity` tokens per row; it grows on demand.
    pub fn new(config: &ModelConfig, capacity: usize) -> Self {
        let layer = || LayerCache { kept: None, length: 0, capacity };
        Self { layers: (0..config.num_hidden_layers).map(|_| layer()).collect() }
    }

    /// Number of cached tokens per row.
    pub fn length(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.length)
    }

    /// The layers, first to last.
    pub fn layers_mut(&mut self) -> &mut [LayerCache] {
        &mut self.layers
    }
}

/// The keys and values of one layer: `[batch, key heads, capacity, head_dim]`, of which `length` are filled.
#[derive(Debug)]
pub struct LayerCache {
    kept: Option<[Tensor<4>; 2]>,
    length: usize,
    capacity: usize,
}

impl LayerCache {
    /// Appends keys and values, both `[batch, key heads, tokens, head_dim]`, and returns all cached ones.
    pub(crate) fn append(&mut self, keys: Tensor<4>, values: Tensor<4>) -> [Tensor<4>; 2] {
        let [batch, heads, tokens, width] = keys.dims();
        let end = self.length + tokens;
        let kept = match self.kept.take() {
            Some(kept) if end <= self.capacity => kept,
            kept => {
                self.capacity = self.capacity.max(end.next_multiple_of(256));
                let room = |like: &Tensor<4>| {
                    let shape = [batch, heads, self.capacity, width];
                    Tensor::zeros(shape, (&like.device(), like.dtype()))
                };
                let fresh = [room(&keys), room(&values)];
                match kept {
                    None => fresh,
                    Some(old) => {
                        let [keys, values] = fresh;
                        let [old_keys, old_values] = old.map(|old| old.narrow(2, 0, self.length));
                        [self.put(keys, old_keys, 0), self.put(values, old_values, 0)]
                    }
                }
            }
        };
        let [kept_keys, kept_values] = kept;
        let kept = [self.put(kept_keys, keys, self.length), self.put(kept_values, values, self.length)];
        self.length = end;
        let all = kept.clone().map(|kept| kept.narrow(2, 0, end));
        self.kept = Some(kept);
        all
    }

    #[expect(clippy::unused_self, reason = "a method for readability")]
    fn put(&self, room: Tensor<4>, values: Tensor<4>, at: usize) -> Tensor<4> {
        let [batch, heads, tokens, width] = values.dims();
        room.slice_assign([0..batch, 0..heads, at..at + tokens, 0..width], values)
    }
}
