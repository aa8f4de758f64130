//! The global gradient norm.
//!
//! Invariant: squares are summed tensor by tensor in model order, so equal gradients have equal norms.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::model::Decoder;
use crate::transfer;

/// The gradients cannot be read from the device.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the gradients from the device: {0}")]
pub struct GradNormError(String);

/// Computes the global L2 norm of all gradients, which `clip-norm` limits.
///
/// # Errors
/// If the device cannot be read.
pub fn global_norm(model: &Decoder, gradients: &GradientsParams) -> Result<f64, GradNormError> {
    let mut squares = SquaredNorms { gradients, sums: Vec::new() };
    model.visit(&mut squares);
    if squares.sums.is_empty() {
        return Ok(0.0);
    }
    // Reads the sums of all tensors in one transfer from the device.
    let sums = transfer::read(Tensor::cat(squares.sums, 0)).map_err(GradNormError)?;
    Ok(sums.into_iter().map(f64::from).sum::<f64>().sqrt())
}

struct SquaredNorms<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for SquaredNorms<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}
