//! What a stage reads, and how the rows that it writes relate to the rows that it reads.

use arrow_schema::SchemaRef;

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
