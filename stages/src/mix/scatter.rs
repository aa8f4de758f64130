//! The stage `mix-scatter`: assigns each document to a shard by hash.
//!
//! Invariant: the split depends only on the text, so equal texts are never in both training and validation.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use corpusmill_pipeline::document::{missing, text_column};
use corpusmill_pipeline::{Port, Reads, Stage, StageError, Task};
use corpusmill_shards::Split;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ShardLayout;

/// The stage `mix-scatter`.
#[derive(Debug)]
pub(super) struct ScatterStage {
    pub(super) layout: ShardLayout,
    pub(super) seed: u64,
    pub(super) validation_share: f64,
}

/// The columns of tokenized documents, and their position in the shuffled order.
pub(super) fn schema() -> SchemaRef {
    let mut fields: Vec<Field> =
        crate::tokenize::tokens_schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new("order", DataType::UInt64, false));
    Arc::new(Schema::new(fields))
}

impl ScatterStage {
    fn order(&self, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), xxh3_64_with_seed(b"mix-scatter", self.seed))
    }

    fn scatter(&self, batch: &RecordBatch) -> Result<Vec<(u32, RecordBatch)>, StageError> {
        let (ids, sources) = (text_column(batch, "id")?, text_column(batch, "source")?);
        let hashes = batch.column_by_name("text_hash").ok_or_else(|| missing(batch.schema_ref(), "text_hash"))?;
        let hashes = hashes.as_primitive::<UInt64Type>();
        let orders: Vec<u64> = ids.iter().map(|id| self.order(id.unwrap_or_default())).collect();
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.layout.buckets() as usize];
        for (row, order) in orders.iter().enumerate() {
            let split = Split::of_hash(hashes.value(row), self.validation_share);
            let source = sources.value(row);
            let unknown = || StageError::input(format!("the source `{source}` is not in the recipe"));
            let bucket = self.layout.bucket(source, split, *order).ok_or_else(unknown)?;
            rows[bucket as usize].push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from(orders)));
        let whole = RecordBatch::try_new(schema(), columns)?;
        let mut out = Vec::new();
        for (bucket, rows) in rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let part = take_record_batch(&whole, &UInt32Array::from(rows))?;
            out.push((u32::try_from(bucket).unwrap_or(u32::MAX), part));
        }
        Ok(out)
    }
}

impl Stage for ScatterStage {
    fn name(&self) -> &'static str {
        "mix-scatter"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({
            "sources": self.layout.sources, "shards": self.layout.shards,
            "seed": self.seed, "validation-share": self.validation_share,
        })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "tokens", reads: Reads::Same, schema: crate::tokenize::tokens_schema() }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn buckets(&self, _upstream: u32) -> u32 {
        self.layout.buckets()
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        for batch in task.input("tokens")? {
            for (bucket, rows) in self.scatter(&batch?)? {
                task.emit(bucket, &rows)?;
            }
        }
        Ok(())
    }
}
