//! `dedup`: rejects the documents that are not their cluster's survivor, or marks the clusters.
//!
//! Invariant: a rejection names the survivor, which is kept or belongs to an earlier corpus.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, text_column};
use corpusmill_pipeline::{DocumentId, Port, Reads, Rejection, Stage, StageError, Task};

use super::Dedup;
use super::cluster::{self, ClusterRow};
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
    description: "Jaccard similarity of the shingles to the document that is kept: estimated, or exact with `verify`",
    source: MINHASH,
};

/// The document is a duplicate of one in an earlier corpus.
pub(crate) const IN_EARLIER_CORPUS: Rule = Rule {
    name: "in-earlier-corpus",
    bound: Bound::Max,
    setting: Some("against"),
    unit: "share",
    description: "estimated Jaccard similarity of the shingles to a document of an earlier corpus; 1 for an equal text",
    source: MINHASH,
};

const CLUSTER: &str = "dedup.cluster";
const CLUSTER_SIZE: &str = "dedup.cluster_size";

/// The columns that tell the cluster of a document.
pub fn cluster_columns() -> Schema {
    Schema::new(vec![Field::new(CLUSTER, DataType::Utf8, true), Field::new(CLUSTER_SIZE, DataType::UInt32, true)])
}

/// Removes or marks duplicates.
#[derive(Debug)]
pub(super) struct RemoveStage {
    /// Recorded as the threshold: the verified similarity, or the one at which the bands find a pair about half of the
    /// time.
    threshold: f64,
    remove: bool,
    columns: bool,
}

impl RemoveStage {
    pub(super) fn new(settings: &Dedup) -> Self {
        let threshold = settings.verify.unwrap_or_else(|| settings.threshold());
        Self { threshold, remove: settings.remove, columns: settings.adds_columns() }
    }

    fn rejection(&self, row: &ClusterRow) -> Option<Rejection> {
        let (rule, bound) = match row {
            _ if row.survivor || !self.remove => return None,
            ClusterRow { earlier: true, .. } => (IN_EARLIER_CORPUS, self.threshold),
            ClusterRow { exact: true, .. } => (EXACT_DUPLICATE, 1.0),
            _ => (NEAR_DUPLICATE, self.threshold),
        };
        let related = Some(DocumentId::from_existing(row.cluster.as_str()));
        Some(Rejection { related, ..Rejection::new(rule.name, row.jaccard, bound) })
    }

    /// The batch with the columns of each document's cluster; a document without one is a cluster by itself.
    fn with_columns(
        &self,
        batch: &RecordBatch,
        rows: &[Option<ClusterRow>],
        schema: &SchemaRef,
    ) -> Result<RecordBatch, StageError> {
        if !self.columns {
            return Ok(batch.clone());
        }
        let ids = text_column(batch, "id")?;
        let clusters =
            rows.iter().enumerate().map(|(index, row)| row.as_ref().map_or(ids.value(index), |r| &r.cluster));
        let sizes = rows.iter().map(|row| row.as_ref().map_or(1, |row| row.size));
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns.push(Arc::new(clusters.map(Some).collect::<StringArray>()));
        columns.push(Arc::new(sizes.collect::<UInt32Array>()));
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }
}

/// The rows of a partition's documents that are in clusters, by their row. Several parts of clusters can have some.
fn cluster_rows(task: &mut Task<'_>) -> Result<BTreeMap<u32, ClusterRow>, StageError> {
    let mut rows = BTreeMap::new();
    for batch in task.input("clusters")? {
        rows.extend(cluster::rows(&batch?).map(|row| (row.row, row)));
    }
    Ok(rows)
}

impl Stage for RemoveStage {
    fn name(&self) -> &'static str {
        "dedup"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "threshold": self.threshold, "remove": self.remove, "columns": self.columns })
    }

    fn ports(&self) -> Vec<Port> {
        vec![
            Port { name: "documents", reads: Reads::Same, schema: document_columns(&["id", "text"]) },
            Port { name: "clusters", reads: Reads::Bucket, schema: cluster::schema() },
        ]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        let mut fields: Vec<Field> = documents.fields().iter().map(|field| field.as_ref().clone()).collect();
        if self.columns {
            if let Some(field) = fields.iter().find(|field| [CLUSTER, CLUSTER_SIZE].contains(&field.name().as_str())) {
                let message = format!("dedup: the documents already have the column `{}`", field.name());
                return Err(StageError::settings(message));
            }
            fields.extend(cluster_columns().fields().iter().map(|field| field.as_ref().clone()));
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut rows = cluster_rows(task)?;
        let (mut next, schema) = (0u32, task.output_schema().clone());
        for batch in task.input("documents")? {
            let batch = batch?;
            let mut here = Vec::with_capacity(batch.num_rows());
            for _ in 0..batch.num_rows() {
                here.push(rows.remove(&next));
                next += 1;
            }
            let rejections: Vec<_> = here.iter().map(|row| row.as_ref().and_then(|row| self.rejection(row))).collect();
            task.keep(&self.with_columns(&batch, &here, &schema)?, &rejections)?;
        }
        Ok(())
    }
}
