//! `dedup-signature`: computes one signature row per document, in the order of the documents.
//!
//! Invariant: row `n` of the output describes row `n` of the documents. Without [`Keep`], a signature depends only on
//! the text.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Float64Builder, StringBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, missing, text_column};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::digest::exact_digest;
use super::settings::Keep;
use super::signature::{MinHasher, SIGNATURE_VERSION, truncated};
use super::{Dedup, timestamp};

/// Computes signatures with a [`MinHasher`].
#[derive(Debug)]
pub(super) struct SignatureStage {
    near: bool,
    bands: u32,
    rows: u32,
    seed: u64,
    keep: Keep,
}

/// The columns of signatures that `against` reads.
pub(super) fn schema(bands: u32, rows: u32) -> Schema {
    let width = |bytes: u32| DataType::FixedSizeBinary(i32::try_from(bytes).unwrap_or(i32::MAX));
    Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("source", DataType::Utf8, false),
        Field::new("length", DataType::UInt32, false),
        Field::new("exact_digest", DataType::FixedSizeBinary(16), false),
        Field::new("bands", width(bands * 8), true),
        Field::new("minhash", width(bands * rows * 2), true),
    ])
}

impl SignatureStage {
    pub(super) fn new(settings: &Dedup) -> Self {
        let Dedup { near, bands, rows, seed, .. } = *settings;
        Self { near, bands, rows, seed, keep: settings.keep.clone() }
    }

    /// The columns of signatures, and the one that decides which document is kept.
    fn schema(&self) -> SchemaRef {
        let signature = schema(self.bands, self.rows);
        let decides = match self.keep {
            Keep::Longest => None,
            Keep::First => Some(Field::new("origin", DataType::Utf8, true)),
            Keep::Newest | Keep::Highest(_) | Keep::Lowest(_) => Some(Field::new("priority", DataType::Float64, true)),
        };
        let fields = signature.fields().iter().map(|field| field.as_ref().clone()).chain(decides);
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The column that decides which document is kept.
    fn deciding_column(&self, batch: &RecordBatch) -> Result<Option<ArrayRef>, StageError> {
        let mut values = Float64Builder::new();
        match &self.keep {
            Keep::Longest => return Ok(None),
            Keep::First => return Ok(Some(Arc::new(text_column(batch, "origin")?.clone()))),
            Keep::Newest => text_column(batch, "date")?
                .iter()
                .for_each(|date| values.append_option(date.and_then(timestamp::seconds))),
            Keep::Highest(column) | Keep::Lowest(column) => {
                let sign = if matches!(self.keep, Keep::Lowest(_)) { -1.0 } else { 1.0 };
                let array = batch.column_by_name(column).ok_or_else(|| missing(batch.schema_ref(), column))?;
                let known = |value: Option<f64>| value.filter(|value| !value.is_nan()).map(|value| sign * value);
                array.as_primitive::<Float64Type>().iter().for_each(|value| values.append_option(known(value)));
            }
        }
        Ok(Some(Arc::new(values.finish())))
    }

    fn compute(&self, batch: &RecordBatch, hasher: &mut MinHasher) -> Result<RecordBatch, StageError> {
        let texts = text_column(batch, "text")?;
        let width = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
        let mut lengths = UInt32Builder::new();
        let mut exact_digests = FixedSizeBinaryBuilder::new(16);
        let mut bands = FixedSizeBinaryBuilder::new(width(self.bands * 8));
        let mut minhashes = FixedSizeBinaryBuilder::new(width(self.bands * self.rows * 2));
        for text in texts.iter().map(Option::unwrap_or_default) {
            lengths.append_value(u32::try_from(text.len()).unwrap_or(u32::MAX));
            exact_digests.append_value(exact_digest(text))?;
            let signature = if self.near { hasher.signature(text) } else { None };
            match signature {
                None => {
                    bands.append_null();
                    minhashes.append_null();
                }
                Some(signature) => {
                    let keys: Vec<u8> = hasher.bands(&signature).flat_map(u64::to_le_bytes).collect();
                    bands.append_value(keys)?;
                    let short: Vec<u8> = truncated(&signature).into_iter().flat_map(u16::to_le_bytes).collect();
                    minhashes.append_value(short)?;
                }
            }
        }
        let copy = |name: &str| -> Result<Arc<dyn Array>, StageError> {
            let mut builder = StringBuilder::new();
            text_column(batch, name)?.iter().for_each(|value| builder.append_value(value.unwrap_or_default()));
            Ok(Arc::new(builder.finish()))
        };
        let mut columns: Vec<ArrayRef> = vec![
            copy("id")?,
            copy("source")?,
            Arc::new(lengths.finish()),
            Arc::new(exact_digests.finish()),
            Arc::new(bands.finish()),
            Arc::new(minhashes.finish()),
        ];
        columns.extend(self.deciding_column(batch)?);
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

impl Stage for SignatureStage {
    fn name(&self) -> &'static str {
        "dedup-signature"
    }

    fn version(&self) -> u32 {
        SIGNATURE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        let mut settings =
            serde_json::json!({ "near": self.near, "bands": self.bands, "rows": self.rows, "seed": self.seed });
        if self.keep != Keep::Longest {
            settings["keep"] = serde_json::json!(self.keep);
        }
        settings
    }

    fn ports(&self) -> Vec<Port> {
        let text = document_columns(&["id", "source", "origin", "text"]);
        let decides = self.keep.column().map(|(name, data_type)| Field::new(name, data_type, true));
        let fields = text.fields().iter().map(|field| field.as_ref().clone()).chain(decides);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        vec![Port { name: "documents", reads: Reads::Same, schema }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(self.schema())
    }

    // One row per document and no rejections, so the row contract is `Conserving`.
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut hasher = MinHasher::new(self.seed, self.bands as usize, self.rows as usize)
            .map_err(|error| StageError::settings(format!("dedup: {error}")))?;
        for batch in task.input("documents")? {
            let signed = self.compute(&batch?, &mut hasher)?;
            task.emit(0, &signed)?;
        }
        Ok(())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Conserving
    }
}
