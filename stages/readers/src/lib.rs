//! Readers that turn files, archives, datasets, papers and source code into raw documents.
//!
//! Runs first, before every other stage. A listing expands the paths of a recipe, [`files::read`] selects the reader of
//! each file by its format, and the reader yields documents and rejections:
//!
//! ```
//! use corpusmill_readers::files::{self, FilePart, FileSettings};
//! use corpusmill_readers::listing::{ListingSettings, list};
//! use corpusmill_readers::ReaderItem;
//!
//! let folder = tempfile::tempdir()?;
//! fs_err::write(folder.path().join("a.jsonl"), "{\"text\": \"one\"}\n{\"text\": 2}\n")?;
//!
//! let listing = list(&["*.jsonl".to_owned()], folder.path(), &ListingSettings::default())?;
//! let reader = files::read(&listing.files[0], &FilePart::Whole, &FileSettings::default())?;
//! let items: Vec<ReaderItem> = reader.collect::<Result<_, _>>()?;
//!
//! let [ReaderItem::Document(first), ReaderItem::Rejected(second)] = &items[..] else { panic!("{items:?}") };
//! assert_eq!((first.origin.as_str(), first.body.as_text()), ("a.jsonl#1", Some("one")));
//! assert_eq!((second.origin.as_str(), second.rejection.rule.as_ref()), ("a.jsonl#2", "no-text"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | reads |
//! |---|---|
//! | [`listing`] | paths, directories and globs, as a sorted list of files |
//! | [`format`](mod@format) | the name of a file, as its format |
//! | [`files`] | a listed file of any format, or a part of one |
//! | [`archives`] | the members of tar, `.crate` and zip archives |
//! | [`datasets`] | the rows of JSON Lines, JSON arrays and Parquet |
//! | [`text`] | one file: its media type, its encoding, and the title of Markdown |
//! | [`papers`] | LaTeX and JATS articles, as Markdown |
//! | [`code`] | source trees and the packages of a Cargo.lock, by named rules |
//!
//! Every reader is an iterator over [`ReadResult`], streams its input and keeps at most one document (for Parquet one
//! small batch) in memory. No reader prints or keeps global state.
//!
//! Invariant: a fault in the *content* of an input yields [`ReaderItem::Rejected`] with a rule, a measured value and a
//! threshold; a fault of the *machine* (a file that cannot be opened, a disk that fails) returns [`ReaderError`]. No
//! reader panics, and none follows a path found inside an archive.
//!
//! WARC files have their own reader, the crate `corpusmill-warc`: [`files::read`] returns an error for them.

pub mod archives;
mod closest;
pub mod code;
pub mod datasets;
mod document;
mod error;
#[cfg(test)]
mod fault_tests;
pub mod files;
pub mod format;
mod io_guard;
mod lines;
pub mod listing;
pub mod papers;
pub mod text;

pub use document::{Body, Items, RawDocument, ReadResult, ReaderItem, RejectedInput};
pub use error::ReaderError;
