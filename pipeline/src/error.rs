//! Errors of the core, grouped by what is at fault: the machine, the data, the settings, or this program.

use std::io;
use std::path::{Path, PathBuf};

use crate::UserError;
use crate::store::PartAddress;

/// An error of the store: the machine or a damaged file is at fault, never a document.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An error of the operating system; its message names the path.
    #[error("{}", with_io_hint(.0))]
    Io(io::Error),
    /// The bytes of a stored part do not match its receipt.
    #[error("{path}: {problem}; the part is damaged, and the next run recomputes it", path = path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// What differs.
        problem: String,
        /// The part to which the file belongs.
        address: PartAddress,
    },
    /// A file beside the parts is not what was written: a lock file, a snapshot, the record of a run.
    #[error("{path}: {problem}\nhint: {hint}", path = path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What differs.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A Parquet file could not be written or read.
    #[error("{path}: {source}", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The Parquet error.
        source: parquet::errors::ParquetError,
    },
}

impl StoreError {
    /// Wraps a Parquet error; an I/O error inside it keeps its kind.
    pub fn parquet(path: impl Into<PathBuf>, source: parquet::errors::ParquetError) -> Self {
        let path = path.into();
        if let parquet::errors::ParquetError::External(inner) = source {
            return match inner.downcast::<io::Error>() {
                Ok(error) => Self::Io(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
                Err(other) => Self::Parquet { path, source: parquet::errors::ParquetError::External(other) },
            };
        }
        Self::Parquet { path, source }
    }
}

/// Adds the path to the message of an error.
pub(crate) fn with_path(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// An I/O error with what to do about it.
fn with_io_hint(error: &io::Error) -> UserError {
    let message = UserError::new(error.to_string());
    match io_hint(error) {
        Some(hint) => message.with_hint(hint),
        None => message,
    }
}

/// What to do about an I/O error.
fn io_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some("no room to write; free some space (or raise the limit) and run again: finished parts are kept")
        }
        io::ErrorKind::OutOfMemory => {
            Some("free some memory or raise the limit (ulimit -v), or use fewer --threads, and run again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(
            "no permission to read or write this path; change its permissions or choose another folder with --store",
        ),
        io::ErrorKind::NotADirectory => Some("a component of this path is a file; choose another path with --store"),
        _ => {
            // Linux reports an exceeded RLIMIT_FSIZE as EFBIG, which older std versions leave uncategorised.
            let limited = error.to_string().contains("File too large");
            limited
                .then_some("a file size limit is in force (ulimit -f); raise it and run again: finished parts are kept")
        }
    }
}

/// Why a stage could not compute its partition. A bad document is never an error: it is a rejection.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading or writing outside the store failed.
    #[error("{}", with_io_hint(.0))]
    Io(io::Error),
    /// Arrow rejected an operation: a bug in this program.
    #[error("internal error in a record batch: {0}")]
    Arrow(arrow_schema::ArrowError),
    /// A stage panicked: a bug in this program.
    #[error(
        "internal error in stage {stage}: {message}\nhint: this is a bug; please report it with the command that you ran"
    )]
    Panic {
        /// The stage's name.
        stage: String,
        /// The panic's message.
        message: String,
    },
    /// A column that a stage needs is missing.
    #[error("column `{column}` is missing; available columns: {available}")]
    MissingColumn {
        /// The name of the missing column.
        column: String,
        /// The available names, separated by commas.
        available: String,
    },
    /// The type of a column is not the type that a stage needs.
    #[error("column `{column}` has type {found}, but {expected} is required")]
    ColumnType {
        /// The column's name.
        column: String,
        /// Its type.
        found: String,
        /// The type needed.
        expected: String,
    },
    /// A column's type has no byte rule in [`crate::key`].
    #[error("column `{column}` has type {data_type}, which corpusmill does not store")]
    UnsupportedColumn {
        /// The column's name.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// A stage violated [`RowContract::Conserving`](crate::RowContract::Conserving): a bug in this program.
    #[error("stage {stage} does not conserve rows: {rows_in} rows in, but {rows_out} out and {rejected} rejected")]
    RowsLost {
        /// The stage's name.
        stage: String,
        /// Rows read from the first port.
        rows_in: u64,
        /// Rows emitted.
        rows_out: u64,
        /// Rows rejected.
        rejected: u64,
    },
    /// The settings are invalid.
    #[error("{0}")]
    Settings(UserError),
    /// The input as a whole cannot be used.
    #[error("{0}")]
    Input(UserError),
    /// The run was interrupted.
    #[error("interrupted; run the same command again to resume")]
    Cancelled,
}

impl StageError {
    /// Settings that are invalid.
    pub fn settings(error: impl Into<UserError>) -> Self {
        Self::Settings(error.into())
    }

    /// An input that cannot be used as a whole.
    pub fn input(error: impl Into<UserError>) -> Self {
        Self::Input(error.into())
    }
}

impl From<arrow_schema::ArrowError> for StageError {
    /// Restores a stage error that passed through a batch stream.
    fn from(error: arrow_schema::ArrowError) -> Self {
        match error {
            arrow_schema::ArrowError::ExternalError(inner) => match inner.downcast::<Self>() {
                Ok(error) => *error,
                Err(other) => Self::Arrow(arrow_schema::ArrowError::ExternalError(other)),
            },
            other => Self::Arrow(other),
        }
    }
}

impl From<StageError> for arrow_schema::ArrowError {
    fn from(error: StageError) -> Self {
        Self::ExternalError(Box::new(error))
    }
}

impl StageError {
    /// Whether the error is a bug in this program.
    pub fn is_bug(&self) -> bool {
        matches!(self, Self::Arrow(_) | Self::Panic { .. } | Self::RowsLost { .. } | Self::UnsupportedColumn { .. })
    }
}

// Not `#[from]`: that would also make it the source, and its text would be shown twice.
impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<io::Error> for StageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
