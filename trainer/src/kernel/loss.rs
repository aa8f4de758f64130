//! Cross-entropy of each token, without intermediate matrices: as a differentiable operation, and as loss and gradient
//! in one pass, in place of the logits.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::fused_op::{FlexInput, FusedOp, apply, from_values, values};
use super::simd::{LANES, dispatch_simd, exp, max_value, sum};

/// Computes `log(sum(exp(logits))) − logits[target]` of each row of `[tokens, vocabulary]`: `[tokens]`.
///
/// Returns `None` if the tensor is not f32 on Burn flex, or a target is out of range.
pub(crate) fn cross_entropy(logits: &Tensor<2>, targets: &[u32]) -> Option<Tensor<1>> {
    let [tokens, vocabulary] = logits.dims();
    if targets.len() != tokens || targets.iter().any(|&target| target as usize >= vocabulary) {
        return None;
    }
    apply(CrossEntropy { vocabulary, targets: targets.into() }, [FlexInput::of(logits)])
}

#[derive(Debug, Clone)]
struct CrossEntropy {
    vocabulary: usize,
    targets: Arc<[u32]>,
}

impl FusedOp<1> for CrossEntropy {
    /// The logits, and the log-sum-exp of each row.
    type SavedTensors = (FlexTensor, Arc<Vec<f32>>);

    fn forward(&self, [logits]: [FlexTensor; 1]) -> (FlexTensor, Self::SavedTensors) {
        let logits = logits.to_contiguous();
        let rows = values(&logits).par_chunks(self.vocabulary);
        let log_sums: Vec<f32> = rows
            .map(|row| {
                dispatch_simd(
                    #[inline(always)]
                    || log_sum_exp(row),
                )
            })
            .collect();
        let rows = values(&logits).chunks(self.vocabulary).zip(&log_sums).zip(self.targets.iter());
        let losses: Vec<f32> = rows.map(|((row, log_sum_exp), &target)| log_sum_exp - row[target as usize]).collect();
        let count = losses.len();
        (from_values(losses, [count]), (logits, Arc::new(log_sums)))
    }

    fn backward(&self, (logits, log_sums): Self::SavedTensors, gradient: FlexTensor) -> [FlexTensor; 1] {
        let gradient = gradient.to_contiguous();
        let mut output = vec![0.0; values(&logits).len()];
        let rows = output.par_chunks_mut(self.vocabulary).zip(values(&logits).par_chunks(self.vocabulary));
        let rows = rows.zip(log_sums.par_iter()).zip(values(&gradient)).zip(self.targets.par_iter());
        rows.for_each(|((((output, logits), &log_sum_exp), &gradient), &target)| {
            dispatch_simd(
                #[inline(always)]
                || {
                    for (output, logit) in output.iter_mut().zip(logits) {
                        *output = gradient * exp(logit - log_sum_exp);
                    }
                },
            );
            output[target as usize] -= gradient;
        });
        [from_values(output, [self.targets.len(), self.vocabulary])]
    }
}

/// The cross-entropy of each row of a matrix of logits.
#[derive(Debug)]
pub(crate) struct RowLosses {
    /// `log Z − logits[target]` of each row, where *Z* is the sum of `exp` of its logits.
    pub(crate) nats: Vec<f32>,
    /// `log Z` of each row.
    pub(crate) log_z: Vec<f32>,
}

/// Computes the losses of `[rows, vocabulary]` logits.
///
/// Returns `None` if the tensor is not f32 on Burn flex without autodiff, or a target is out of range.
pub(crate) fn row_losses(logits: &Tensor<2>, targets: &[i32]) -> Option<RowLosses> {
    let [_, vocabulary] = logits.dims();
    let targets = target_columns(targets, logits.dims())?;
    let Some(FlexInput::Plain(logits)) = FlexInput::of(logits) else { return None };
    let logits = logits.to_contiguous();
    let rows = values(&logits).par_chunks(vocabulary).zip(targets);
    let found = rows.map(|(row, target)| {
        let log_z = dispatch_simd(
            #[inline(always)]
            || log_sum_exp(row),
        );
        (log_z - row[target], log_z)
    });
    let (nats, log_z) = found.unzip();
    Some(RowLosses { nats, log_z })
}

/// Computes the losses of `[rows, vocabulary]` logits, and replaces the logits by the gradient of
/// `weight · Σ (nats + z_loss · log² Z)`.
///
/// # Errors
/// Returns the logits if they are not f32 on Burn flex without autodiff, or a target is out of range.
#[expect(clippy::cast_possible_truncation, reason = "factors are f32")]
#[expect(clippy::result_large_err, reason = "the error returns the tensor")]
pub(crate) fn row_losses_and_gradient(
    logits: Tensor<2>,
    targets: &[i32],
    z_loss: f64,
    weight: f64,
) -> Result<(RowLosses, Tensor<2>), Tensor<2>> {
    let shape = logits.dims();
    let (Some(targets), Some(FlexInput::Plain(tensor))) = (target_columns(targets, shape), FlexInput::of(&logits))
    else {
        return Err(logits);
    };
    // The only remaining reference can change the values in place.
    drop(logits);
    let mut tensor = tensor.to_contiguous();
    let start = tensor.layout().start_offset();
    let all = &mut tensor.storage_mut::<f32>()[start..start + shape[0] * shape[1]];
    let rows = all.par_chunks_mut(shape[1]).zip(targets);
    let (nats, log_z) = rows
        .map(|(row, target)| {
            let own = row[target];
            let log_z = dispatch_simd(
                #[inline(always)]
                || {
                    let (total, max) = exp_in_place(row);
                    let log_z = max + total.ln();
                    let factor = (weight * (1.0 + 2.0 * z_loss * f64::from(log_z)) / f64::from(total)) as f32;
                    for value in row.iter_mut() {
                        *value *= factor;
                    }
                    log_z
                },
            );
            row[target] -= weight as f32;
            (log_z - own, log_z)
        })
        .unzip();
    Ok((RowLosses { nats, log_z }, Tensor::from_primitive::<Flex>(tensor)))
}

/// Converts the targets, one per row, to column indices below `vocabulary`.
fn target_columns(targets: &[i32], [rows, vocabulary]: [usize; 2]) -> Option<Vec<usize>> {
    if targets.len() != rows {
        return None;
    }
    let column = |target: &i32| usize::try_from(*target).ok().filter(|&column| column < vocabulary);
    targets.iter().map(column).collect()
}

/// Replaces each value of a row by `exp(value − maximum)`; returns their sum and the maximum.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `dispatch_simd` selects")]
fn exp_in_place(row: &mut [f32]) -> (f32, f32) {
    let max = max_value(row);
    let mut lanes = [0.0_f32; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - max);
            lanes[lane] += chunk[lane];
        }
    }
    let mut total = 0.0;
    for value in rest {
        *value = exp(*value - max);
        total += *value;
    }
    (total + lanes.iter().sum::<f32>(), max)
}

/// The log-sum-exp of a row.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `dispatch_simd` selects")]
fn log_sum_exp(row: &[f32]) -> f32 {
    let max = max_value(row);
    let total = sum(
        row,
        row,
        #[inline(always)]
        |sum, logit, _| sum + exp(logit - max),
    );
    max + total.ln()
}
