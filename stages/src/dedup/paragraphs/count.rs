//! `paragraph-count`: the number of documents of each paragraph in one partition, scattered into buckets by hash.
//!
//! Invariant: a document counts once for each of its paragraphs. A paragraph can have several rows, whose counts add up.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::document_columns;
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::settings::DedupParagraphs;
use super::split::{Piece, UnitHasher, documents, pieces};
use crate::dedup::SIGNATURE_VERSION;

/// Number of paragraphs whose counts are held at once, 24 bytes each in a hash table. A constant, since rows must not depend on the memory
/// of a run.
const MAX_ENTRIES: usize = 1 << 21;

/// Counts paragraphs.
#[derive(Debug)]
pub(super) struct CountStage {
    pub(super) settings: DedupParagraphs,
}

/// Columns: `hash` of a paragraph, its number of `documents`, and `first`, the smallest hash of their ids.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("hash", DataType::UInt64, false),
        Field::new("documents", DataType::UInt32, false),
        Field::new("first", DataType::UInt64, false),
    ]))
}

/// Counts by hash: the number of documents and the smallest hash of their ids.
pub(super) type Counts = HashMap<u64, (u32, u64)>;

/// Adds a count.
pub(super) fn add(counts: &mut Counts, hash: u64, documents: u32, first: u64) {
    let entry = counts.entry(hash).or_insert((0, u64::MAX));
    entry.0 = entry.0.saturating_add(documents);
    entry.1 = entry.1.min(first);
}

/// The counts as a batch, in the order of `hashes`.
pub(super) fn rows(hashes: &[u64], counts: &Counts) -> Result<RecordBatch, StageError> {
    let found = || hashes.iter().filter_map(|hash| counts.get(hash));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(hashes.iter().copied().collect::<UInt64Array>()),
        Arc::new(found().map(|(documents, _)| *documents).collect::<UInt32Array>()),
        Arc::new(found().map(|(_, first)| *first).collect::<UInt64Array>()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

impl CountStage {
    /// Emits all counts, sorted by hash.
    fn flush(&self, task: &mut Task<'_>, counts: &mut Counts) -> Result<(), StageError> {
        let mut buckets: Vec<Vec<u64>> = (0..self.settings.buckets).map(|_| Vec::new()).collect();
        let mut hashes: Vec<u64> = counts.keys().copied().collect();
        hashes.sort_unstable();
        for hash in hashes {
            let bucket = usize::try_from(hash % u64::from(self.settings.buckets)).unwrap_or_default();
            buckets[bucket].push(hash);
        }
        for (bucket, hashes) in (0..).zip(buckets) {
            task.emit(bucket, &rows(&hashes, counts)?)?;
        }
        counts.clear();
        Ok(())
    }
}

impl Stage for CountStage {
    fn name(&self) -> &'static str {
        "paragraph-count"
    }

    /// The words are those of signatures.
    fn version(&self) -> u32 {
        SIGNATURE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        let DedupParagraphs { unit, scope, min_words, .. } = self.settings;
        serde_json::json!({ "unit": unit, "scope": scope, "min-words": min_words })
    }

    fn ports(&self) -> Vec<Port> {
        let schema = document_columns(&["id", "source", "origin", "text"]);
        vec![Port { name: "documents", reads: Reads::Same, schema }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn buckets(&self, _upstream: u32) -> u32 {
        self.settings.buckets
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let (mut hasher, mut counts) = (UnitHasher::default(), Counts::new());
        let mut hashes = BTreeSet::new();
        for batch in task.input("documents")? {
            for document in documents(&batch?, &self.settings)?.filter(|document| !document.is_code) {
                hashes.clear();
                for piece in pieces(document.text, self.settings.unit) {
                    if let Piece::Unit(unit) = piece {
                        hashes.extend(hasher.hash(unit, document.scope, self.settings.min_words));
                    }
                }
                for hash in &hashes {
                    add(&mut counts, *hash, 1, document.id);
                }
                if counts.len() >= MAX_ENTRIES {
                    self.flush(task, &mut counts)?;
                }
            }
        }
        self.flush(task, &mut counts)
    }
}
