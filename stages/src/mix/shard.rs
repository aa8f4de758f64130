//! The stage `mix`: sorts the documents of one shard into their shuffled order.
//!
//! Invariant: rows are sorted by (order, id), and every document of the bucket occurs once. One shard is held in
//! memory: choose `shards` so that a shard fits.

use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use corpusmill_pipeline::document::text_column;
use corpusmill_pipeline::{Port, Reads, Stage, StageError, Task};

use super::scatter;

/// The stage `mix`.
#[derive(Debug)]
pub(super) struct ShardStage {
    pub(super) buckets: u32,
}

impl Stage for ShardStage {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "buckets": self.buckets })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "tokens", reads: Reads::Bucket, schema: scatter::schema() }]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        self.buckets
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let batches = task.input("tokens")?.collect::<Result<Vec<RecordBatch>, _>>()?;
        let whole = concat_batches(task.output_schema(), &batches)?;
        drop(batches);
        let ids = text_column(&whole, "id")?;
        let orders = whole.column_by_name("order").map(arrow_array::cast::AsArray::as_primitive::<UInt64Type>);
        let mut rows: Vec<u32> = (0..u32::try_from(whole.num_rows()).unwrap_or(u32::MAX)).collect();
        rows.sort_unstable_by_key(|&row| {
            let row = row as usize;
            (orders.map_or(0, |orders| orders.value(row)), ids.value(row))
        });
        for chunk in rows.chunks(1024) {
            task.emit(0, &take_record_batch(&whole, &UInt32Array::from(chunk.to_vec()))?)?;
        }
        Ok(())
    }
}
