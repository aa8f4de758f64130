//! Batches: converts packed sequences of token shards to the input of a model and a loss.
//!
//! Sequences are read without overlap and contain pieces of several documents; positions restart at 0 in each piece,
//! and attention stays inside it.
//!
//! **Targets.** The causal objective predicts a token from the preceding tokens of the same piece. So the first token
//! of a piece is never predicted: no visible token precedes it. Of a sequence of *n* tokens in *p* pieces, *n − p* are
//! predicted; the end-of-document token is among them, which is how a model learns to stop. Tokens that a loss mask
//! excludes are visible but not predicted; padding is neither.
//!
//! With `begin-documents`, the token that ends a document also begins the next one: it is the last target of the first
//! and the first input of the second, whose first token is predicted too. So a model learns to write from nothing.
//!
//! Invariant: a batch is a pure function of the corpus, the sequence numbers, the objective and the seed.

mod batch;
mod error;
mod masked;
mod prediction;
mod shuffle;
mod stream;

pub use batch::{Batch, BatchError, NOT_PREDICTED, UploadedBatch};
pub use error::DataError;
pub use prediction::Prediction;
pub use stream::{Batches, HeldOut, run_sequences};

#[cfg(test)]
pub(crate) mod fixture;
