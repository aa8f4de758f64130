//! The stage `tokenize`: encodes each document, with the end-of-document token.
//!
//! Invariant: one row per document, in order. If the vocabulary is byte-level without a normalizer, decoding the tokens
//! restores the text byte for byte.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, optional_text, text_column};
use corpusmill_pipeline::{Port, Reads, Stage, StageError, Task};
use corpusmill_shards::{Split, TokenWidth, encode_tokens};

use super::encode::Encoder;
use super::shared_encoder::SharedEncoder;
use super::tokenizer_schema;

/// The stage `tokenize`.
#[derive(Debug, Default)]
pub struct EncodeStage {
    /// The encoder of all tasks: a run has one tokenizer and many parts.
    pub(super) encoder: SharedEncoder,
}

/// Columns: `id`, `source`, `licence`, `bytes` (of text), `text_hash` (see [`Split::hash`]), `tokens` (little-endian),
/// `token_count`.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("source", DataType::Utf8, false),
        Field::new("licence", DataType::Utf8, true),
        Field::new("bytes", DataType::UInt64, false),
        Field::new("text_hash", DataType::UInt64, false),
        Field::new("tokens", DataType::Binary, false),
        Field::new("token_count", DataType::UInt32, false),
    ]))
}

#[derive(Default)]
struct Rows {
    id: StringBuilder,
    source: StringBuilder,
    licence: StringBuilder,
    bytes: UInt64Builder,
    text_hash: UInt64Builder,
    tokens: BinaryBuilder,
    token_count: UInt32Builder,
}

impl Rows {
    fn finish(&mut self) -> Result<RecordBatch, StageError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.licence.finish()),
            Arc::new(self.bytes.finish()),
            Arc::new(self.text_hash.finish()),
            Arc::new(self.tokens.finish()),
            Arc::new(self.token_count.finish()),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}

impl EncodeStage {
    /// The encoder of the tokenizer at its port.
    fn encoder(&self, task: &mut Task<'_>) -> Result<Arc<Encoder>, StageError> {
        for batch in task.input("tokenizer")? {
            let batch = batch?;
            if let Some(json) = optional_text(&batch, "json", 0) {
                return self.encoder.get(json).map_err(|error| StageError::settings(error.to_string()));
            }
        }
        Err(StageError::input("the input has no tokenizer".to_owned()))
    }
}

impl Stage for EncodeStage {
    fn name(&self) -> &'static str {
        "tokenize"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn ports(&self) -> Vec<Port> {
        vec![
            Port { name: "documents", reads: Reads::Same, schema: document_columns(&["id", "source", "text"]) },
            Port { name: "tokenizer", reads: Reads::All, schema: tokenizer_schema() },
        ]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let encoder = self.encoder(task)?;
        let width = TokenWidth::for_vocabulary(u32::try_from(encoder.vocab_size()).unwrap_or(u32::MAX));
        let end = encoder.end_of_document();
        let mut tokens = Vec::new();
        for batch in task.input("documents")? {
            let batch = batch?;
            let (ids, sources, texts) =
                (text_column(&batch, "id")?, text_column(&batch, "source")?, text_column(&batch, "text")?);
            let mut rows = Rows::default();
            for row in 0..batch.num_rows() {
                let text = texts.value(row);
                tokens.clear();
                encoder.encode(text, &mut tokens).map_err(|error| StageError::input(error.to_string()))?;
                tokens.push(end);
                let too_wide = || StageError::input("a token does not fit the vocabulary's width".to_owned());
                rows.id.append_value(ids.value(row));
                rows.source.append_value(sources.value(row));
                rows.licence.append_option(optional_text(&batch, "licence", row));
                rows.bytes.append_value(text.len() as u64);
                rows.text_hash.append_value(Split::hash(text));
                rows.tokens.append_value(encode_tokens(&tokens, width).ok_or_else(too_wide)?);
                rows.token_count.append_value(u32::try_from(tokens.len()).unwrap_or(u32::MAX));
            }
            task.emit(0, &rows.finish()?)?;
        }
        Ok(())
    }
}
