//! The stage trait: a pure function from input partitions to one output partition.
//!
//! Invariant: `run` depends on the stage's settings and the rows read, and on nothing else.

use std::borrow::Cow;
use std::fmt::Debug;

use arrow_schema::{Schema, SchemaRef};

use crate::{Digest, DocumentId, StageError, Task};

/// Which partitions of an upstream dataset one output partition reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Output partition `i` reads partition `i`: clean, filter, encode.
    Same,
    /// Output partition `i` reads bucket `i` of every upstream partition: group-by, MinHash bands.
    Bucket,
    /// Reads every partition: only for small data (token counts, weights), never for lists of documents.
    All,
}

/// One input of a stage.
#[derive(Debug, Clone)]
pub struct Port {
    /// The name that `run` reads it by.
    pub name: &'static str,
    /// Which partitions are read.
    pub reads: Reads,
    /// The required columns; others pass through.
    pub schema: SchemaRef,
}

/// The relation between the rows that a stage reads and the rows that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// Rows read from the first port = rows emitted + rows rejected, checked at run time.
    Conserves,
    /// The output is derived data (signatures, counts, edges): the stage checks its own law.
    Derives,
}

/// Why a document was rejected.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The rule, in kebab-case, without the stage's name.
    pub rule: Cow<'static, str>,
    /// What was measured.
    pub value: f64,
    /// The threshold that the value crossed.
    pub threshold: f64,
    /// Explanation of the value for a reader.
    pub detail: Option<String>,
    /// Id of the document that this one duplicates.
    pub related: Option<DocumentId>,
}

impl Rejection {
    /// A rejection by a measured value and its threshold.
    pub fn new(rule: impl Into<Cow<'static, str>>, value: f64, threshold: f64) -> Self {
        Self { rule: rule.into(), value, threshold, detail: None, related: None }
    }

    /// Adds an explanation for a reader.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

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
    fn law(&self) -> Law {
        Law::Conserves
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

    /// For a source: the digest of the external content of a partition, which enters the key.
    fn content(&self, _partition: u32) -> Option<Digest> {
        None
    }

    /// Computes one partition.
    ///
    /// # Errors
    /// Only on failures of the machine or of the settings; a bad document is rejected, never an error.
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError>;
}
