//! `dedup-member`: the shingles of the documents in clusters, scattered into buckets by cluster, for `verify`.
//!
//! Invariant: all documents of a cluster are in one bucket, from all partitions, with their rows in order.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use corpusmill_pipeline::document::{document_columns, text_column};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};
use xxhash_rust::xxh3::xxh3_64;

use super::cluster::{self, ClusterRow};
use super::shingle::{SHINGLE_WORDS, Shingler};
use super::signature::SIGNATURE_VERSION;

/// Computes the shingles of the documents in clusters.
#[derive(Debug)]
pub(super) struct MemberStage {
    pub(super) buckets: u32,
    /// The columns of signatures.
    pub(super) signatures: SchemaRef,
}

/// Columns that are added to those of a signature. `shingles` are the distinct hashes, sorted, little-endian; null for a
/// document that `dedup-cluster` has decided about.
fn added_columns() -> Vec<Field> {
    vec![
        Field::new("row", DataType::UInt32, false),
        Field::new("cluster", DataType::Utf8, false),
        Field::new("exact", DataType::Boolean, false),
        Field::new("jaccard", DataType::Float64, false),
        Field::new("size", DataType::UInt32, false),
        Field::new("earlier", DataType::Boolean, false),
        Field::new("shingles", DataType::Binary, true),
    ]
}

/// The columns of a document in a cluster.
pub(super) fn schema(signatures: &Schema) -> SchemaRef {
    let fields = signatures.fields().iter().map(|field| field.as_ref().clone()).chain(added_columns());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl MemberStage {
    /// Emits members: each with its index in the batch of signatures, its cluster and its shingles.
    fn emit(
        &self,
        task: &mut Task<'_>,
        signatures: &RecordBatch,
        members: &[(u32, ClusterRow, Vec<u8>)],
    ) -> Result<(), StageError> {
        let mut by_bucket: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for member in members {
            by_bucket.entry(self.bucket_of(&member.1.cluster)).or_default().push(member);
        }
        for (bucket, here) in by_bucket {
            let indices: UInt32Array = here.iter().map(|(index, ..)| *index).collect();
            let taken = take_record_batch(signatures, &indices)?;
            let mut shingles = BinaryBuilder::new();
            for (_, row, bytes) in &here {
                shingles.append_option((!row.earlier).then_some(bytes));
            }
            let rows = || here.iter().map(|(_, row, _)| row);
            let mut columns: Vec<ArrayRef> = taken.columns().to_vec();
            columns.extend([
                Arc::new(rows().map(|row| row.row).collect::<UInt32Array>()) as ArrayRef,
                Arc::new(rows().map(|row| Some(row.cluster.as_str())).collect::<StringArray>()),
                Arc::new(rows().map(|row| Some(row.exact)).collect::<BooleanArray>()),
                Arc::new(rows().map(|row| row.jaccard).collect::<Float64Array>()),
                Arc::new(rows().map(|row| row.size).collect::<UInt32Array>()),
                Arc::new(rows().map(|row| Some(row.earlier)).collect::<BooleanArray>()),
                Arc::new(shingles.finish()),
            ]);
            task.emit(bucket, &RecordBatch::try_new(schema(&self.signatures), columns)?)?;
        }
        Ok(())
    }

    fn bucket_of(&self, cluster: &str) -> u32 {
        u32::try_from(xxh3_64(cluster.as_bytes()) % u64::from(self.buckets)).unwrap_or_default()
    }
}

/// The distinct shingles of a text, sorted, as bytes.
fn shingle_bytes(shingler: &mut Shingler, text: &str, shingles: &mut Vec<u64>) -> Vec<u8> {
    shingles.clear();
    shingler.for_each(text, |shingle| shingles.push(shingle));
    shingles.sort_unstable();
    shingles.dedup();
    shingles.iter().flat_map(|shingle| shingle.to_le_bytes()).collect()
}

/// The entries of `rows` for the next `count` rows from `first` on, with their index.
fn next_rows(
    rows: &mut Peekable<std::vec::IntoIter<ClusterRow>>,
    first: u32,
    count: usize,
) -> impl Iterator<Item = (u32, ClusterRow)> {
    let end = first.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    std::iter::from_fn(move || rows.next_if(|row| row.row < end).map(|row| (row.row - first, row)))
}

impl Stage for MemberStage {
    fn name(&self) -> &'static str {
        "dedup-member"
    }

    fn version(&self) -> u32 {
        SIGNATURE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "buckets": self.buckets })
    }

    fn ports(&self) -> Vec<Port> {
        vec![
            Port { name: "documents", reads: Reads::Same, schema: document_columns(&["text"]) },
            Port { name: "signatures", reads: Reads::Same, schema: self.signatures.clone() },
            Port { name: "clusters", reads: Reads::Bucket, schema: cluster::schema() },
        ]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema(&self.signatures))
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn buckets(&self, _upstream: u32) -> u32 {
        self.buckets
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut rows = Vec::new();
        for batch in task.input("clusters")? {
            rows.extend(cluster::rows(&batch?));
        }
        let mut rows = rows.into_iter().peekable();
        let mut signatures = task.input("signatures")?.peekable();
        // The batches of the two inputs have different bounds: signatures are read until they cover the documents.
        let (mut shingler, mut buffer) = (Shingler::new(SHINGLE_WORDS), Vec::new());
        let (mut first, mut covered) = (0u32, None::<(RecordBatch, usize)>);
        for documents in task.input("documents")? {
            let documents = documents?;
            let texts = text_column(&documents, "text")?;
            let mut done = 0;
            while done < documents.num_rows() {
                let (batch, used) = match covered.take() {
                    Some(rest) => rest,
                    None => match signatures.next() {
                        Some(batch) => (batch?, 0),
                        None => return Err(StageError::input("dedup: fewer signatures than documents".to_owned())),
                    },
                };
                let count = (batch.num_rows() - used).min(documents.num_rows() - done);
                let members: Vec<_> = next_rows(&mut rows, first, count)
                    .map(|(index, row)| {
                        let text = texts.value(done + index as usize);
                        let wanted = !row.earlier;
                        let bytes = if wanted { shingle_bytes(&mut shingler, text, &mut buffer) } else { Vec::new() };
                        (index, row, bytes)
                    })
                    .collect();
                self.emit(task, &batch.slice(used, count), &members)?;
                first += u32::try_from(count).unwrap_or(u32::MAX);
                done += count;
                covered = (used + count < batch.num_rows()).then_some((batch, used + count));
            }
        }
        Ok(())
    }
}
