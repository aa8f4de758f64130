//! Converts between checkpoint tensors and model tensors: names, shapes and layout.
//!
//! A checkpoint stores q, k and v separately, as `[outputs, inputs]`; the model concatenates them, as
//! `[inputs, outputs]`. Every provider of weights (random, safetensors, GGUF) implements [`TensorSource`]; all writers use
//! [`NamedTensor`]. Invariant: loading written weights gives the same bits.

use burn::tensor::{Tensor, TensorData};

use super::block::Block;
use super::config::ModelConfig;
use super::linear::Projection;

/// A provider of model weights.
pub trait TensorSource {
    /// Error from reading a tensor.
    type Error;

    /// Returns the values of a tensor in row-major order, by its name in Hugging Face checkpoints.
    ///
    /// # Errors
    /// If the tensor is missing or has a different shape.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error>;
}

/// One tensor in checkpoint layout, read from the model on demand.
pub struct NamedTensor {
    name: String,
    shape: Vec<usize>,
    read: Box<dyn Fn() -> TensorData + Send>,
}

impl std::fmt::Debug for NamedTensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamedTensor").field("name", &self.name).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl NamedTensor {
    /// The name in the checkpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape in the checkpoint.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Reads the values, in row-major order.
    ///
    /// # Errors
    /// If the device cannot be read, or the values are not floats.
    pub fn values(&self) -> Result<Vec<f32>, String> {
        (self.read)().convert::<f32>().try_into_vec::<f32>().map_err(|error| format!("{error:?}"))
    }

    /// Creates the entry of a tensor with the same layout in checkpoint and model.
    pub(crate) fn from_tensor<const D: usize>(name: impl Into<String>, tensor: &Tensor<D>) -> Self {
        let tensor = tensor.clone();
        Self { name: name.into(), shape: tensor.dims().to_vec(), read: Box::new(move || tensor.to_data()) }
    }

    /// Appends columns of a projection, transposed as a separate checkpoint matrix, and their bias.
    fn columns(list: &mut Vec<Self>, name: &str, product: &Projection, start: usize, width: usize) {
        let weight = product.weight().narrow(1, start, width).transpose();
        list.push(Self::from_tensor(format!("{name}.weight"), &weight));
        if let Some(bias) = product.bias() {
            list.push(Self::from_tensor(format!("{name}.bias"), &bias.narrow(0, start, width)));
        }
    }

    /// Appends the tensors of layer `index`.
    pub(crate) fn block(list: &mut Vec<Self>, index: usize, block: &Block, config: &ModelConfig) {
        let prefix = format!("model.layers.{index}");
        for (name, norm) in block.norms() {
            list.push(Self::from_tensor(format!("{prefix}.{name}_layernorm.weight"), &norm.weight()));
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
                list.push(Self::from_tensor(format!("{prefix}.self_attn.{name}_norm.weight"), &norm.weight()));
            }
        }
    }
}

/// Transposes a matrix of `rows` rows, in tiles that fit the CPU cache.
pub(crate) fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let mut output = vec![0.0; matrix.len()];
    for top in (0..rows).step_by(TILE) {
        for left in (0..columns).step_by(TILE) {
            for row in top..rows.min(top + TILE) {
                for column in left..columns.min(left + TILE) {
                    output[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    output
}
