//! The store in memory: for tests, for the examples of a recipe, and for streams on the command line.
//!
//! Invariant: behaves like the local store, except for durability.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use super::{PartAddress, PartWriter, Selection, Store, Table, TaskTiming};
use crate::document::{EDITS, REJECTED};
use crate::lease::Lease;
use crate::receipt::TaskResult;
use crate::table::{Batches, stream};
use crate::{Receipt, StoreError};

#[derive(Debug, Default)]
struct Part {
    schema: Option<SchemaRef>,
    tables: HashMap<Table, Vec<RecordBatch>>,
    receipt: Option<Receipt>,
}

type Parts = Arc<Mutex<HashMap<PartAddress, Part>>>;

/// A store whose parts are lost when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    parts: Parts,
}

impl Store for MemoryStore {
    fn find(&self, address: &PartAddress) -> Result<Option<Receipt>, StoreError> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(parts.get(address).and_then(|part| part.receipt.clone()))
    }

    fn begin(&self, address: &PartAddress, schema: &SchemaRef) -> Result<Box<dyn PartWriter>, StoreError> {
        let part = Part { schema: Some(schema.clone()), ..Part::default() };
        Ok(Box::new(MemoryPart { parts: self.parts.clone(), address: address.clone(), part, buckets_end: 0 }))
    }

    fn read(
        &self,
        address: &PartAddress,
        table: Table,
        receipt: &Receipt,
        selection: Selection<'_>,
    ) -> Result<Option<Batches<'static>>, StoreError> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(part) = parts.get(address) else { return Ok(None) };
        let schema = match table {
            Table::Data => part.schema.clone(),
            Table::Rejected => Some(REJECTED.clone()),
            Table::Edits => Some(EDITS.clone()),
        };
        let (Some(schema), Some(batches)) = (schema, part.tables.get(&table)) else {
            return Ok(part
                .schema
                .clone()
                .filter(|_| table == Table::Data)
                .map(|schema| stream(schema, std::iter::empty())));
        };
        let mut batches = batches.clone();
        if let Some(bucket) = selection.bucket.and_then(|b| receipt.result.buckets.get(b as usize)) {
            let (first, count) = bucket.row_groups;
            batches = batches[first as usize..(first + count) as usize].to_vec();
        }
        if let Some(columns) = selection.columns {
            let wanted: Vec<usize> = (0..schema.fields().len())
                .filter(|&index| columns.contains(&schema.field(index).name().as_str()))
                .collect();
            let narrow = schema.project(&wanted).map_err(|error| internal(&error))?;
            let projected: Result<Vec<_>, ArrowError> = batches.iter().map(|batch| batch.project(&wanted)).collect();
            let projected = projected.map_err(|error| internal(&error))?;
            return Ok(Some(stream(Arc::new(narrow), projected.into_iter().map(Ok))));
        }
        Ok(Some(stream(schema, batches.into_iter().map(Ok))))
    }

    fn discard(&self, address: &PartAddress) -> Result<(), StoreError> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
        Ok(())
    }

    fn scratch(&self) -> Result<Lease, StoreError> {
        Lease::dir(&std::env::temp_dir(), "corpusmill-")
    }
}

fn internal(error: &ArrowError) -> StoreError {
    StoreError::Io(std::io::Error::other(error.to_string()))
}

struct MemoryPart {
    parts: Parts,
    address: PartAddress,
    part: Part,
    buckets_end: usize,
}

impl PartWriter for MemoryPart {
    fn write(&mut self, table: Table, rows: &RecordBatch) -> Result<(), StoreError> {
        self.part.tables.entry(table).or_default().push(rows.clone());
        Ok(())
    }

    fn end_bucket(&mut self) -> Result<(u32, u32), StoreError> {
        let end = self.part.tables.get(&Table::Data).map_or(0, Vec::len);
        let first = std::mem::replace(&mut self.buckets_end, end);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok((number(first), number(end - first)))
    }

    fn commit(self: Box<Self>, result: TaskResult, timing: TaskTiming) -> Result<Receipt, StoreError> {
        let receipt = Receipt { result, run: timing.run_info(Instant::now(), BTreeMap::new()) };
        let mut part = self.part;
        part.receipt = Some(receipt.clone());
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(self.address, part);
        Ok(receipt)
    }
}
