//! `dedup-pair`: finds documents of a bucket that share a band, as a spanning forest of pairs.
//!
//! Invariant: the output connects two documents if and only if a chain of shared bands in this bucket connects them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::band;
use super::disjoint_sets::DisjointSets;

/// Finds pairs of documents that share a band.
#[derive(Debug)]
pub(super) struct PairStage {
    pub(super) buckets: u32,
}

/// A document: its partition and row.
pub(super) type RowRef = (u32, u32);

pub(super) fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::UInt32, false);
    Arc::new(Schema::new(vec![field("a_partition"), field("a_row"), field("b_partition"), field("b_row")]))
}

type BandEntry = (u8, u64, u64, RowRef);

fn entries(batch: &RecordBatch, partition: u32, out: &mut Vec<BandEntry>) {
    let row = batch.column(0).as_primitive::<UInt32Type>().values();
    let band = batch.column(1).as_primitive::<UInt8Type>().values();
    let high = batch.column(2).as_primitive::<UInt64Type>().values();
    let low = batch.column(3).as_primitive::<UInt64Type>().values();
    out.extend((0..batch.num_rows()).map(|i| (band[i], high[i], low[i], (partition, row[i]))));
}

/// The pairs of a sorted list: each member of a group with the group's first, unless already connected.
fn spanning_pairs(entries: &[BandEntry]) -> Result<Vec<(RowRef, RowRef)>, StageError> {
    let mut pairs: Vec<(RowRef, RowRef)> = Vec::new();
    for group in entries.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let first = group[0].3;
        pairs.extend(group[1..].iter().filter(|entry| entry.3 != first).map(|entry| (first, entry.3)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let mut rows: Vec<RowRef> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut sets = DisjointSets::new(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    let index = |row: &RowRef| u32::try_from(rows.binary_search(row).unwrap_or_default()).unwrap_or_default();
    let mut kept = Vec::new();
    for (a, b) in pairs {
        let joined = sets.union(index(&a), index(&b)).map_err(|error| StageError::input(error.to_string()))?;
        if joined {
            kept.push((a, b));
        }
    }
    Ok(kept)
}

impl Stage for PairStage {
    fn name(&self) -> &'static str {
        "dedup-pair"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "buckets": self.buckets })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "bands", reads: Reads::Bucket, schema: band::schema() }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        self.buckets
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut all = Vec::new();
        for partition in 0..task.partition_count("bands")? {
            for batch in task.input_partition("bands", partition)? {
                entries(&batch?, u32::try_from(partition).unwrap_or(u32::MAX), &mut all);
            }
        }
        all.sort_unstable();
        let pairs = spanning_pairs(&all)?;
        drop(all);
        for chunk in pairs.chunks(1 << 16) {
            let column = |value: fn(&(RowRef, RowRef)) -> u32| -> ArrayRef {
                Arc::new(chunk.iter().map(value).collect::<UInt32Array>())
            };
            let columns = vec![column(|p| p.0.0), column(|p| p.0.1), column(|p| p.1.0), column(|p| p.1.1)];
            task.emit(0, &RecordBatch::try_new(schema(), columns)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_a_forest_without_redundant_pairs() {
        let entry = |band, key, row| (band, key, 0, (0, row));
        let mut entries = vec![entry(0, 7, 1), entry(0, 7, 2), entry(1, 9, 2), entry(1, 9, 1), entry(1, 9, 3)];
        entries.sort_unstable();
        let pairs = spanning_pairs(&entries).unwrap();
        assert_eq!(pairs, vec![((0, 1), (0, 2)), ((0, 1), (0, 3))]);
    }
}
