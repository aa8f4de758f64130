//! Batches: from packed sequences of token shards to what a model and a loss take.
//!
//! Stands between `pipeline::shard` and the model. Sequences are read without overlap and hold pieces of several
//! documents; positions begin anew in each piece, and attention is kept inside it.
//!
//! **Targets.** The causal objective predicts a token from those before it in the same piece. So a piece's first
//! token is never predicted: there is nothing before it that the model may see. Of a sequence of *n* tokens in *p*
//! pieces, *n − p* are predicted; the end-of-document token is among them, which is how a model learns to stop. Tokens
//! that a loss mask leaves out are seen and not predicted; padding is neither.
//!
//! Invariant: a batch is a pure function of the corpus, the sequence numbers, the objective and the seed.

mod batch;
mod masked;
mod shuffle;
mod stream;

pub use batch::{Batch, BatchError, NOT_PREDICTED, Prediction};
pub use stream::{Batches, DataError, held_out};

#[cfg(test)]
pub(crate) mod fixture;
