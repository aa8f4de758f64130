//! `dedup-export`: the signatures of the documents that are kept.
//!
//! Invariant: the rows are those of the documents that `dedup` keeps, in their order.

use arrow_array::BooleanArray;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::cluster;
use super::remove::cluster_rows;
use super::signature::SIGNATURE_VERSION;

/// Selects signatures.
#[derive(Debug)]
pub(super) struct ExportStage {
    /// The columns of exported signatures.
    pub(super) schema: SchemaRef,
    /// Whether duplicates are removed.
    pub(super) remove: bool,
}

impl Stage for ExportStage {
    fn name(&self) -> &'static str {
        "dedup-export"
    }

    fn version(&self) -> u32 {
        SIGNATURE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "remove": self.remove })
    }

    fn ports(&self) -> Vec<Port> {
        vec![
            Port { name: "signatures", reads: Reads::Same, schema: self.schema.clone() },
            Port { name: "clusters", reads: Reads::Bucket, schema: cluster::schema() },
        ]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(self.schema.clone())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let rows = cluster_rows(task)?;
        let mut next = 0u32;
        for batch in task.input("signatures")? {
            let batch = batch?;
            let kept: BooleanArray = (0..batch.num_rows())
                .map(|_| {
                    let kept = !self.remove || rows.get(&next).is_none_or(|row| row.survivor);
                    next += 1;
                    Some(kept)
                })
                .collect();
            task.emit(0, &filter_record_batch(&batch, &kept)?)?;
        }
        Ok(())
    }
}
