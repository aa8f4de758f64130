//! The Arrow schemas of documents, rejected documents and edits, and typed access to their columns.
//!
//! Invariant: a document keeps its `id` from the moment it is read until it is a row of a token shard.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use xxhash_rust::xxh3::xxh3_128;

use crate::StageError;

/// The identity of a document: the hexadecimal XXH3-128 of its source's name and its origin, or the id that it
/// already had in the user's data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(String);

impl DocumentId {
    /// The id of the document at `origin` in `source`: XXH3-128 of `source`, a NUL byte, and `origin`.
    pub fn new(source: &str, origin: &str) -> Self {
        let mut bytes = Vec::with_capacity(source.len() + origin.len() + 1);
        bytes.extend_from_slice(source.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(origin.as_bytes());
        Self(format!("{:032x}", xxh3_128(&bytes)))
    }

    /// Wraps an id that the user's data already has.
    pub fn from_existing(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hexadecimal XXH3-128 of these bytes, as stored in the column `content_digest`.
pub fn content_digest(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Maximum rows of a batch.
pub const BATCH_ROWS: usize = 1024;
/// Maximum bytes of text in a batch; the first limit reached ends the batch. Small, because a reader, a stage and a
/// writer each hold a batch, and the C allocator keeps large freed blocks.
pub const BATCH_BYTES: usize = 2 << 20;

fn text_fields(names: &[(&str, bool)]) -> Vec<Field> {
    names.iter().map(|&(name, nullable)| Field::new(name, DataType::Utf8, nullable)).collect()
}

/// The columns that every document has. A stage that measures appends typed columns.
pub static DOCUMENT: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(text_fields(&[
        ("id", false),
        ("source", false),
        ("origin", false),
        ("text", false),
        ("title", true),
        ("language", true),
        ("licence", true),
        ("media_type", true),
        ("content_digest", false),
        ("charset", true),
    ])))
});

/// Rejected documents, one row each.
pub static REJECTED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields =
        text_fields(&[("id", false), ("source", false), ("origin", false), ("stage", false), ("rule", false)]);
    fields.push(Field::new("value", DataType::Float64, false));
    fields.push(Field::new("threshold", DataType::Float64, false));
    fields.extend(text_fields(&[("detail", true), ("related", true), ("language", true), ("excerpt", true)]));
    fields.push(Field::new("bytes", DataType::UInt64, false));
    Arc::new(Schema::new(fields))
});

/// Spans and lines that a stage cut from documents that it kept, one row per document and rule, or one per span where
/// each has a value.
pub static EDITS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = text_fields(&[("id", false), ("stage", false), ("rule", false)]);
    fields.push(Field::new("count", DataType::UInt64, false));
    fields.push(Field::new("bytes", DataType::UInt64, false));
    fields.push(Field::new("value", DataType::Float64, true));
    Arc::new(Schema::new(fields))
});

/// Schema of the named document columns only, for a port.
///
/// # Panics
/// When a name is not a column of [`static@DOCUMENT`], which is a bug of the calling stage.
pub fn document_columns(names: &[&str]) -> SchemaRef {
    let fields: Vec<Field> = names
        .iter()
        .map(|name| DOCUMENT.field_with_name(name).expect("a port names columns of DOCUMENT").clone())
        .collect();
    Arc::new(Schema::new(fields))
}

/// A text column of a batch.
///
/// # Errors
/// When the column is missing or is not text.
pub fn text_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, StageError> {
    let array = batch.column_by_name(name).ok_or_else(|| missing(batch.schema_ref(), name))?;
    array.as_string_opt::<i32>().ok_or_else(|| StageError::ColumnType {
        column: name.to_owned(),
        found: array.data_type().to_string(),
        expected: "Utf8".to_owned(),
    })
}

/// A text column that may be missing or null.
pub fn optional_text<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a str> {
    let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row))
}

/// The error for a missing column.
pub fn missing(schema: &Schema, name: &str) -> StageError {
    let available = schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    StageError::MissingColumn { column: name.to_owned(), available }
}

/// The batch with one text column replaced.
///
/// # Errors
/// When a column is missing or lengths differ.
pub fn with_column(batch: &RecordBatch, name: &str, values: ArrayRef) -> Result<RecordBatch, StageError> {
    let index = batch.schema_ref().index_of(name).map_err(|_| missing(batch.schema_ref(), name))?;
    let mut columns = batch.columns().to_vec();
    columns[index] = values;
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

/// One document, before it is added to a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// See [`DocumentId`].
    pub id: String,
    /// The recipe's name for where it came from.
    pub source: String,
    /// URL, path, or archive and path.
    pub origin: String,
    /// The text.
    pub text: String,
    /// The title, if the input has one.
    pub title: Option<String>,
    /// ISO 639-3.
    pub language: Option<String>,
    /// SPDX expression.
    pub licence: Option<String>,
    /// Media type, such as `text/x-rust`.
    pub media_type: Option<String>,
    /// See [`content_digest`].
    pub content_digest: String,
    /// WHATWG name of the encoding that the text was decoded from. Set for every HTML page read as bytes, and for other
    /// files that were not UTF-8.
    pub charset: Option<String>,
}

/// Collects documents into batches of bounded size.
#[derive(Debug, Default)]
pub struct DocumentBuilder {
    columns: [StringBuilder; 10],
    rows: usize,
    bytes: usize,
}

impl DocumentBuilder {
    /// Adds a document; returns a batch when one is full.
    ///
    /// # Errors
    /// Never in practice; only Arrow's length checks can fail.
    pub fn push(&mut self, document: Document) -> Result<Option<RecordBatch>, StageError> {
        let Document { id, source, origin, text, title, language, licence, media_type, content_digest, charset } =
            document;
        self.rows += 1;
        self.bytes += text.len();
        let values = [
            Some(id),
            Some(source),
            Some(origin),
            Some(text),
            title,
            language,
            licence,
            media_type,
            Some(content_digest),
            charset,
        ];
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.append_option(value);
        }
        if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES { self.take() } else { Ok(None) }
    }

    /// Takes the remaining rows as a batch; `None` if there are none.
    ///
    /// # Errors
    /// Never in practice; only Arrow's length checks can fail.
    pub fn take(&mut self) -> Result<Option<RecordBatch>, StageError> {
        if self.rows == 0 {
            return Ok(None);
        }
        (self.rows, self.bytes) = (0, 0);
        let columns = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        Ok(Some(RecordBatch::try_new(DOCUMENT.clone(), columns)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_source_and_origin() {
        assert_eq!(DocumentId::new("a", "bc"), DocumentId::new("a", "bc"));
        assert_ne!(DocumentId::new("a", "bc"), DocumentId::new("ab", "c"));
        assert_eq!(DocumentId::new("docs", "x").as_str().len(), 32);
    }

    #[test]
    fn the_builder_cuts_batches_by_bytes() {
        let mut builder = DocumentBuilder::default();
        let big = Document { text: "x".repeat(BATCH_BYTES / 2), ..Document::default() };
        assert!(builder.push(big.clone()).unwrap().is_none());
        assert_eq!(builder.push(big).unwrap().unwrap().num_rows(), 2);
        assert!(builder.take().unwrap().is_none());
    }
}
