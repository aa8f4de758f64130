//! Between the tensors of a checkpoint and those of the model: names, shapes, and how they lie.
//!
//! A checkpoint holds q, k and v apart, as `[outputs, inputs]`; the model holds them side by side, as
//! `[inputs, outputs]`. Everything that fills a model (fresh weights, safetensors, GGUF) implements [`Weights`];
//! everything that writes one goes through [`Source`]. Invariant: loading what was written gives the same bits.

use burn::tensor::{Tensor, TensorData};

use super::block::Block;
use super::config::ModelConfig;
use super::linear::Projection;

/// Where a model takes its weights from.
pub trait Weights {
    /// Why a tensor cannot be had.
    type Error;

    /// The values of a tensor, row by row, by its name in Hugging Face's checkpoints.
    ///
    /// # Errors
    /// When there is no such tensor, or its shape is another one.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error>;
}

/// One tensor of a checkpoint, taken from a model when it is asked for.
pub struct Source {
    name: String,
    shape: Vec<usize>,
    read: Box<dyn Fn() -> TensorData + Send>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Source {
    /// The name in the checkpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape in the checkpoint.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row by row.
    ///
    /// # Errors
    /// When the device does not give them back, or they are no floats.
    pub fn values(&self) -> Result<Vec<f32>, String> {
        (self.read)().convert::<f32>().try_into_vec::<f32>().map_err(|error| format!("{error:?}"))
    }

    /// A tensor that lies in the checkpoint as in the model.
    pub(crate) fn whole<const D: usize>(name: impl Into<String>, tensor: &Tensor<D>) -> Self {
        let tensor = tensor.clone();
        Self { name: name.into(), shape: tensor.dims().to_vec(), read: Box::new(move || tensor.to_data()) }
    }

    /// Columns of a product, which the checkpoint has as a matrix of its own, transposed; and of its bias.
    fn columns(list: &mut Vec<Self>, name: &str, product: &Projection, start: usize, width: usize) {
        let weight = product.weight().narrow(1, start, width).transpose();
        list.push(Self::whole(format!("{name}.weight"), &weight));
        if let Some(bias) = product.bias() {
            list.push(Self::whole(format!("{name}.bias"), &bias.narrow(0, start, width)));
        }
    }

    /// The tensors of layer `index`.
    pub(crate) fn block(list: &mut Vec<Self>, index: usize, block: &Block, config: &ModelConfig) {
        let prefix = format!("model.layers.{index}");
        for (name, norm) in block.norms() {
            list.push(Self::whole(format!("{prefix}.{name}_layernorm.weight"), &norm.weight()));
        }
        let (query, key, middle) = (config.query_width(), config.key_width(), config.intermediate_size);
        let (attention, feed_forward) = (block.attention(), block.feed_forward());
        let parts = [
            ("self_attn.q", attention.qkv(), 0, query),
            ("self_attn.k", attention.qkv(), query, key),
            ("self_attn.v", attention.qkv(), query + key, key),
            ("self_attn.o", attention.output(), 0, config.hidden_size),
            ("mlp.gate", feed_forward.gate_up(), 0, middle),
            ("mlp.up", feed_forward.gate_up(), middle, middle),
            ("mlp.down", feed_forward.down(), 0, config.hidden_size),
        ];
        for (name, product, start, width) in parts {
            Self::columns(list, &format!("{prefix}.{name}_proj"), product, start, width);
        }
        for (name, norm) in ["q", "k"].into_iter().zip(attention.head_norms()) {
            if let Some(norm) = norm {
                list.push(Self::whole(format!("{prefix}.self_attn.{name}_norm.weight"), &norm.weight()));
            }
        }
    }
}

/// The transpose of a matrix of `rows` rows, in tiles that stay in the cache.
pub(crate) fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let mut turned = vec![0.0; matrix.len()];
    for top in (0..rows).step_by(TILE) {
        for left in (0..columns).step_by(TILE) {
            for row in top..rows.min(top + TILE) {
                for column in left..columns.min(left + TILE) {
                    turned[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    turned
}
