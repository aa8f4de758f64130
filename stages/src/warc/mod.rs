//! WARC archives (ISO 28500, versions 1.0 and 1.1): the first station of a web document.
//!
//! [`WarcReader`] streams the records of plain, gzip and zstd archives, [`parse_http`] opens the response inside a record, and
//! [`ArcReader`] does so for ARC, WARC's predecessor. [`WarcWriter`] writes what the crawler fetched, one gzip member a record. [`cdxj_line`] gives the index line of a capture.
//!
//! Invariant: no byte sequence makes this module panic or hold more than its documented bounds; damage becomes a [`Lost`] item that
//! says where and how much, and reading goes on at the next record.

mod arc;
mod compression;
mod decoder;
mod http;
mod index;
mod input;
mod parts;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod writer;

pub use arc::ArcReader;
pub use compression::Compression;
pub use http::{HttpError, HttpResponse, parse_http, parse_http_bounded};
pub use index::{cdxj_line, index, surt};
pub use parts::{part_options, parts};
pub use reader::{Item, ReaderOptions, WarcReader};
pub use record::{Lost, Record, RecordKind, Skipped};
pub use writer::{RefersTo, RevisitReason, WarcWriter, Written, digest};

/// What can stop reading or writing an archive; damage inside an archive is not among it (see [`Lost`]).
#[derive(Debug, thiserror::Error)]
pub enum WarcError {
    /// The input below the reader failed.
    #[error("reading the archive failed at byte {offset}: {source}; check the disk or the connection and start again")]
    Read {
        /// Bytes of the (compressed) archive read before the failure.
        offset: u64,
        /// What the input said.
        source: std::io::Error,
    },
    /// The output file could not be written, synced or cut.
    #[error("{path}: writing the archive failed: {source}; check free space and permissions")]
    Write {
        /// The archive.
        path: std::path::PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A header value holds a line break and would forge further header lines.
    #[error("WARC header {name}: the value {value:?} holds a line break; encode the address or drop the field")]
    HeaderValue {
        /// Name of the header field.
        name: String,
        /// The value refused.
        value: String,
    },
    /// The archive is shorter than the place to cut it at, so committed records are missing.
    #[error(
        "{path}: {length} bytes long, but {wanted} were committed; restore the file or crawl again into a new folder"
    )]
    TooShort {
        /// The archive.
        path: std::path::PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The offset asked for.
        wanted: u64,
    },
}
