//! `dedup-export`: the signatures of the documents that a corpus holds in the end.
//!
//! Invariant: the rows are those of the documents, in their order.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use corpusmill_pipeline::document::{document_columns, text_column};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::signature::SIGNATURE_VERSION;

/// Selects signatures.
#[derive(Debug)]
pub(super) struct ExportStage {
    /// The columns of exported signatures.
    pub(super) schema: SchemaRef,
}

/// The ids of the documents of a partition, one after the other.
struct Ids<'a> {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, StageError>> + 'a>,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Ids<'_> {
    /// Whether `id` is the next one; then the one after it is next.
    fn next_is(&mut self, id: &str) -> Result<bool, StageError> {
        while self.batch.as_ref().is_none_or(|batch| self.row == batch.num_rows()) {
            (self.batch, self.row) = (self.batches.next().transpose()?, 0);
            if self.batch.is_none() {
                return Ok(false);
            }
        }
        let Some(batch) = &self.batch else { return Ok(false) };
        let found = text_column(batch, "id")?.value(self.row) == id;
        self.row += usize::from(found);
        Ok(found)
    }
}

impl Stage for ExportStage {
    fn name(&self) -> &'static str {
        "dedup-export"
    }

    fn version(&self) -> u32 {
        SIGNATURE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    fn ports(&self) -> Vec<Port> {
        vec![
            Port { name: "signatures", reads: Reads::Same, schema: self.schema.clone() },
            Port { name: "documents", reads: Reads::Same, schema: document_columns(&["id"]) },
        ]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(self.schema.clone())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    // The documents are a subsequence of those that were signed: the steps in between keep their order.
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let documents = task.input("documents")?;
        let batches = documents.map(|batch| batch.map_err(StageError::from));
        let mut ids = Ids { batches: Box::new(batches), batch: None, row: 0 };
        for batch in task.input("signatures")? {
            let batch = batch?;
            let signed = text_column(&batch, "id")?;
            let kept = (0..batch.num_rows()).map(|row| ids.next_is(signed.value(row)).map(Some));
            let kept: BooleanArray = kept.collect::<Result<Vec<_>, _>>()?.into();
            task.emit(0, &filter_record_batch(&batch, &kept)?)?;
        }
        if ids.next_is("")? || ids.batch.is_some() {
            return Err(StageError::input("dedup: a document of the corpus has no signature".to_owned()));
        }
        Ok(())
    }
}
