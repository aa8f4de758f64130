//! The loss of a model on batches, in nats per token and bits per byte, for each source.
//!
//! Used by validation during a run and by `corpusmill-train perplexity`. Invariant: a token without a prediction
//! counts neither in the loss nor in the bytes, and an evaluation has only finite losses.

use crate::data::{Batch, DataError, NOT_PREDICTED};
use crate::gradient::{GradientError, Pass};
use crate::model::Decoder;
use crate::step::LossSum;
use crate::token_bytes::TokenBytes;

/// Why a model could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The batches.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// A loss is NaN or infinite.
    #[error("the loss of token {token} in row {row} of batch {batch} is {loss}; check the weights of the model")]
    NonFinite {
        /// The batch, from 1.
        batch: u64,
        /// The row of the batch, from 1.
        row: usize,
        /// The token of the row, from 1.
        token: usize,
        /// The loss.
        loss: f32,
    },
}

/// Losses, and the bytes of the predicted tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Losses by source.
    pub loss_sum: LossSum,
    /// Bytes by source.
    pub bytes: Vec<f64>,
}

impl Evaluation {
    /// Zeros for the given number of sources.
    pub fn new(sources: usize) -> Self {
        Self { loss_sum: LossSum::new(sources), bytes: vec![0.0; sources] }
    }

    /// Adds the bytes of a batch's predicted tokens.
    pub fn add_bytes(&mut self, batch: &Batch, bytes: &TokenBytes) {
        for (&source, &target) in batch.sources.iter().zip(&batch.targets) {
            if target != NOT_PREDICTED {
                self.bytes[usize::from(source)] += f64::from(bytes.of(target));
            }
        }
    }

    /// Loss per byte over all sources, in bits; `None` if there are no bytes.
    pub fn bits_per_byte(&self) -> Option<f64> {
        let bytes: f64 = self.bytes.iter().sum();
        (bytes > 0.0).then(|| self.loss_sum.nats.iter().sum::<f64>() / std::f64::consts::LN_2 / bytes)
    }

    /// Loss per byte of one source, in bits; `None` if there are no bytes.
    pub fn bits_per_byte_of(&self, source: usize) -> Option<f64> {
        let (nats, bytes) = (self.loss_sum.nats.get(source)?, self.bytes.get(source)?);
        (*bytes > 0.0).then(|| nats / std::f64::consts::LN_2 / bytes)
    }
}

/// Evaluates the model on `batches` from the given number of sources.
///
/// # Errors
/// When a batch or the device cannot be read, or a loss is not finite.
pub fn evaluate(
    pass: &Pass<'_>,
    model: &Decoder,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    sources: usize,
    bytes: &TokenBytes,
) -> Result<Evaluation, EvaluateError> {
    let mut evaluation = Evaluation::new(sources);
    for (number, batch) in (1..).zip(batches) {
        let batch = batch?;
        let losses = pass.losses(model, &batch)?;
        if let Some(position) = losses.nats.iter().position(|nats| !nats.is_finite()) {
            let (row, token) = (position / batch.length + 1, position % batch.length + 1);
            return Err(EvaluateError::NonFinite { batch: number, row, token, loss: losses.nats[position] });
        }
        evaluation.loss_sum.add(&batch, &losses);
        evaluation.add_bytes(&batch, bytes);
    }
    Ok(evaluation)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;

    use burn::tensor::{Device, FloatDType};
    use corpusmill_shards::{Sequence, Span};

    use super::*;
    use crate::data::{Prediction, fixture};
    use crate::loss::LossSettings;
    use crate::model::ModelConfig;
    use crate::model::weights::TensorSource;
    use crate::recipe::{Objective, Recompute};

    /// Every weight is the same number.
    struct Constant(f32);

    impl TensorSource for Constant {
        type Error = Infallible;

        fn tensor(&mut self, _name: &str, shape: &[usize]) -> Result<Vec<f32>, Infallible> {
            Ok(vec![self.0; shape.iter().product()])
        }
    }

    #[test]
    fn losses_that_are_not_finite_are_an_error() {
        let config = ModelConfig::llama(64, 8, 1, 2, 1);
        let loss = LossSettings { z_loss: 0.0, chunk_tokens: 8, softcap: None, compute: FloatDType::F32 };
        let pass = Pass { config: &config, loss, recompute: Recompute::None };
        let bytes = TokenBytes::parse(Path::new("tokenizer.json"), &fixture::tokenizer()).unwrap();
        let span = Span { start: 0, end: 4, source: 0, document: 0, offset: 0, epoch: 0 };
        let sequence = Sequence { index: 0, tokens: vec![1, 2, 3, 4], documents: vec![span], loss_mask: None };
        let prediction =
            Prediction { objective: Objective::Causal, vocabulary: 64, mask_token: 0, seed: 0, begin: None };
        let measure = |value: f32| {
            let Ok(model) = Decoder::load(&config, &mut Constant(value), &Device::flex());
            let batch = Batch::new(std::slice::from_ref(&sequence), &prediction).map_err(DataError::from);
            evaluate(&pass, &model, std::iter::once(batch), 1, &bytes)
        };
        // Equal logits: every token has the probability 1/64.
        let mean = measure(0.5).unwrap().loss_sum.mean().unwrap();
        assert!((mean - libm::log(64.0)).abs() < 1e-5, "{mean}");
        let error = measure(f32::NAN).unwrap_err();
        assert!(matches!(error, EvaluateError::NonFinite { batch: 1, row: 1, token: 1, .. }), "{error}");
    }
}
