//! [`Task`]: everything that a stage's `run` can access.
//!
//! Invariant: nothing that a stage emits is visible before the task is finished.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::buckets::BucketBuffer;
use super::edit::Edit;
use super::rejected;
use crate::document::{EDITS, REJECTED};
use crate::excerpts::Excerpts;
use crate::key::RowsHasher;
use crate::lease::Lease;
use crate::port::{Reads, RowContract};
use crate::receipt::{BucketResult, EditCount, TaskResult};
use crate::store::{PartAddress, PartWriter, Selection, Store, Table, TaskTiming};
use crate::table::{AdaptedReader, Batches, stream};
use crate::{Digest, Key, Receipt, Rejection, StageError};

/// What a run shares with its tasks.
#[derive(Debug, Clone)]
pub struct TaskContext {
    /// Set to stop the run.
    pub cancel: Arc<AtomicBool>,
    /// Maximum bytes of memory for the buffers of one task; above it, the task spills to disk.
    pub memory: u64,
}

impl Default for TaskContext {
    fn default() -> Self {
        Self { cancel: Arc::default(), memory: 256 << 20 }
    }
}

/// A port and the parts that it reads.
#[derive(Clone)]
pub(super) struct PortParts {
    pub(super) name: &'static str,
    pub(super) reads: Reads,
    pub(super) schema: SchemaRef,
    pub(super) parts: Vec<(PartAddress, Arc<Receipt>)>,
}

/// What a task computes.
pub(super) struct TaskSpec {
    pub(super) stage: &'static str,
    pub(super) partition: u32,
    pub(super) ports: Vec<PortParts>,
    pub(super) schema: SchemaRef,
    pub(super) buckets: u32,
    pub(super) excerpts: Excerpts,
}

/// What the receipt says about the stage and its input.
pub(super) struct TaskIdentity {
    pub(super) version: u32,
    pub(super) settings: serde_json::Value,
    pub(super) law: RowContract,
    pub(super) key: Key,
    pub(super) inputs: BTreeMap<String, Vec<Digest>>,
}

/// Everything that a stage's `run` can access.
pub struct Task<'a> {
    stage: &'static str,
    partition: u32,
    ports: Vec<PortParts>,
    store: &'a dyn Store,
    context: &'a TaskContext,
    excerpts: Excerpts,
    scratch: Option<Lease>,
    schema: SchemaRef,
    writer: Box<dyn PartWriter>,
    buffer: BucketBuffer,
    hashers: Vec<RowsHasher>,
    rejected_hasher: RowsHasher,
    rejected: BTreeMap<String, u64>,
    edits: BTreeMap<String, EditCount>,
    input_counts: Arc<InputCounts>,
    clock: Arc<StoreClock>,
    rows_out: u64,
    bytes_out: u64,
    source_rows: u64,
}

/// Counts the time that a task spends outside its stage.
#[derive(Default)]
struct StoreClock {
    nanoseconds: AtomicU64,
}

impl StoreClock {
    /// Runs `work` and adds its time.
    fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.add(started);
        result
    }

    fn add(&self, started: Instant) {
        let elapsed = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(elapsed, Ordering::Relaxed);
    }

    fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

#[derive(Default)]
struct InputCounts {
    rows: AtomicU64,
    bytes: AtomicU64,
}

fn text_bytes(batch: &RecordBatch) -> u64 {
    let column = batch.column_by_name("text").and_then(|c| c.as_string_opt::<i32>());
    column.map_or(0, |texts| {
        texts
            .value_offsets()
            .last()
            .zip(texts.value_offsets().first())
            .map_or(0, |(b, a)| u64::try_from(b - a).unwrap_or(0))
    })
}

impl<'a> Task<'a> {
    pub(super) fn begin(
        spec: TaskSpec,
        store: &'a dyn Store,
        context: &'a TaskContext,
        address: &PartAddress,
    ) -> Result<Self, StageError> {
        let TaskSpec { stage, partition, ports, schema, buckets, excerpts } = spec;
        Ok(Self {
            stage,
            partition,
            ports,
            store,
            context,
            excerpts,
            scratch: None,
            writer: store.begin(address, &schema)?,
            buffer: BucketBuffer::new(buckets, context.memory / 2),
            hashers: (0..buckets).map(|_| RowsHasher::new(&schema)).collect(),
            schema,
            rejected_hasher: RowsHasher::new(&REJECTED),
            rejected: BTreeMap::new(),
            edits: BTreeMap::new(),
            input_counts: Arc::default(),
            clock: Arc::default(),
            rows_out: 0,
            bytes_out: 0,
            source_rows: 0,
        })
    }

    /// The partition being computed, for a source, which has no other input.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// The schema of the rows that this task emits.
    pub fn output_schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The schema of the rows that a port reads.
    ///
    /// # Errors
    /// When the stage has no such port.
    pub fn input_schema(&self, port: &str) -> Result<SchemaRef, StageError> {
        Ok(self.port(port)?.schema.clone())
    }

