//! `dedup`: rejects the documents that are not their cluster's survivor.
//!
//! Invariant: a rejection names the survivor, which is kept.

use std::iter::Peekable;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::document_columns;
use corpusmill_pipeline::{DocumentId, Port, Reads, Rejection, Stage, StageError, Task};

use super::cluster;
use crate::rule::{Bound, MINHASH, OWN, Rule};

/// The document has the text of the survivor.
pub(crate) const EXACT_DUPLICATE: Rule = Rule {
    name: "exact-duplicate",
    bound: Bound::Max,
    setting: None,
    unit: "share",
    description: "1, since the text equals that of the document that is kept",
    source: OWN,
};

/// The document is similar to the survivor.
pub(crate) const NEAR_DUPLICATE: Rule = Rule {
    name: "near-duplicate",
    bound: Bound::Max,
    setting: Some("near"),
    unit: "share",
    description: "estimated Jaccard similarity of the shingles to the document that is kept",
    source: MINHASH,
};

/// Removes duplicates.
#[derive(Debug)]
pub(super) struct RemoveStage {
    /// The similarity at which the bands find a pair about half of the time, recorded as the threshold.
    pub(super) threshold: f64,
}

struct RejectedRow {
    row: u32,
    rejection: Rejection,
}

fn rejected_rows(batch: &RecordBatch, threshold: f64) -> Vec<RejectedRow> {
    let rows = batch.column(0).as_primitive::<UInt32Type>();
    let survivors = batch.column(2).as_string::<i32>();
    let (survives, exact) = (batch.column(3).as_boolean(), batch.column(4).as_boolean());
    let jaccard = batch.column(5).as_primitive::<Float64Type>();
    (0..batch.num_rows())
        .filter(|&i| !survives.value(i))
        .map(|i| {
            let (rule, bound) = if exact.value(i) { (EXACT_DUPLICATE, 1.0) } else { (NEAR_DUPLICATE, threshold) };
            let related = Some(DocumentId::from_existing(survivors.value(i)));
            let rejection = Rejection { related, ..Rejection::new(rule.name, jaccard.value(i), bound) };
            RejectedRow { row: rows.value(i), rejection }
        })
        .collect()
}

impl Stage for RemoveStage {
    fn name(&self) -> &'static str {
        "dedup"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "threshold": self.threshold })
    }

    fn ports(&self) -> Vec<Port> {
        vec![
            Port { name: "documents", reads: Reads::Same, schema: document_columns(&["id", "text"]) },
            Port { name: "clusters", reads: Reads::Bucket, schema: cluster::schema() },
        ]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut rejected: Vec<RejectedRow> = Vec::new();
        for batch in task.input("clusters")? {
            rejected.extend(rejected_rows(&batch?, self.threshold));
        }
        let mut rejected: Peekable<_> = rejected.into_iter().peekable();
        let mut row = 0u32;
        task.filter_rows(|batch| {
            let verdicts = (0..batch.num_rows()).map(|_| {
                let found = rejected.next_if(|entry| entry.row == row);
                row += 1;
                found.map(|entry| entry.rejection)
            });
            Ok(verdicts.collect())
        })
    }
}
