//! Readers that turn files, archives and data sets into raw documents.
//!
//! This is the first step on a document's path. Every reader is an iterator over `Result<ReaderItem, ReaderError>`, streams
//! its input and keeps at most one document (for Parquet one small batch) in memory.
//!
//! Invariant: a fault in the *content* of an input yields [`ReaderItem::Refused`] with a rule, a measured value and a
//! threshold; a fault of the *machine* (a file that cannot be opened, a disk that fails) returns [`ReaderError`]. No
//! reader panics, and none follows a path found inside an archive.
//!
//! WARC files have their own reader: [`files::read`] returns an error for them.

use std::io;
use std::path::PathBuf;

pub mod archive;
pub mod code_files;
pub mod columns;
pub mod compress;
pub mod content_kind;
pub mod crates;
mod encoding;
pub mod files;
pub mod format;
mod front_matter;
mod io_guard;
pub mod jats;
mod jats_elements;
mod json_array;
pub mod jsonl;
pub mod languages;
pub mod latex;
mod latex_commands;
mod latex_parts;
mod latex_text;
mod lines;
pub mod listing;
pub mod parquet;
mod parquet_cells;
mod tar_members;
pub mod text;
mod zip_members;

/// The content of a document as read: bytes of unknown encoding, or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Bytes as stored; [`text::to_text`] decodes them.
    Bytes(Vec<u8>),
    /// Text, valid UTF-8 by construction.
    Text(String),
}

impl Body {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Returns true if the body is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of either variant.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }

    /// Returns the text if the body is already text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

/// One document as stored in an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// Origin: a path, `archive!member`, `file#row` (counted from 1), or the URL given by the input.
    pub origin: String,
    /// Content.
    pub body: Body,
    /// Media type, lower case, without parameters: `text/markdown`, `text/x-rust`.
    pub media_type: String,
    /// Title, if the input has one.
    pub title: Option<String>,
    /// Language as given by the input (not normalised).
    pub language: Option<String>,
    /// Licence as given by the input, ideally an SPDX expression.
    pub licence: Option<String>,
    /// Identifier as given by the input.
    pub id: Option<String>,
    /// Value that distinguishes documents of the same origin, if an input has several; it is part of the document's id.
    pub capture: Option<String>,
    /// Encoding from which `body` was decoded (WHATWG name: `windows-1252`); `None` if the input was text, or a UTF-8
    /// file other than HTML.
    pub encoding: Option<&'static str>,
}

impl RawDocument {
    /// Creates a document of which only the content is known.
    pub fn new(origin: impl Into<String>, body: Body, media_type: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            body,
            media_type: media_type.into(),
            title: None,
            language: None,
            licence: None,
            id: None,
            capture: None,
            encoding: None,
        }
    }
}

/// A document, or a part of an input, that a reader rejected.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Origin, as in [`RawDocument::origin`].
    pub origin: String,
    /// Name of the rule in kebab case: `too-large`, `bad-json`.
    pub rule: &'static str,
    /// Measured value, in the unit of the rule.
    pub value: f64,
    /// Threshold that the value crossed.
    pub threshold: f64,
    /// Details for people.
    pub detail: Option<String>,
    /// Capture, as in [`RawDocument::capture`].
    pub capture: Option<String>,
}

impl Refused {
    /// Creates a rejection from its measured value and the threshold it crossed.
    pub fn new(origin: impl Into<String>, rule: &'static str, value: f64, threshold: f64) -> Self {
        Self { origin: origin.into(), rule, value, threshold, detail: None, capture: None }
    }

    /// Adds details for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// What a reader yields: a document or a rejection.
#[derive(Debug, Clone, PartialEq)]
pub enum ReaderItem {
    /// A document.
    Document(RawDocument),
    /// A rejected document or part of an input, and the reason.
    Refused(Refused),
}

impl ReaderItem {
    /// Returns the document, if it is one.
    pub fn document(self) -> Option<RawDocument> {
        match self {
            Self::Document(document) => Some(document),
            Self::Refused(_) => None,
        }
    }

