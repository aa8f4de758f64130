//! Readers and a writer of WARC archives (ISO 28500, versions 1.0 and 1.1), where web documents enter the pipeline.
//!
//! [`WarcReader`] streams the records of plain, gzip and zstd archives. [`parse_http`] parses the response inside a
//! record. [`ArcReader`] reads ARC, the predecessor of WARC. [`WarcWriter`] writes what the crawler fetched, one gzip
//! member per record. [`cdxj_line`] formats the index line of a capture.
//!
//! Invariant: no byte sequence makes this crate panic or exceed its documented memory limits. Damage becomes a [`Lost`]
//! item with its offset and size, and reading resumes at the next record.

mod arc;
mod compression;
mod decoder;
mod http;
mod index;
mod parts;
mod reader;
mod record;
mod rewind_buffer;
#[cfg(test)]
mod tests;
mod writer;

pub use arc::ArcReader;
pub use compression::Compression;
pub use http::{HttpError, HttpResponse, parse_http, parse_http_bounded};
pub use index::{cdxj_line, index, surt};
pub use parts::{part_options, parts};
pub use reader::{ArchiveItem, ReaderOptions, WarcReader};
pub use record::{Lost, Record, RecordKind, Skipped};
pub use writer::{RecordLocation, RefersTo, RevisitReason, WarcWriter, digest};

/// An error that stops reading or writing an archive. Damage inside an archive is not an error (see [`Lost`]).
#[derive(Debug, thiserror::Error)]
pub enum WarcError {
    /// Reading from the underlying input failed.
    #[error("failed to read the archive at byte {offset}: {source}; check the disk or the connection and try again")]
    Read {
        /// Bytes of the (compressed) archive read before the failure.
        offset: u64,
        /// The I/O error of the input.
        source: std::io::Error,
    },
    /// The output file could not be written, synced or truncated.
    #[error("{path}: failed to write the archive: {source}; check free space and permissions")]
    Write {
        /// Path of the archive.
        path: std::path::PathBuf,
        /// The I/O error of the file system.
        source: std::io::Error,
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
        path: std::path::PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The requested offset.
        committed: u64,
    },
}
