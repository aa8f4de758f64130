//! A source of rows that are already in memory: the examples of a recipe, a stream's next documents, tests.
//!
//! Invariant: its content digest is the rows digest of the batches, so equal rows give equal keys.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use crate::key::rows_digest;
use crate::{Digest, Port, RowContract, Stage, StageError, Task};

/// Batches by partition, as a stage without ports.
#[derive(Debug, Clone)]
pub struct InMemorySource {
    schema: SchemaRef,
    partitions: Arc<Vec<Vec<RecordBatch>>>,
    digests: Vec<Digest>,
}

impl InMemorySource {
    /// A source of these batches, all of this schema.
    ///
    /// # Errors
    /// When a column has no byte rule.
    pub fn new(schema: SchemaRef, partitions: Vec<Vec<RecordBatch>>) -> Result<Self, StageError> {
        let digests = partitions.iter().map(|batches| rows_digest(&schema, batches)).collect::<Result<_, _>>()?;
        Ok(Self { schema, partitions: Arc::new(partitions), digests })
    }
}

impl Stage for InMemorySource {
    fn name(&self) -> &'static str {
        "in-memory"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn ports(&self) -> Vec<Port> {
        Vec::new()
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(self.schema.clone())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    fn content(&self, partition: u32) -> Option<Digest> {
        self.digests.get(partition as usize).copied()
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        for batch in self.partitions.get(task.partition() as usize).into_iter().flatten() {
            task.emit(0, batch)?;
        }
        Ok(())
    }
}
