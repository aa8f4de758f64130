//! Root-mean-square norm in two passes over a row.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::fused_op::{FlexInput, FusedOp, apply, from_values, values};
use super::simd::{dispatch_simd, sum};

/// Rows per task, and per partial sum of the gradient of the weight.
const ROWS_PER_TASK: usize = 64;

/// Computes `x / sqrt(mean(x²) + epsilon) · (weight + offset)` over the last dimension.
///
/// Returns `None` if the tensors are not f32 on Burn flex.
pub(crate) fn rms_norm<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<1>,
    epsilon: f64,
    offset: f64,
) -> Option<Tensor<D>> {
    let dims: [usize; D] = x.dims();
    let width = dims[D - 1];
    #[expect(clippy::cast_possible_truncation, reason = "computed in f32")]
    let op = RmsNorm { width, dims: dims.to_vec(), epsilon: epsilon as f32, offset: offset as f32 };
    apply(op, [FlexInput::of(x), FlexInput::of(weight)])
}

#[derive(Debug, Clone)]
struct RmsNorm {
    width: usize,
    dims: Vec<usize>,
    epsilon: f32,
    offset: f32,
}

impl FusedOp<2> for RmsNorm {
    /// The inputs, and the inverse root mean square of each row.
    type SavedTensors = (FlexTensor, FlexTensor, Vec<f32>);

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::SavedTensors) {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let scale = self.scale(&weight);
        let rows = values(&x);
        let mut output = vec![0.0; rows.len()];
        let mut inverse = vec![0.0; rows.len() / self.width];
        let part = ROWS_PER_TASK * self.width;
        let parts = output.par_chunks_mut(part).zip(inverse.par_chunks_mut(ROWS_PER_TASK)).zip(rows.par_chunks(part));
        parts.for_each(|((output, inverse), rows)| {
            dispatch_simd(
                #[inline(always)]
                || self.forward_rows(rows, &scale, output, inverse),
            );
        });
        (reshaped(output, &self.dims), (x, weight, inverse))
    }

    fn backward(&self, (x, weight, inverse): Self::SavedTensors, gradient: FlexTensor) -> [FlexTensor; 2] {
        let gradient = gradient.to_contiguous();
        let scale = self.scale(&weight);
        let (rows, gradients) = (values(&x), values(&gradient));
        let mut output = vec![0.0; rows.len()];
        let part = ROWS_PER_TASK * self.width;
        let parts = output.par_chunks_mut(part).zip(inverse.par_chunks(ROWS_PER_TASK));
        let parts = parts.zip(rows.par_chunks(part)).zip(gradients.par_chunks(part));
        let grad_weight: Vec<Vec<f32>> = parts
            .map(|(((output, inverse), rows), gradients)| {
                dispatch_simd(
                    #[inline(always)]
                    || self.backward_rows(rows, gradients, &scale, inverse, output),
                )
            })
            .collect();
        let mut total = vec![0.0; self.width];
        for part in grad_weight {
            for (total, part) in total.iter_mut().zip(part) {
                *total += part;
            }
        }
        [reshaped(output, &self.dims), from_values(total, [self.width])]
    }
}

impl RmsNorm {
    fn scale(&self, weight: &FlexTensor) -> Vec<f32> {
        values(weight).iter().map(|weight| weight + self.offset).collect()
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "must be compiled for the vector width that `dispatch_simd` selects")]
    #[expect(clippy::cast_precision_loss, reason = "a row is short")]
    fn forward_rows(&self, rows: &[f32], scale: &[f32], output: &mut [f32], inverse: &mut [f32]) {
        let rows = rows.chunks_exact(self.width).zip(output.chunks_exact_mut(self.width));
        for ((row, output), inverse) in rows.zip(inverse) {
            let square = sum(row, row, |sum, left, right| left.mul_add(right, sum));
            *inverse = 1.0 / (square / self.width as f32 + self.epsilon).sqrt();
            for ((output, value), scale) in output.iter_mut().zip(row).zip(scale) {
                *output = value * *inverse * scale;
            }
        }
    }

    /// Writes the gradient of the rows, and returns their contribution to the gradient of the weight.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "must be compiled for the vector width that `dispatch_simd` selects")]
    #[expect(clippy::cast_precision_loss, reason = "a row is short")]
    fn backward_rows(
        &self,
        rows: &[f32],
        gradients: &[f32],
        scale: &[f32],
        inverse: &[f32],
        output: &mut [f32],
    ) -> Vec<f32> {
        let mut grad_weight = vec![0.0; self.width];
        let rows = rows.chunks_exact(self.width).zip(gradients.chunks_exact(self.width));
        for (((row, gradient), output), &inverse) in rows.zip(output.chunks_exact_mut(self.width)).zip(inverse) {
            for ((output, gradient), scale) in output.iter_mut().zip(gradient).zip(scale) {
                *output = gradient * scale;
            }
            let dot = sum(row, output, |sum, left, right| left.mul_add(right, sum));
            let correction = dot * inverse * inverse / self.width as f32;
            for (output, value) in output.iter_mut().zip(row) {
                *output = inverse * (*output - value * correction);
            }
            for ((total, value), gradient) in grad_weight.iter_mut().zip(row).zip(gradient) {
                *total += gradient * value * inverse;
            }
        }
        grad_weight
    }
}

fn reshaped(values: Vec<f32>, dims: &[usize]) -> FlexTensor {
    let count = values.len();
    from_values(values, [count]).reshape(dims.to_vec().into())
}
