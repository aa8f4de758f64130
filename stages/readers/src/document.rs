//! A document as read, the rejection of one, and the item of a reader that is either.
//!
//! Every reader of this crate yields these types; the first step of a recipe turns them into rows.
//!
//! Invariant: a rejection names its rule, the measured value and the threshold.

use crate::ReaderError;
use corpusmill_pipeline::Rejection;

/// The content of a document as read: bytes of unknown encoding, or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Bytes as stored; [`to_text`](crate::text::to_text) decodes them.
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
pub struct RejectedInput {
    /// Origin, as in [`RawDocument::origin`].
    pub origin: String,
    /// Why.
    pub rejection: Rejection,
    /// Capture, as in [`RawDocument::capture`].
    pub capture: Option<String>,
}

impl RejectedInput {
    /// Creates a rejection from its measured value and the threshold it crossed.
    pub fn new(origin: impl Into<String>, rule: &'static str, value: f64, threshold: f64) -> Self {
        Self { origin: origin.into(), rejection: Rejection::new(rule, value, threshold), capture: None }
    }

    /// A rejection by a rule without a measured value: value 1, threshold 0.
    pub fn unmeasured(origin: impl Into<String>, rule: &'static str) -> Self {
        Self { origin: origin.into(), rejection: Rejection::unmeasured(rule), capture: None }
    }

    /// Adds details for people.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { rejection: self.rejection.with_detail(detail), ..self }
    }
}

/// What a reader yields: a document or a rejection.
#[derive(Debug, Clone, PartialEq)]
pub enum ReaderItem {
    /// A document.
    Document(RawDocument),
    /// A rejected document or part of an input, and the reason.
    Rejected(RejectedInput),
}

impl ReaderItem {
    /// Returns the document, if it is one.
    pub fn document(self) -> Option<RawDocument> {
        match self {
            Self::Document(document) => Some(document),
            Self::Rejected(_) => None,
        }
    }

    /// Returns the rejection, if it is one.
    pub fn rejected(self) -> Option<RejectedInput> {
        match self {
            Self::Document(_) => None,
            Self::Rejected(rejected) => Some(rejected),
        }
    }

    /// Returns the origin.
    pub fn origin(&self) -> &str {
        match self {
            Self::Document(document) => &document.origin,
            Self::Rejected(rejected) => &rejected.origin,
        }
    }
}

/// The result of one step of a reader.
pub type ReadResult = Result<ReaderItem, ReaderError>;

/// Any reader of this crate.
pub type Items = Box<dyn Iterator<Item = ReadResult> + Send>;

/// Converts a count to the `f64` of a rejection; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes and rows stay far below 2^53")]
pub(crate) fn count_f64(count: u64) -> f64 {
    count as f64
}

/// Converts a length to the `f64` of a rejection.
pub(crate) fn len_f64(count: usize) -> f64 {
    count_f64(count as u64)
}
