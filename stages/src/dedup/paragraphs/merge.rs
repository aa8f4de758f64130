//! `paragraph-merge`: adds up the counts of one bucket from all partitions, and selects the frequent paragraphs.
//!
//! Memory holds the counts of one bucket: a hash table with 24 bytes for each distinct paragraph.
//!
//! Invariant: the rows are sorted by hash, and each hash has one.

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::count::{self, Counts, add};

/// Selects frequent paragraphs.
#[derive(Debug)]
pub(super) struct MergeStage {
    pub(super) min_documents: u32,
    pub(super) buckets: u32,
}

/// Maximum number of rows per batch.
const BATCH_ROWS: usize = 1 << 16;

impl Stage for MergeStage {
    fn name(&self) -> &'static str {
        "paragraph-merge"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "min-documents": self.min_documents })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "counts", reads: Reads::Bucket, schema: count::schema() }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(count::schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        self.buckets
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut counts = Counts::new();
        for batch in task.input("counts")? {
            let batch = batch?;
            let hashes = batch.column(0).as_primitive::<UInt64Type>().values();
            let documents = batch.column(1).as_primitive::<UInt32Type>().values();
            let firsts = batch.column(2).as_primitive::<UInt64Type>().values();
            for ((hash, documents), first) in hashes.iter().zip(documents).zip(firsts) {
                add(&mut counts, *hash, *documents, *first);
            }
        }
        counts.retain(|_, (documents, _)| *documents >= self.min_documents);
        let mut hashes: Vec<u64> = counts.keys().copied().collect();
        hashes.sort_unstable();
        for hashes in hashes.chunks(BATCH_ROWS) {
            task.emit(0, &count::rows(hashes, &counts)?)?;
        }
        Ok(())
    }
}
