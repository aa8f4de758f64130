//! The stage trait: a pure function from input partitions to one output partition.
//!
//! Invariant: `run` depends on the stage's settings and the rows read, and on nothing else.

use std::fmt::Debug;

use arrow_schema::{Schema, SchemaRef};

use crate::port::{Port, RowContract};
use crate::{Digest, StageError, Task};

/// A step of computation together with its settings.
pub trait Stage: Debug + Send + Sync {
    /// Name in kebab-case: recipe key, subcommand and directory in the store.
    fn name(&self) -> &'static str;

    /// Version of the output, raised whenever equal input gives different rows; golden digests check it.
    fn version(&self) -> u32;

    /// All settings that can change rows, as they enter the key. A setting that names a file enters as the digest of
    /// the file.
    fn settings(&self) -> serde_json::Value;

    /// The inputs; documents come first. A source has no ports.
    fn ports(&self) -> Vec<Port>;

    /// The schema of the rows emitted, given the schema of the first port (empty for a source).
    ///
    /// # Errors
    /// When the input columns cannot be used.
    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError>;

    /// The relation between rows read and rows written.
    fn row_contract(&self) -> RowContract {
        RowContract::Conserving
    }

    /// Number of output partitions, given the number of each port; a source overrides this.
    fn partitions(&self, upstream: &[u32]) -> u32 {
        upstream.first().copied().unwrap_or(1)
    }

    /// Number of buckets (row groups of the output file) for a later `Reads::Bucket`, given the number of partitions of
    /// the first port.
    fn buckets(&self, _upstream: u32) -> u32 {
        1
    }

    /// For a source: the digest of the external content of a partition, which is part of the key.
    fn content(&self, _partition: u32) -> Option<Digest> {
        None
    }

    /// Computes one partition.
    ///
    /// # Errors
    /// Only on failures of the machine or of the settings; a bad document is rejected, never an error.
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError>;
}
