//! The length of all gradients together.
//!
//! Invariant: squares are summed tensor by tensor in the model's order, so equal gradients have equal lengths.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::model::Decoder;

/// The gradients cannot be read from the device.
#[derive(Debug, thiserror::Error)]
#[error("gradients cannot be read from the device: {0}")]
pub struct NormError(String);

/// The root of the sum of squares over all gradients; the unit of `clip-norm`.
///
/// # Errors
/// When the device cannot be read.
pub fn global_norm(model: &Decoder, gradients: &GradientsParams) -> Result<f64, NormError> {
    let mut squares = Squares { gradients, sums: Vec::new() };
    model.visit(&mut squares);
    if squares.sums.is_empty() {
        return Ok(0.0);
    }
    // One transfer from the device for all tensors.
    let sums = Tensor::cat(squares.sums, 0).try_into_vec_as::<f32>().map_err(|error| NormError(error.to_string()))?;
    Ok(sums.into_iter().map(f64::from).sum::<f64>().sqrt())
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}
