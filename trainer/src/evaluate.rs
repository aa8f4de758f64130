//! The loss of a model on batches: in nats a token and bits a byte, for each source.
//!
//! Used by validation during a run and by `corpusmill-train perplexity`. Invariant: tokens that are not predicted, and
//! the bytes that they stand for, count in neither sum.

use crate::data::{Batch, DataError, NOT_PREDICTED};
use crate::gradient::{GradientError, Pass};
use crate::model::Decoder;
use crate::step::Tally;
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

/// Losses, and the bytes of text that the predicted tokens stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Losses by source.
    pub tally: Tally,
    /// Bytes by source.
    pub bytes: Vec<f64>,
}

impl Evaluation {
    /// Nothing yet, for so many sources.
    pub fn new(sources: usize) -> Self {
        Self { tally: Tally::new(sources), bytes: vec![0.0; sources] }
    }

    /// Counts the bytes of a batch's predicted tokens.
    pub fn add_bytes(&mut self, batch: &Batch, bytes: &TokenBytes) {
        for (&source, &target) in batch.sources.iter().zip(&batch.targets) {
            if target != NOT_PREDICTED {
                self.bytes[usize::from(source)] += f64::from(bytes.of(target));
            }
        }
    }

    /// All losses over all bytes, in bits; `None` without a byte.
    pub fn bits_per_byte(&self) -> Option<f64> {
        let bytes: f64 = self.bytes.iter().sum();
        (bytes > 0.0).then(|| self.tally.nats.iter().sum::<f64>() / std::f64::consts::LN_2 / bytes)
    }

    /// The same for one source.
    pub fn bits_per_byte_of(&self, source: usize) -> Option<f64> {
        let (nats, bytes) = (self.tally.nats.get(source)?, self.bytes.get(source)?);
        (*bytes > 0.0).then(|| nats / std::f64::consts::LN_2 / bytes)
    }
}

/// Runs the model over `batches`, which are of so many sources.
///
/// # Errors
/// When a batch cannot be read or the device not be.
pub fn evaluate(
    pass: &Pass<'_>,
    model: &Decoder,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    sources: usize,
    bytes: &TokenBytes,
) -> Result<Evaluation, EvaluateError> {
    let mut found = Evaluation::new(sources);
    for batch in batches {
        let batch = batch?;
        let losses = pass.losses(model, &batch)?;
        found.tally.add(&batch, &losses);
        found.add_bytes(&batch, bytes);
    }
    Ok(found)
}
