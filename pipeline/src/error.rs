//! The errors of the core, sorted by who can mend them: the machine, the data, the settings, or us.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::store::Address;

/// The causes of an error, joined for a person; a cause that is already quoted by what stands before it is not said again.
pub fn message(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error).map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether the reader of our output has gone, which is no fault.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let kind = |cause: &(dyn Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    causes(error).any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| error.source())
}

/// Something went wrong with the store: the machine or a damaged file, never a document.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused; its message names the path.
    #[error("{0}{hint}", hint = io_hint(.0))]
    Io(io::Error),
    /// A stored part does not hold the bytes that its receipt promises.
    #[error("{path}: {problem}; the part is damaged and will be made again by the next run", path = path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// What differs.
        problem: String,
        /// The part to which the file belongs.
        address: Address,
    },
    /// A Parquet file could not be written or read.
    #[error("{path}: {source}", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What Parquet says.
        source: parquet::errors::ParquetError,
    },
}

impl StoreError {
    /// Wraps a Parquet error; a write error of the machine keeps its kind.
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

/// What to do about an error of the machine.
fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "\nhint: no room to write; free some space (or raise the limit) and run again: finished parts are kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: the place is not writable or readable; choose another with --store or change its permissions"
        }
        io::ErrorKind::NotADirectory => "\nhint: a part of this path is a file; choose another place with --store",
        _ => {
            // Linux reports a crossed RLIMIT_FSIZE as EFBIG, which older std versions leave uncategorised.
            if error.to_string().contains("File too large") {
                "\nhint: a file size limit is in force (ulimit -f); raise it and run again: finished parts are kept"
            } else {
                ""
            }
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
    #[error("{0}{hint}", hint = io_hint(.0))]
    Io(io::Error),
    /// Arrow refused an operation: a bug of ours.
    #[error("internal error in a record batch: {0}")]
    Arrow(arrow_schema::ArrowError),
    /// A stage panicked: a bug of ours.
    #[error(
        "internal error in stage {stage}: {message}\nhint: this is a bug; please report it with the command that you ran"
    )]
    Panic {
        /// The stage's name.
        stage: String,
        /// The panic's message.
        message: String,
    },
    /// A column that a stage needs is not there.
    #[error("column `{column}` is missing: there are {available}")]
    MissingColumn {
        /// The name looked for.
        column: String,
        /// The names that are there, separated by commas.
        available: String,
    },
    /// A column has another type than a stage needs.
    #[error("column `{column}` has type {found}, but {expected} is needed")]
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
    /// A stage broke its own law of conservation: a bug of ours.
    #[error("stage {stage} broke its law: {rows_in} rows in, but {rows_out} out and {rejected} rejected")]
    Law {
        /// The stage's name.
        stage: String,
        /// Rows read from the first port.
        rows_in: u64,
        /// Rows emitted.
        rows_out: u64,
        /// Rows rejected.
        rejected: u64,
    },
    /// The settings cannot work; the message says what to change.
    #[error("{0}")]
    Settings(String),
    /// The input as a whole cannot be used; the message names it and says what to do.
    #[error("{0}")]
    Input(String),
    /// The run was interrupted.
    #[error("interrupted; run the same command again to go on")]
    Cancelled,
}

impl From<arrow_schema::ArrowError> for StageError {
    /// An error that travelled through a batch stream comes out as it went in.
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
    /// Whether the fault is ours rather than the user's or the machine's.
    pub fn is_bug(&self) -> bool {
        matches!(self, Self::Arrow(_) | Self::Panic { .. } | Self::Law { .. } | Self::UnsupportedColumn { .. })
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
