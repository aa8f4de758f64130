//! `dedup-band`: emits a row for each band of each document, scattered into buckets by the band's value.
//!
//! Invariant: rows that could be duplicates of each other are in the same bucket, from all partitions.

use std::sync::Arc;

use arrow_array::builder::{UInt8Builder, UInt32Builder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

/// Band number that marks an exact digest.
pub(super) const EXACT: u8 = u8::MAX;

/// Scatters bands into buckets.
#[derive(Debug)]
pub(super) struct BandStage {
    pub(super) buckets: u32,
}

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::UInt32, false),
        Field::new("band", DataType::UInt8, false),
        Field::new("high", DataType::UInt64, false),
        Field::new("low", DataType::UInt64, false),
    ]))
}

#[derive(Default)]
struct BandRows {
    row: UInt32Builder,
    band: UInt8Builder,
    high: UInt64Builder,
    low: UInt64Builder,
}

impl BandRows {
    fn push(&mut self, row: u32, band: u8, high: u64, low: u64) {
        self.row.append_value(row);
        self.band.append_value(band);
        self.high.append_value(high);
        self.low.append_value(low);
    }

    fn batch(&mut self) -> Result<RecordBatch, StageError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.row.finish()),
            Arc::new(self.band.finish()),
            Arc::new(self.high.finish()),
            Arc::new(self.low.finish()),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
}

impl BandStage {
    fn scatter(&self, batch: &RecordBatch, first: u32, buckets: &mut [BandRows]) {
        let (Some(digests), Some(bands)) = (batch.column_by_name("exact_digest"), batch.column_by_name("bands")) else {
            return;
        };
        let (digests, bands) = (digests.as_fixed_size_binary(), bands.as_fixed_size_binary());
        let bucket_of = |high: u64| usize::try_from(high % u64::from(self.buckets)).unwrap_or(0);
        for index in 0..batch.num_rows() {
            let row = first + u32::try_from(index).unwrap_or(u32::MAX);
            let (high, low) = digests.value(index).split_at(8);
            let (high, low) = (number(high), number(low));
            buckets[bucket_of(high)].push(row, EXACT, high, low);
            if bands.is_valid(index) {
                for (band, key) in bands.value(index).chunks_exact(8).enumerate() {
                    let key = number(key);
                    // The band number distinguishes equal keys of different bands. Bands from 254 on share the number
                    // 254.
                    let band = u8::try_from(band).unwrap_or(EXACT - 1).min(EXACT - 1);
                    buckets[bucket_of(key)].push(row, band, key, 0);
                }
            }
        }
    }
}

impl Stage for BandStage {
    fn name(&self) -> &'static str {
        "dedup-band"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "buckets": self.buckets })
    }

    fn ports(&self) -> Vec<Port> {
        let schema = Arc::new(Schema::new(vec![Field::new("exact_digest", DataType::FixedSizeBinary(16), false)]));
        vec![Port { name: "signatures", reads: Reads::Same, schema }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn buckets(&self, _upstream: u32) -> u32 {
        self.buckets
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut first = 0u32;
        for batch in task.input("signatures")? {
            let batch = batch?;
            let mut rows: Vec<BandRows> = (0..self.buckets).map(|_| BandRows::default()).collect();
            self.scatter(&batch, first, &mut rows);
            first += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
            for (bucket, rows) in rows.iter_mut().enumerate() {
                task.emit(u32::try_from(bucket).unwrap_or(u32::MAX), &rows.batch()?)?;
            }
        }
        Ok(())
    }
}
