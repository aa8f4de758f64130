//! Pure readers: files, archives and data sets become raw documents.
//!
//! This is the first step on a document's path, before a snapshot is written. Every reader is an iterator over
//! `Result<Item, AcquireError>`, streams its input and holds at most one document (for Parquet one small batch) in memory.
//!
//! Invariant: whatever is wrong with the *content* of an input is an [`Item::Refused`] with a rule, a measured value and
//! a threshold; whatever is wrong with the *machine* (a file that cannot be opened, a disk that fails) is an
//! [`AcquireError`]. No reader panics, and none follows a path found inside an archive.
//!
//! WARC files are read elsewhere: [`files::read`] says so instead of guessing.

use std::io;
use std::path::PathBuf;

pub mod archive;
pub mod code_files;
pub mod columns;
pub mod compress;
pub mod crates;
mod encoding;
pub mod files;
pub mod format;
mod front_matter;
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
pub mod split;
mod tar_members;
pub mod text;
mod watch;
mod zip_members;

/// The content of a document as it came: bytes whose encoding is still open, or text.
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

    /// True where there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, whichever kind they are.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }

    /// The text, where it is text already.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

/// One document as an input holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// Where it came from: a path, `archive!member`, `file#row` (counted from 1), or the URL that the input names.
    pub origin: String,
    /// Its content.
    pub body: Body,
    /// Media type, lower case, without parameters: `text/markdown`, `text/x-rust`.
    pub media_type: String,
    /// Title, where the input names one.
    pub title: Option<String>,
    /// Language as the input writes it (not normalised).
    pub language: Option<String>,
    /// Licence as the input writes it: an SPDX expression where it is one.
    pub licence: Option<String>,
    /// Identifier as the input writes it.
    pub id: Option<String>,
    /// What tells it from others of its origin, where an input holds several: enters the id.
    pub capture: Option<String>,
    /// Encoding from which `body` was decoded (WHATWG name: `windows-1252`); `None` where the input was text, or a file in UTF-8 other than HTML.
    pub encoding: Option<&'static str>,
}

impl RawDocument {
    /// A document of which only the content is known.
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

/// A document, or a part of an input, that a reader would not hand on.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Where it came from, as in [`RawDocument::origin`].
    pub origin: String,
    /// Name of the rule, kebab-case: `too-large`, `bad-json`.
    pub rule: &'static str,
    /// What was measured; its unit is that of the rule.
    pub value: f64,
    /// What would have been allowed.
    pub threshold: f64,
    /// More, for a human.
    pub detail: Option<String>,
    /// As in [`RawDocument::capture`].
    pub capture: Option<String>,
}

impl Refused {
    /// A refusal with its measured value and the threshold it crossed.
    pub fn new(origin: impl Into<String>, rule: &'static str, value: f64, threshold: f64) -> Self {
        Self { origin: origin.into(), rule, value, threshold, detail: None, capture: None }
    }

    /// The same refusal with a detail for a human.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// What a reader yields: a document, or a refusal on record.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A document to go on with.
    Document(RawDocument),
    /// Something that was not handed on, and why.
    Refused(Refused),
}

impl Item {
    /// The document, if it is one.
    pub fn document(self) -> Option<RawDocument> {
        match self {
            Self::Document(document) => Some(document),
            Self::Refused(_) => None,
        }
    }

    /// The refusal, if it is one.
    pub fn refused(self) -> Option<Refused> {
        match self {
            Self::Document(_) => None,
            Self::Refused(refused) => Some(refused),
        }
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        match self {
            Self::Document(document) => &document.origin,
            Self::Refused(refused) => &refused.origin,
        }
    }
}

/// What one step of a reader gives.
pub type Read = Result<Item, AcquireError>;

/// Any reader of this module.
pub type Items = Box<dyn Iterator<Item = Read> + Send>;

/// The input cannot be read as asked: the machine, or the recipe, is at fault.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// An operation of the file system failed; the message names the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A path of the recipe does not exist.
    #[error("no such file or directory: `{}` (the nearest folder that exists is `{}`){hint}", path.display(), nearest.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
        /// Its nearest parent that exists.
        nearest: PathBuf,
        /// ` did you mean …`, or empty.
        hint: String,
    },
    /// A path names something that is neither a regular file nor a directory.
    #[error("`{}` is neither a file nor a directory: give a file, a directory, a glob, or `-` for standard input", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// A glob cannot be parsed.
    #[error("`{pattern}` is not a valid glob: {reason}")]
    BadGlob {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A glob matched no file.
    #[error("`{pattern}` matches no file (looked below `{}`; hidden files are skipped unless `hidden` is set)", base.display())]
    NoMatch {
        /// The pattern as given.
        pattern: String,
        /// Where the search began.
        base: PathBuf,
    },
    /// A column of the mapping is not in the data.
    #[error("`{file}` has no column `{column}`; it has {columns}{hint}")]
    NoColumn {
        /// The file.
        file: String,
        /// The column that the mapping names.
        column: String,
        /// The columns that the file has, quoted and separated by commas.
        columns: String,
        /// `; did you mean …`, or empty.
        hint: String,
    },
    /// No reader of this module fits the file.
    #[error("cannot read `{file}`: {reason}")]
    UnknownFormat {
        /// The file.
        file: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A Cargo.lock cannot be used.
    #[error("cannot use `{}`: {reason}", path.display())]
    BadLock {
        /// The lock file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Packages of the lock are not in cargo's cache.
    #[error(
        "{missing} of {total} packages of `{}` are not in cargo's cache `{}` ({examples}): run `cargo fetch --locked` there, or set CARGO_HOME",
        lock.display(), cache.display()
    )]
    CratesMissing {
        /// The lock file.
        lock: PathBuf,
        /// Where archives were looked for.
        cache: PathBuf,
        /// How many are missing.
        missing: usize,
        /// How many packages the lock names.
        total: usize,
        /// Up to five names.
        examples: String,
    },
    /// An archive is not the one that the lock names.
    #[error(
        "`{}` has sha256 {found}, but Cargo.lock says {expected}: delete the file and run `cargo fetch --locked`",
        path.display()
    )]
    Checksum {
        /// The archive.
        path: PathBuf,
        /// Its digest, lower-case hex.
        found: String,
        /// The digest of the lock.
        expected: String,
    },
}

/// A count as the `f64` of a verdict; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes and rows stay far below 2^53")]
pub(crate) fn measure(count: u64) -> f64 {
    count as f64
}

/// A length as the `f64` of a verdict.
pub(crate) fn measure_len(count: usize) -> f64 {
    measure(count as u64)
}
