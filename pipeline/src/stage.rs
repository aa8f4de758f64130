//! What a stage is: a pure function from the partitions that it reads to one output partition.
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
    /// Output partition `i` reads bucket `i` of every upstream partition: group-by, `MinHash` bands.
    Bucket,
    /// Reads everything: for small things only (token counts, weights), never lists of documents.
    All,
}

/// One input of a stage.
#[derive(Debug, Clone)]
pub struct Port {
    /// The name by which `run` asks for it.
    pub name: &'static str,
    /// Which partitions are read.
    pub reads: Reads,
    /// The columns that must be there; others pass through.
    pub schema: SchemaRef,
}

/// What must hold between the rows that a stage reads and those that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// Rows read from the first port = rows emitted + rows rejected, checked while running.
    Conserves,
    /// The output is derived data (signatures, counts, edges): the stage checks its own law.
    Derives,
}

/// Why a document left the corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The rule, in kebab-case, without the stage's name.
    pub rule: Cow<'static, str>,
    /// What was measured.
    pub value: f64,
    /// The bound that it crossed.
    pub threshold: f64,
    /// Anything that helps a reader to understand the value.
    pub detail: Option<String>,
    /// The document of which this one is a duplicate.
    pub related: Option<DocumentId>,
}

impl Rejection {
    /// A rejection by a measured value and its bound.
    pub fn new(rule: impl Into<Cow<'static, str>>, value: f64, threshold: f64) -> Self {
        Self { rule: rule.into(), value, threshold, detail: None, related: None }
    }

    /// Adds a sentence for the reader.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// A step of computation, and at the same time its configuration.
pub trait Stage: Debug + Send + Sync {
    /// Kebab-case: recipe key, subcommand and directory in the store.
    fn name(&self) -> &'static str;

    /// Raised whenever equal input would give other rows than before; golden digests hold it.
    fn version(&self) -> u32;

    /// All settings that can change rows, as they enter the key. Settings that name a file give its digest.
    fn settings(&self) -> serde_json::Value;

    /// What is read; documents come first. A source has no ports.
    fn ports(&self) -> Vec<Port>;

    /// The schema of the rows emitted, given the schema of the first port (empty for a source).
    ///
    /// # Errors
    /// When the columns that arrive cannot be used.
    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError>;

    /// What must hold between rows read and rows written.
    fn law(&self) -> Law {
        Law::Conserves
    }

    /// How many partitions the output has, given those of each port; a source overrides this.
    fn partitions(&self, upstream: &[u32]) -> u32 {
        upstream.first().copied().unwrap_or(1)
    }

    /// How many buckets (row groups of the one output file) a later `Reads::Bucket` finds, given the first port's partitions.
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
    /// Only for faults of the machine or of the settings; a bad document is rejected, never an error.
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError>;
}
