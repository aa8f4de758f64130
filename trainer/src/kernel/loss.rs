//! Cross-entropy of each token, without the matrix of logarithms that lies between.

use std::sync::Arc;

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::simd::{exp, largest, sum, wide};
use super::{Fused, Input, apply, made, values};

/// `log(sum(exp(logits))) − logits[target]` of each row of `[tokens, vocabulary]`: `[tokens]`.
///
/// None when the tensor is not f32 on Burn flex, or a target is no column.
pub(crate) fn cross_entropy(logits: &Tensor<2>, targets: &[u32]) -> Option<Tensor<1>> {
    let [tokens, vocabulary] = logits.dims();
    if targets.len() != tokens || targets.iter().any(|&target| target as usize >= vocabulary) {
        return None;
    }
    apply(CrossEntropy { vocabulary, targets: targets.into() }, [Input::of(logits)])
}

#[derive(Debug, Clone)]
struct CrossEntropy {
    vocabulary: usize,
    targets: Arc<[u32]>,
}

impl Fused<1> for CrossEntropy {
    /// The logits, and the logarithm of each row's sum.
    type Saved = (FlexTensor, Arc<Vec<f32>>);

    fn forward(&self, [logits]: [FlexTensor; 1]) -> (FlexTensor, Self::Saved) {
        let logits = logits.to_contiguous();
        let rows = values(&logits).par_chunks(self.vocabulary);
        let logarithms: Vec<f32> = rows
            .map(|row| {
                wide(
                    #[inline(always)]
                    || logarithm(row),
                )
            })
            .collect();
        let rows = values(&logits).chunks(self.vocabulary).zip(&logarithms).zip(self.targets.iter());
        let losses: Vec<f32> = rows.map(|((row, logarithm), &target)| logarithm - row[target as usize]).collect();
        let count = losses.len();
        (made(losses, [count]), (logits, Arc::new(logarithms)))
    }

    fn backward(&self, (logits, logarithms): Self::Saved, gradient: FlexTensor) -> [FlexTensor; 1] {
        let gradient = gradient.to_contiguous();
        let mut output = vec![0.0; values(&logits).len()];
        let rows = output.par_chunks_mut(self.vocabulary).zip(values(&logits).par_chunks(self.vocabulary));
        let rows = rows.zip(logarithms.par_iter()).zip(values(&gradient)).zip(self.targets.par_iter());
        rows.for_each(|((((output, logits), &logarithm), &gradient), &target)| {
            wide(
                #[inline(always)]
                || {
                    for (output, logit) in output.iter_mut().zip(logits) {
                        *output = gradient * exp(logit - logarithm);
                    }
                },
            );
            output[target as usize] -= gradient;
        });
        [made(output, [self.targets.len(), self.vocabulary])]
    }
}

/// The logarithm of the sum of `exp` of a row.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the width that `wide` chose")]
fn logarithm(row: &[f32]) -> f32 {
    let most = largest(row);
    let total = sum(
        row,
        row,
        #[inline(always)]
        |sum, logit, _| sum + exp(logit - most),
    );
    most + total.ln()
}
