//! The store of parts: found by key, read by table and bucket, written to a temporary folder and published whole.
//!
//! Invariant: a part becomes visible by one rename, after its bytes and its receipt are on disk; a reader never sees an
//! incomplete part.

mod address;
mod local;
mod memory;

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use address::PartAddress;
pub use local::LocalStore;
pub use memory::MemoryStore;

use crate::receipt::TaskResult;
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
    fn scratch(&self) -> Result<tempfile::TempDir, StoreError>;

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
    fn commit(self: Box<Self>, result: TaskResult, seconds: f64) -> Result<Receipt, StoreError>;
}

/// Writes `bytes` to `path` so that a reader sees either the old content or the new: writes a temporary file in the
/// same folder, syncs it, and renames it.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    use std::io::Write as _;
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// Like [`write_atomically`], with content that `write` writes to the file.
///
/// # Errors
/// When the folder cannot be written, or as `write`.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), StoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let mut file =
        temporary_with_mode(0o644).prefix(".aside-").tempfile_in(parent).map_err(|error| with_path(parent, &error))?;
    write(file.as_file_mut()).and_then(|()| file.as_file().sync_all()).map_err(|error| with_path(path, &error))?;
    file.persist(path).map_err(|error| with_path(path, &error.error))?;
    sync_dir(parent)
}

/// A builder of temporary files or folders with the permissions `mode`, less the umask. The default permissions exclude
/// other users, who may read the result after it is renamed.
pub(crate) fn temporary_with_mode(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    builder
}

/// Makes a rename inside `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    fs_err::File::open(dir)?.sync_all()?;
    Ok(())
}

/// Adds the path to the message of an error.
pub(crate) fn with_path(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
