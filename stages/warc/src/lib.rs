//! Reading, writing and indexing of web archives, through which web documents enter the pipeline.
//!
//! This crate reads WARC 1.0 and 1.1 (ISO 28500), plain, gzip or zstd, with members divided in any way, and ARC, the
//! predecessor of WARC, plain or gzip. It writes WARC 1.1 with one gzip member per record, so that a record can be read
//! from its offset alone.
//!
//! ```
//! use corpusmill_warc::{ArchiveItem, WarcReader, WarcWriter, parse_http};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("a.warc.gz");
//! let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>";
//! let mut writer = WarcWriter::create(&path)?;
//! writer.response("https://example.org/", "2026-01-31T12:00:00Z", response, &[])?;
//! writer.sync()?;
//!
//! let archive: Vec<u8> = fs_err::read(&path)?;
//! let items: Vec<ArchiveItem> = WarcReader::new(&archive[..])?.collect::<Result<_, _>>()?;
//! let [ArchiveItem::Record(record)] = &items[..] else { panic!("{items:?}") };
//! assert_eq!(record.target_uri(), Some("https://example.org/"));
//! assert_eq!(parse_http(&record.block)?.body, b"<p>Hello</p>");
//!
//! // A truncated record is reported, never returned short.
//! let cut: Vec<ArchiveItem> = WarcReader::new(&archive[..archive.len() - 1])?.collect::<Result<_, _>>()?;
//! assert!(matches!(&cut[..], [ArchiveItem::Lost(lost)] if lost.offset == 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | provides |
//! |---|---|
//! | `reader` | [`WarcReader`]: the records of a WARC archive, or of a part of one |
//! | `arc` | [`ArcReader`]: the records of an ARC file, converted to WARC records |
//! | `record` | [`Record`], and what is yielded in its place: [`Skipped`] and [`Lost`] |
//! | `http` | [`parse_http`]: the response inside a record, with its codings decoded |
//! | `media_type` | [`sniff_media_type`]: the type of a body that has no `Content-Type` |
//! | `parts` | [`parts`](fn@parts): byte ranges of a large archive, for several readers |
//! | `compression` | [`Compression`], detected from the first bytes |
//! | `decoder`, `rewind_buffer` | the members of an archive, and the search for the next one after damage |
//! | `writer` | [`WarcWriter`]: records whose bytes depend on the arguments only |
//! | `index` | [`index`](fn@index) and [`cdxj_line`]: the CDXJ index with which replay tools find a capture |
//! | `error` | [`WarcError`] |
//!
//! Damage becomes a [`Lost`] item with its offset and size. In WARC, reading resumes at the next record. In ARC, whose
//! records have no delimiter, the first damage ends reading.
//!
//! Invariant: no byte sequence makes this crate panic or exceed its documented memory limits, no damaged record is
//! returned as a record, and nothing is printed or kept in global state.

mod arc;
mod compression;
mod decoder;
mod error;
mod http;
mod index;
mod media_type;
mod parts;
mod reader;
mod record;
mod rewind_buffer;
#[cfg(test)]
mod tests;
mod writer;

pub use arc::ArcReader;
pub use compression::Compression;
pub use error::WarcError;
pub use http::{HttpError, HttpResponse, parse_http, parse_http_bounded, unpack_gzip};
pub use index::{cdxj_line, index, surt};
pub use media_type::sniff_media_type;
pub use parts::{part_options, parts};
pub use reader::{ArchiveItem, ReaderOptions, WarcReader};
pub use record::{Lost, Record, RecordKind, Skipped};
pub use writer::{RecordLocation, RefersTo, RevisitReason, WarcWriter, digest};
