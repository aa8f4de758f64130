//! Errors of the batches of a run.
//!
//! Invariant: a run that is longer than its corpus is an error before the first step.

use corpusmill_shards::ShardError;

use super::batch::BatchError;

/// Why batches cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The corpus.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The sequences.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The schedule is shorter than the run.
    #[error(
        "the run needs {needed} tokens ({steps} steps of {step} tokens), but the corpus schedule has {scheduled}\nhint: set data.steps to {possible} or less, or build the corpus with more tokens or passes (`mixture.phases`, `mixture.max-epochs`)"
    )]
    TooShort {
        /// Tokens of the run.
        needed: u64,
        /// Steps of the run.
        steps: u64,
        /// Tokens of a step.
        step: u64,
        /// Tokens of the corpus's schedule.
        scheduled: u64,
        /// Whole steps in the schedule.
        possible: u64,
    },
    /// The batch cannot be divided evenly among the ranks.
    #[error(
        "data.batch-sequences {batch} is not a multiple of {micro} micro-sequences times {ranks} ranks; choose one that is"
    )]
    Uneven {
        /// Sequences of a step.
        batch: u32,
        /// Sequences of a micro-batch.
        micro: u32,
        /// Ranks.
        ranks: u32,
    },
}