    /// Returns the rejection, if it is one.
    pub fn refused(self) -> Option<Refused> {
        match self {
            Self::Document(_) => None,
            Self::Refused(refused) => Some(refused),
        }
    }

    /// Returns the origin.
    pub fn origin(&self) -> &str {
        match self {
            Self::Document(document) => &document.origin,
            Self::Refused(refused) => &refused.origin,
        }
    }
}

/// The result of one step of a reader.
pub type ReadResult = Result<ReaderItem, ReaderError>;

/// Any reader of this crate.
pub type Items = Box<dyn Iterator<Item = ReadResult> + Send>;

/// The input cannot be read as requested, because of the machine or the recipe.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// A file system operation failed; the message names the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A path of the recipe does not exist.
    #[error("no such file or directory: `{}` (the nearest existing folder is `{}`){hint}", path.display(), nearest.display())]
    NotFound {
        /// Path as given.
        path: PathBuf,
        /// Nearest existing parent.
        nearest: PathBuf,
        /// `; did you mean …`, or empty.
        hint: String,
    },
    /// A path is neither a regular file nor a directory.
    #[error("`{}` is neither a file nor a directory: give a file, a directory, a glob, or `-` for standard input", path.display())]
    NotAFile {
        /// Path as given.
        path: PathBuf,
    },
    /// A glob cannot be parsed.
    #[error("`{pattern}` is not a valid glob: {reason}")]
    BadGlob {
        /// Pattern as given.
        pattern: String,
        /// What is wrong with the pattern.
        reason: String,
    },
    /// A glob matched no file.
    #[error("`{pattern}` matches no file below `{}`: check the pattern, or set `hidden` to include hidden files", base.display())]
    NoMatch {
        /// Pattern as given.
        pattern: String,
        /// Folder in which the search began.
        base: PathBuf,
    },
    /// The data lacks a column of the mapping.
    #[error("`{file}` has no column `{column}`; it has {columns}{hint}")]
    NoColumn {
        /// The file.
        file: String,
        /// Column in the mapping.
        column: String,
        /// Columns of the file, quoted and separated by commas.
        columns: String,
        /// `; did you mean …`, or empty.
        hint: String,
    },
    /// No reader of this crate supports the file.
    #[error("cannot read `{file}`: {reason}")]
    UnknownFormat {
        /// The file.
        file: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// A Cargo.lock cannot be used.
    #[error("cannot use `{}`: {reason}", path.display())]
    BadLock {
        /// Path of the lock file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// Packages of the lock file are not in cargo's cache.
    #[error(
        "{missing} of {total} packages of `{}` are not in cargo's cache `{}` ({examples}): run `cargo fetch --locked` there, or set CARGO_HOME",
        lock.display(), cache.display()
    )]
    CratesMissing {
        /// Path of the lock file.
        lock: PathBuf,
        /// Folder in which archives were searched.
        cache: PathBuf,
        /// Number of missing packages.
        missing: usize,
        /// Number of packages in the lock file.
        total: usize,
        /// Names of up to five missing packages.
        examples: String,
    },
    /// An archive differs from the one in the lock file.
    #[error(
        "`{}` has sha256 {found}, but Cargo.lock has {expected}: delete the file and run `cargo fetch --locked`",
        path.display()
    )]
    Checksum {
        /// Path of the archive.
        path: PathBuf,
        /// Digest of the archive, lower-case hex.
        found: String,
        /// Digest in the lock file.
        expected: String,
    },
}

/// Converts a count to the `f64` of a rejection; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes and rows stay far below 2^53")]
pub(crate) fn count_f64(count: u64) -> f64 {
    count as f64
}

/// Converts a length to the `f64` of a rejection.
pub(crate) fn len_f64(count: usize) -> f64 {
    count_f64(count as u64)
}
