//! `dedup-signature`: computes one signature row per document, in the order of the documents.
//!
//! Invariant: row `n` of the output describes row `n` of the documents.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder, UInt32Builder};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, text_column};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::Dedup;
use super::digest::exact_digest;
use super::signature::{MinHasher, SIGNATURE_VERSION, truncated};

/// Computes signatures with a [`MinHasher`].
#[derive(Debug)]
pub(super) struct SignatureStage {
    near: bool,
    bands: u32,
    rows: u32,
    seed: u64,
}

impl SignatureStage {
    pub(super) fn new(settings: &Dedup) -> Self {
        let Dedup { near, bands, rows, seed, .. } = *settings;
        Self { near, bands, rows, seed }
    }

    fn schema(&self) -> SchemaRef {
        let width = |bytes: u32| DataType::FixedSizeBinary(i32::try_from(bytes).unwrap_or(i32::MAX));
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("source", DataType::Utf8, false),
            Field::new("length", DataType::UInt32, false),
            Field::new("exact_digest", DataType::FixedSizeBinary(16), false),
            Field::new("bands", width(self.bands * 8), true),
            Field::new("minhash", width(self.bands * self.rows * 2), true),
        ]))
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
        let columns: Vec<Arc<dyn Array>> = vec![
            copy("id")?,
            copy("source")?,
            Arc::new(lengths.finish()),
            Arc::new(exact_digests.finish()),
            Arc::new(bands.finish()),
            Arc::new(minhashes.finish()),
        ];
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
        serde_json::json!({ "near": self.near, "bands": self.bands, "rows": self.rows, "seed": self.seed })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "documents", reads: Reads::Same, schema: document_columns(&["id", "source", "text"]) }]
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
