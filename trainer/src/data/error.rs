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
        "the run needs {needed} tokens ({steps} steps of {step} tokens), but the corpus schedule has {scheduled}\nhint: {}, or build the corpus with more tokens or epochs (`mixture.phases`, `mixture.max-epochs`)",
        shorter(*possible, *sequences)
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
        /// Whole sequences in the schedule.
        sequences: u64,
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

/// How to make a run fit a schedule with this number of whole steps and sequences.
fn shorter(possible: u64, sequences: u64) -> String {
    match (possible, sequences) {
        (0, 0) => "lower data.sequence-length".to_owned(),
        (0, _) => format!("set data.batch-sequences to {sequences} or less, or lower data.sequence-length"),
        _ => format!("set data.steps to {possible} or less"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_followed() {
        for (possible, sequences, expected) in [
            (7, 60, "hint: set data.steps to 7 or less, or build the corpus"),
            (0, 60, "hint: set data.batch-sequences to 60 or less, or lower data.sequence-length, or build the corpus"),
            (0, 0, "hint: lower data.sequence-length, or build the corpus"),
        ] {
            let error = DataError::TooShort { needed: 80, steps: 10, step: 8, scheduled: 60, possible, sequences };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
