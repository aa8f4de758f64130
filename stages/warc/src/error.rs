//! The errors of readers and the writer.
//!
//! Invariant: damage inside an archive is never an error.

use std::io;
use std::path::PathBuf;

/// An error that stops reading or writing an archive. Damage inside an archive is not an error (see
/// [`Lost`](crate::Lost)).
#[derive(Debug, thiserror::Error)]
pub enum WarcError {
    /// Reading from the underlying input failed.
    #[error("failed to read the archive at byte {offset}: {source}; check the disk or the connection and try again")]
    Read {
        /// Bytes of the (compressed) archive read before the failure.
        offset: u64,
        /// The I/O error of the input.
        source: io::Error,
    },
    /// The output file could not be written, synced or truncated.
    #[error("{path}: failed to write the archive: {source}; check free space and permissions")]
    Write {
        /// Path of the archive.
        path: PathBuf,
        /// The I/O error of the file system.
        source: io::Error,
    },
    /// A header value contains a line break, which would inject further header lines.
    #[error("WARC header {name}: the value {value:?} contains a line break; encode the URL or omit the field")]
    HeaderValue {
        /// Name of the header field.
        name: String,
        /// The rejected value.
        value: String,
    },
    /// The archive is shorter than the committed length, so committed records are missing.
    #[error(
        "{path}: the archive has {length} bytes, but {committed} were committed; restore it or crawl into a new folder"
    )]
    TooShort {
        /// Path of the archive.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The requested offset.
        committed: u64,
    },
}
