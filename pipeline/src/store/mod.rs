//! The store of parts: found by key, read by table and bucket, written to a temporary folder and published whole.
//!
//! Invariant: a part becomes visible by one rename, after its bytes and its receipt are on disk; a reader never sees an
//! incomplete part.

mod address;
mod local;
mod memory;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use address::PartAddress;
pub use local::{LocalStore, StoreLock};
pub use memory::MemoryStore;

pub use crate::atomic::{TEMPORARY_PREFIX, remove_abandoned_files, write_atomically, write_atomically_with};

use crate::lease::Lease;
use crate::receipt::{FileInfo, RunInfo, TaskResult};
use crate::table::Batches;
use crate::{Receipt, StoreError};

/// The tables of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The rows emitted.
    Data,
    /// The documents rejected.
    Rejected,
    /// The cuts made in kept documents.
    Edits,
}

impl Table {
    /// The file's name inside the part.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Data => "data.parquet",
            Self::Rejected => "rejected.parquet",
            Self::Edits => "edits.parquet",
        }
    }
}

/// The rows and columns of a part to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Only this bucket of the data.
    pub bucket: Option<u32>,
    /// Only those of these columns that exist.
    pub columns: Option<&'a [&'a str]>,
}

/// Stores parts.
pub trait Store: Send + Sync {
    /// The receipt of a part, if it exists and is complete. Checks sizes and times; a damaged part counts as missing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find(&self, address: &PartAddress) -> Result<Option<Receipt>, StoreError>;

    /// Begins a part of this schema; it stays invisible until it is committed.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn begin(&self, address: &PartAddress, schema: &SchemaRef) -> Result<Box<dyn PartWriter>, StoreError>;

    /// Reads a table of a part whose receipt is known. `None` if the part has no such table.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes do not match the receipt.
    fn read(
        &self,
        address: &PartAddress,
        table: Table,
        receipt: &Receipt,
        selection: Selection<'_>,
    ) -> Result<Option<Batches<'static>>, StoreError>;

    /// Removes a damaged part.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn discard(&self, address: &PartAddress) -> Result<(), StoreError>;

    /// A new folder for spilled data, removed when the handle is dropped.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn scratch(&self) -> Result<Lease, StoreError>;

    /// The folder of a part's files, if the store has files.
    fn path(&self, _address: &PartAddress) -> Option<std::path::PathBuf> {
        None
    }
}

/// A part being written.
pub trait PartWriter: Send {
    /// Appends rows to a table.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn write(&mut self, table: Table, rows: &RecordBatch) -> Result<(), StoreError>;

    /// Ends a bucket of the data; returns its row groups (first, count).
    ///
    /// # Errors
    /// When the store cannot be written.
    fn end_bucket(&mut self) -> Result<(u32, u32), StoreError>;

    /// Publishes the part. If another writer published it first, returns that writer's receipt and drops this part.
    ///
    /// # Errors
    /// When the store cannot be written; the part then stays invisible.
    fn commit(self: Box<Self>, result: TaskResult, timing: TaskTiming) -> Result<Receipt, StoreError>;
}

/// When a task began, and how long it was busy outside its stage until it committed its part.
#[derive(Debug, Clone, Copy)]
pub struct TaskTiming {
    /// When it began.
    pub started: Instant,
    /// Time spent reading and writing rows.
    pub store: Duration,
}

impl TaskTiming {
    /// What the receipt says, given when the commit began.
    pub(crate) fn run_info(self, committing: Instant, files: BTreeMap<String, FileInfo>) -> RunInfo {
        let store_seconds = (self.store + committing.elapsed()).as_secs_f64();
        RunInfo { seconds: self.started.elapsed().as_secs_f64(), store_seconds, files }
    }
}
