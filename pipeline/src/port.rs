//! What a stage reads, and how the rows that it writes relate to the rows that it reads.

use arrow_schema::SchemaRef;

/// Which partitions of an upstream dataset one output partition reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Output partition `i` reads partition `i`: clean, filter, encode.
    Same,
    /// Output partition `i` reads bucket `i` of every upstream partition: group-by, MinHash bands.
    Bucket,
    /// Reads every partition, one after the other: token counts, weights, and the signatures of `dedup-cluster`. A stage
    /// that reads so must bound its own memory.
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
pub enum RowContract {
    /// Every row read is emitted or rejected: rows in = rows out + rows rejected, checked at run time.
    Conserving,
    /// The rows are derived data (signatures, counts, edges); nothing is checked.
    Derived,
}
