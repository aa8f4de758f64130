//! Converts between checkpoint tensors and model tensors: names, shapes and layout.
//!
//! A checkpoint stores q, k and v separately, as `[outputs, inputs]`; the model concatenates them, as
//! `[inputs, outputs]`. Every provider of weights (random, safetensors, GGUF) implements [`TensorSource`]; all writers
//! use [`NamedTensor`]. Invariant: loading written weights restores the same bits.

use burn::tensor::{Tensor, TensorData};

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
