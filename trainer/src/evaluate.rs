//! The loss of a model on batches, in nats per token and bits per byte, for each source.
//!
//! Used by validation during a run and by `corpusmill-train perplexity`. Invariant: a token without a prediction
//! counts neither in the loss nor in the bytes.

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
/// When a batch or the device cannot be read.
pub fn evaluate(
    pass: &Pass<'_>,
    model: &Decoder,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    sources: usize,
    bytes: &TokenBytes,
) -> Result<Evaluation, EvaluateError> {
    let mut evaluation = Evaluation::new(sources);
    for batch in batches {
        let batch = batch?;
        let losses = pass.losses(model, &batch)?;
        evaluation.loss_sum.add(&batch, &losses);
        evaluation.add_bytes(&batch, bytes);
    }
    Ok(evaluation)
}