    fn port(&self, name: &str) -> Result<&PortParts, StageError> {
        let found = self.ports.iter().find(|port| port.name == name);
        found.ok_or_else(|| StageError::input(format!("stage {} has no port `{name}`", self.stage)))
    }

    /// Number of upstream partitions that this port reads.
    ///
    /// # Errors
    /// When the stage has no such port.
    pub fn partition_count(&self, port: &str) -> Result<usize, StageError> {
        Ok(self.port(port)?.parts.len())
    }

    /// All rows that a port reads, one upstream partition after the other.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub fn input(&mut self, port: &'static str) -> Result<Batches<'a>, StageError> {
        let schema = self.port(port)?.schema.clone();
        let count = self.port(port)?.parts.len();
        let mut readers: std::collections::VecDeque<Batches<'a>> = std::collections::VecDeque::new();
        for part in 0..count {
            readers.push_back(self.input_partition(port, part)?);
        }
        Ok(stream(schema, readers.into_iter().flatten()))
    }

    /// The rows of one of the upstream partitions that a port reads; `part` counts from 0 in upstream order.
    ///
    /// # Errors
    /// When the part cannot be read.
    pub fn input_partition(&mut self, port: &'static str, part: usize) -> Result<Batches<'a>, StageError> {
        let found = self.port(port)?.clone();
        let first = self.ports.first().is_some_and(|p| p.name == port);
        let Some((address, receipt)) = found.parts.get(part).cloned() else {
            return Ok(stream(found.schema, std::iter::empty()));
        };
        let bucket = (found.reads == Reads::Bucket).then_some(self.partition);
        let result = &receipt.result;
        let rows =
            bucket.and_then(|bucket| result.buckets.get(bucket as usize)).map_or(result.rows_out, |bucket| bucket.rows);
        // Most parts of a small input are empty, and are not opened.
        if rows == 0 {
            return Ok(stream(found.schema, std::iter::empty()));
        }
        let (store, cancel, input_counts) =
            (self.store, self.context.cancel.clone(), first.then(|| self.input_counts.clone()));
        // Opened on first use: a port may read thousands of parts.
        let schema = found.schema.clone();
        let lazy = std::iter::once(()).flat_map(move |()| {
            let selection = Selection { bucket, columns: None };
            let opened: Batches<'static> = match store.read(&address, Table::Data, &receipt, selection) {
                Ok(Some(reader)) => reader,
                Ok(None) => stream(schema.clone(), std::iter::empty()),
                Err(error) => {
                    let failed: ArrowError = StageError::from(error).into();
                    stream(schema.clone(), std::iter::once(Err(failed)))
                }
            };
            AdaptedReader { inner: opened, schema: schema.clone() }
        });
        let (mut lazy, clock) = (lazy, self.clock.clone());
        let timed = std::iter::from_fn(move || clock.time(|| lazy.next()));
        let counted = timed.map(move |batch| {
            if cancel.load(Ordering::Relaxed) {
                return Err(StageError::Cancelled.into());
            }
            if let (Ok(batch), Some(input_counts)) = (&batch, &input_counts) {
                input_counts.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                input_counts.bytes.fetch_add(text_bytes(batch), Ordering::Relaxed);
            }
            batch
        });
        Ok(stream(found.schema, counted))
    }

    /// Emits rows into a bucket.
    ///
    /// # Errors
    /// When the rows do not have the output's schema or the store cannot be written.
    pub fn emit(&mut self, bucket: u32, rows: &RecordBatch) -> Result<(), StageError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let started = Instant::now();
        let written = self.write_rows(bucket, rows);
        self.clock.add(started);
        written
    }

    fn write_rows(&mut self, bucket: u32, rows: &RecordBatch) -> Result<(), StageError> {
        let rows = crate::table::adapt(rows, &self.schema)?;
        self.rows_out += rows.num_rows() as u64;
        self.bytes_out += text_bytes(&rows);
        let Some(hasher) = self.hashers.get_mut(bucket as usize) else {
            return Err(StageError::input(format!("stage {} has no bucket {bucket}", self.stage)));
        };
        hasher.update(&rows)?;
        if self.buffer.is_single() {
            return Ok(self.writer.write(Table::Data, &rows)?);
        }
        if self.buffer.is_full() {
            self.spill_dir()?;
        }
        let dir = self.scratch.as_ref().map(|dir| dir.path().to_owned());
        self.buffer.push(bucket, rows, dir.as_deref())
    }

    /// Records rejected rows; `rejections` has one entry per row.
    ///
    /// # Errors
    /// When the length of `rejections` is not the number of rows, or the store cannot be written.
    pub fn reject(&mut self, rows: &RecordBatch, rejections: &[Option<Rejection>]) -> Result<(), StageError> {
        if rejections.len() != rows.num_rows() {
            let message = format!("{} rejection entries for {} rows", rejections.len(), rows.num_rows());
            return Err(StageError::Arrow(ArrowError::ComputeError(message)));
        }
        let started = Instant::now();
        let written = self.write_rejected(rows, rejections);
        self.clock.add(started);
        written
    }

    fn write_rejected(&mut self, rows: &RecordBatch, rejections: &[Option<Rejection>]) -> Result<(), StageError> {
        let Some(rejected) = rejected::rows(self.stage, rows, rejections, self.excerpts)? else { return Ok(()) };
        for rejection in rejections.iter().flatten() {
            *self.rejected.entry(rejection.rule.clone().into_owned()).or_default() += 1;
        }
        self.rejected_hasher.update(&rejected)?;
        Ok(self.writer.write(Table::Rejected, &rejected)?)
    }

    /// Counts a source's documents as read: those emitted and those rejected.
    pub fn count_source(&mut self, rows: u64, bytes: u64) {
        self.source_rows += rows;
        self.input_counts.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Records cuts made in kept documents.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn edit(&mut self, edits: &[Edit]) -> Result<(), StageError> {
        let Some(rows) = rejected::edit_rows(self.stage, edits)? else { return Ok(()) };
        for edit in edits {
            let sum = self.edits.entry(edit.rule.to_owned()).or_default();
            sum.count += edit.count;
            sum.bytes += edit.bytes;
        }
        debug_assert_eq!(rows.schema_ref(), &*EDITS);
        Ok(self.clock.time(|| self.writer.write(Table::Edits, &rows))?)
    }

    /// Emits the rows without a rejection, in order, and records the others as rejected; `rejections` has one entry per row.
    ///
    /// # Errors
    /// As [`Task::reject`] and [`Task::emit`].
    pub fn keep(&mut self, rows: &RecordBatch, rejections: &[Option<Rejection>]) -> Result<(), StageError> {
        self.reject(rows, rejections)?;
        let kept: BooleanArray = rejections.iter().map(|rejection| Some(rejection.is_none())).collect();
        let kept = self.clock.time(|| filter_record_batch(rows, &kept))?;
        self.emit(0, &kept)
    }

    /// Filters the rows of the first port: for each row, `None` keeps it and `Some` rejects and records it. Keeps the
    /// order.
    ///
    /// # Errors
    /// As `check`, and when the store fails.
    pub fn filter_rows(
        &mut self,
        mut check: impl FnMut(&RecordBatch) -> Result<Vec<Option<Rejection>>, StageError>,
    ) -> Result<(), StageError> {
        let Some(port) = self.ports.first().map(|port| port.name) else { return Ok(()) };
        for batch in self.input(port)? {
            let batch = batch?;
            let rejections = check(&batch)?;
            self.keep(&batch, &rejections)?;
        }
        Ok(())
    }

    /// Maximum bytes of memory for the buffers of this task; above it, the task spills to disk.
    pub fn memory(&self) -> u64 {
        self.context.memory
    }

    /// A separate folder for spilled data, removed when the task ends.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn spill_dir(&mut self) -> Result<&Path, StageError> {
        if self.scratch.is_none() {
            self.scratch = Some(self.store.scratch()?);
        }
        Ok(self.scratch.as_ref().map_or(Path::new("."), Lease::path))
    }

    /// Whether the run is being stopped. Reading a port checks this itself.
    pub fn cancelled(&self) -> bool {
        self.context.cancel.load(Ordering::Relaxed)
    }

    pub(super) fn finish(mut self, identity: TaskIdentity, started: Instant) -> Result<Receipt, StageError> {
        let finishing = Instant::now();
        if self.cancelled() {
            return Err(StageError::Cancelled);
        }
        let rows_in =
            if self.ports.is_empty() { self.source_rows } else { self.input_counts.rows.load(Ordering::Relaxed) };
        let rejected: u64 = self.rejected.values().sum();
        if identity.law == RowContract::Conserving && rows_in != self.rows_out + rejected {
            let (stage, rows_out) = (self.stage.to_owned(), self.rows_out);
            return Err(StageError::RowsLost { stage, rows_in, rows_out, rejected });
        }
        let mut buckets = Vec::new();
        for (bucket, hasher) in std::mem::take(&mut self.hashers).into_iter().enumerate() {
            if !self.buffer.is_single() {
                for rows in self.buffer.drain(bucket)? {
                    self.writer.write(Table::Data, &rows?)?;
                }
            }
            let row_groups = self.writer.end_bucket()?;
            buckets.push(BucketResult { rows: hasher.rows(), digest: hasher.finish(), row_groups });
        }
        let rows_digest = match buckets.as_slice() {
            [one] => one.digest,
            many => Digest::of_parts(many.iter().map(|bucket| bucket.digest.bytes().as_slice())),
        };
        let result = TaskResult {
            stage: self.stage.to_owned(),
            version: identity.version,
            key: identity.key,
            settings: identity.settings,
            inputs: identity.inputs,
            rows_in,
            bytes_in: self.input_counts.bytes.load(Ordering::Relaxed),
            rows_out: self.rows_out,
            bytes_out: self.bytes_out,
            rejected: self.rejected,
            edits: self.edits,
            buckets,
            rows_digest,
            rejected_digest: self.rejected_hasher.finish(),
        };
        self.clock.add(finishing);
        Ok(self.writer.commit(result, TaskTiming { started, store: self.clock.total() })?)
    }
}
