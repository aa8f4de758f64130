//! Reads documents from Parquet files by row group.
//!
//! Only the mapped columns are read. Memory holds the pages being decoded of one row group's mapped columns, a batch of at
//! most 64 rows whose texts are views into these pages, and one document.
//!
//! Invariant: damage loses at most the rest of its row group, which is rejected (`bad-parquet`) with the number of rows
//! lost; the other row groups are read.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::Length as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::column_check::{ColumnNames, no_column};
use super::columns::{ColumnMapping, InvalidUtf8};
use super::guarded_file::GuardedFile;
use super::parquet_cells::ArrowColumns;
use super::row;
use crate::document::{count_f64, len_f64};
use crate::io_guard::IoGuard;
use crate::{ReadResult, ReaderError, ReaderItem, RejectedInput};

/// Maximum number of rows per batch.
const BATCH_ROWS: usize = 64;

/// Target size of a batch in bytes, by the mean size of the row group's rows.
const BATCH_BYTES: u64 = 8 << 20;

/// Settings of the Parquet reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ParquetSettings {
    /// Mapping from columns to document fields.
    pub columns: ColumnMapping,
    /// How to handle a value of a binary text column that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Maximum length of a document in bytes; longer documents are rejected (`too-large`). The default is 16 MiB, far
    /// above any real page.
    pub max_document_bytes: u64,
}

impl Default for ParquetSettings {
    fn default() -> Self {
        Self { columns: ColumnMapping::default(), invalid_utf8: InvalidUtf8::default(), max_document_bytes: 16 << 20 }
    }
}

/// Size of one row group, for partitioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Number of rows.
    pub rows: u64,
    /// Size of its data in bytes, uncompressed.
    pub bytes: u64,
}

/// Lists the row groups of a file; a file that is not Parquet has none (reading it yields the rejection).
///
/// # Errors
/// The file cannot be opened.
pub fn row_groups(path: &Path) -> Result<Vec<RowGroup>, ReaderError> {
    let (file, guard) = open(path)?;
    let loaded = guarded(&guard, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?;
    let Ok(metadata) = loaded else { return Ok(Vec::new()) };
    let groups = metadata.metadata().row_groups().iter();
    Ok(groups
        .map(|group| RowGroup { rows: unsigned(group.num_rows()), bytes: unsigned(group.total_byte_size()) })
        .collect())
}

/// Iterates over the documents of a Parquet file, or of a range of its row groups.
pub struct ParquetDocuments {
    file: GuardedFile,
    guard: IoGuard,
    bytes: u64,
    origin: String,
    settings: ParquetSettings,
    metadata: Option<ArrowReaderMetadata>,
    projection: ProjectionMask,
    groups: Range<usize>,
    current: Option<OpenRowGroup>,
    batch: Option<OpenBatch>,
    rejected: Option<RejectedInput>,
}

/// The decoded batch whose rows are being returned.
struct OpenBatch {
    columns: ArrowColumns,
    /// Index in the batch of the next row.
    next: usize,
    rows: usize,
    /// Index in the file of the batch's first row.
    first_row: u64,
}

/// The row group being read.
struct OpenRowGroup {
    number: usize,
    reader: ParquetRecordBatchReader,
    /// Index in the file of the next batch's first row.
    next_row: u64,
    /// Index in the file of the row after the group's last.
    end_row: u64,
}

impl ParquetDocuments {
    /// Opens a file; `groups` selects row groups (`None`: all).
    ///
    /// # Errors
    /// The file cannot be opened, or lacks a mapped column. A file that is not Parquet is not an error: it yields one
    /// rejection.
    pub fn open(
        path: &Path,
        origin: &str,
        groups: Option<Range<usize>>,
        settings: &ParquetSettings,
    ) -> Result<Self, ReaderError> {
        let (file, guard) = open(path)?;
        let bytes = file.len();
        let mut documents = Self {
            file,
            guard,
            bytes,
            origin: origin.to_owned(),
            settings: settings.clone(),
            metadata: None,
            projection: ProjectionMask::all(),
            groups: 0..0,
            current: None,
            batch: None,
            rejected: None,
        };
        if bytes == 0 {
            return Ok(documents);
        }
        match guarded(&documents.guard, || ArrowReaderMetadata::load(&documents.file, ArrowReaderOptions::new()))? {
            Ok(metadata) => {
                let metadata = with_views(metadata);
                documents.projection = documents.project(&metadata)?;
                let all = 0..metadata.metadata().num_row_groups();
                let requested = groups.unwrap_or(all.clone());
                documents.groups = requested.start.min(all.end)..requested.end.min(all.end);
                documents.metadata = Some(metadata);
            }
            Err(detail) => {
                let rejected = RejectedInput::new(origin, "bad-parquet", count_f64(bytes), 0.0).with_detail(detail);
                documents.rejected = Some(rejected);
            }
        }
        Ok(documents)
    }

    fn project(&self, metadata: &ArrowReaderMetadata) -> Result<ProjectionMask, ReaderError> {
        let fields: Vec<&str> = metadata.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let root = |name: &str| {
            fields
                .iter()
                .position(|field| *field == name)
                .or_else(|| fields.iter().position(|field| Some(*field) == name.split('.').next()))
        };
        let mapping = &self.settings.columns;
        if metadata.metadata().file_metadata().num_rows() > 0 {
            self.check_columns(metadata.schema().fields())?;
        }
        Ok(ProjectionMask::roots(metadata.parquet_schema(), mapping.names().into_iter().filter_map(root)))
    }

    /// Returns an error if the file has not every column that the mapping names, or none that holds the body.
    fn check_columns(&self, fields: &Fields) -> Result<(), ReaderError> {
        let mapping = &self.settings.columns;
        let bodies = mapping.bodies();
        let has_body = bodies.iter().any(|name| has_column(fields, name));
        let missing = mapping.required().into_iter().find(|name| !has_column(fields, name));
        let body = bodies.first().filter(|_| !has_body);
        let Some(column) = missing.or(body.copied()) else { return Ok(()) };
        let mut existing = ColumnNames::default();
        fields.iter().for_each(|field| existing.add(field.name()));
        note_beside(fields, column, &mut existing);
        Err(no_column(&self.origin, column, &existing, has_body))
    }

    /// Opens the next row group, or records why it cannot be read; returns false at the end.
    fn advance(&mut self) -> Result<bool, ReaderError> {
        let Some(metadata) = self.metadata.clone() else { return Ok(false) };
        let Some(number) = self.groups.next() else { return Ok(false) };
        let rows = |index: usize| unsigned(metadata.metadata().row_group(index).num_rows());
        let first: u64 = (0..number).map(rows).sum();
        let end_row = first.saturating_add(rows(number));
        if self.column_range(number).end > self.bytes {
            self.reject_rest(number, first, end_row, "its data extend past the end of the file");
            return Ok(true);
        }
        let batch_rows = self.batch_rows(number, end_row - first);
        let file = self.file.try_clone()?;
        let projection = self.projection.clone();
        let made = guarded(&self.guard, || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
            builder.with_row_groups(vec![number]).with_projection(projection).with_batch_size(batch_rows).build()
        })?;
        match made {
            Ok(reader) => self.current = Some(OpenRowGroup { number, reader, next_row: first, end_row }),
            Err(detail) => self.reject_rest(number, first, end_row, &detail),
        }
        Ok(true)
    }

    /// The number of rows per batch of a row group: few, if its rows are large.
    fn batch_rows(&self, number: usize, rows: u64) -> usize {
        let Some(metadata) = &self.metadata else { return 1 };
        let columns = metadata.metadata().row_group(number).columns().iter().enumerate();
        let mapped = columns.filter(|(leaf, _)| self.projection.leaf_included(*leaf));
        let bytes: u64 = mapped.map(|(_, column)| unsigned(column.uncompressed_size())).fold(0, u64::saturating_add);
        let mean = (bytes / rows.max(1)).max(1);
        usize::try_from(BATCH_BYTES / mean).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
    }

    /// Returns the byte range from the first to the last mapped column of a row group.
    fn column_range(&self, number: usize) -> Range<u64> {
        let Some(metadata) = &self.metadata else { return 0..0 };
        let group = metadata.metadata().row_group(number);
        let read = group.columns().iter().enumerate().filter(|(leaf, _)| self.projection.leaf_included(*leaf));
        let ranges = read.map(|(_, column)| {
            corpusmill_codec::catch_panic(|| Ok::<_, String>(column.byte_range())).unwrap_or((u64::MAX, 0))
        });
        let ends = ranges.map(|(start, length)| (start, start.saturating_add(length)));
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).map_or(0..0, |(start, end)| start..end)
    }

    fn reject_rest(&mut self, number: usize, next_row: u64, end_row: u64, detail: &str) {
        let detail = format!("row group {number}: {detail}");
        let row_origin = format!("{}#{}", self.origin, next_row + 1);
        let rejected = RejectedInput::new(row_origin, "bad-parquet", count_f64(end_row.saturating_sub(next_row)), 0.0)
            .with_detail(detail);
        self.rejected = Some(rejected);
    }

    fn take_batch(&mut self, mut group: OpenRowGroup) -> Result<(), ReaderError> {
        match guarded(&self.guard, || group.reader.next().transpose())? {
            Ok(Some(batch)) => {
                let rows = batch.num_rows();
                let columns = ArrowColumns::new(&batch);
                self.batch = Some(OpenBatch { columns, next: 0, rows, first_row: group.next_row });
                group.next_row += rows as u64;
                self.current = Some(group);
            }
            Ok(None) if group.next_row < group.end_row => {
                self.reject_rest(group.number, group.next_row, group.end_row, "fewer rows than the footer declares");
            }
            Ok(None) => {}
            Err(detail) => self.reject_rest(group.number, group.next_row, group.end_row, &detail),
        }
        Ok(())
    }

    /// The document of the next row of the current batch.
    fn next_row(&mut self) -> Option<ReaderItem> {
        let batch = self.batch.as_mut()?;
        if batch.next == batch.rows {
            self.batch = None;
            return None;
        }
        let index = batch.next;
        batch.next += 1;
        let row_origin = format!("{}#{}", self.origin, batch.first_row + index as u64 + 1);
        let limit = self.settings.max_document_bytes;
        let document =
            row::document(&batch.columns.row(index), &self.settings.columns, self.settings.invalid_utf8, &row_origin);
        Some(match document {
            Ok(document) if document.body.len() as u64 > limit => ReaderItem::Rejected(RejectedInput::new(
                row_origin,
                "too-large",
                len_f64(document.body.len()),
                count_f64(limit),
            )),
            Ok(document) => ReaderItem::Document(document),
            Err(rejected) => ReaderItem::Rejected(rejected),
        })
    }
}

impl Iterator for ParquetDocuments {
    type Item = ReadResult;

    fn next(&mut self) -> Option<ReadResult> {
        loop {
            if let Some(item) = self.next_row().or_else(|| self.rejected.take().map(ReaderItem::Rejected)) {
                return Some(Ok(item));
            }
            if let Some(group) = self.current.take() {
                if let Err(error) = self.take_batch(group) {
                    return Some(Err(error));
                }
                continue;
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn open(path: &Path) -> Result<(GuardedFile, IoGuard), ReaderError> {
    let file = fs_err::File::open(path)?;
    let bytes = file.metadata()?.len();
    let guard = IoGuard::default();
    Ok((GuardedFile::new(file, bytes, guard.clone()), guard))
}

/// Whether a file has a column, which a dot may select inside another.
fn has_column(fields: &Fields, name: &str) -> bool {
    fields.find(name).is_some() || inner_fields(fields, name).is_some_and(|(inner, last)| inner.find(last).is_some())
}

/// Adds the paths of the columns that are beside the missing column `name`, if a dot selects it inside another.
fn note_beside(fields: &Fields, name: &str, existing: &mut ColumnNames) {
    let mut path = name;
    while let Some((outer, _)) = path.rsplit_once('.') {
        if let Some((inner, _)) = inner_fields(fields, path) {
            inner.iter().for_each(|field| existing.add(&format!("{outer}.{}", field.name())));
            return;
        }
        path = outer;
    }
}

/// Returns the fields among which the last part of a dotted name selects, and that part.
fn inner_fields<'f, 'n>(fields: &'f Fields, name: &'n str) -> Option<(&'f Fields, &'n str)> {
    let (outer, last) = name.rsplit_once('.')?;
    let inner = outer.split('.').try_fold(fields, |fields, part| match fields.find(part)?.1.data_type() {
        DataType::Struct(inner) => Some(inner),
        _ => None,
    })?;
    Some((inner, last))
}

/// Reads texts and bytes as views into their pages: a dictionary's value is in memory once, however many rows have it.
fn with_views(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let fields: Vec<Field> = metadata.schema().fields().iter().map(|field| view_field(field)).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    corpusmill_codec::catch_panic(|| ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options))
        .unwrap_or(metadata)
}

fn view_field(field: &Field) -> Field {
    let of = |inner: &Arc<Field>| Arc::new(view_field(inner));
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) if matches!(**value, DataType::Utf8 | DataType::LargeUtf8) => DataType::Utf8View,
        DataType::Dictionary(_, value) if matches!(**value, DataType::Binary | DataType::LargeBinary) => {
            DataType::BinaryView
        }
        DataType::List(inner) => DataType::List(of(inner)),
        DataType::LargeList(inner) => DataType::LargeList(of(inner)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(of).collect()),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

/// Runs a step of the Parquet decoder, which panics on damaged files: parquet 60.1.0 on a negative column offset
/// (`file/metadata/mod.rs:1043`) and on a page without its dictionary (`column/reader/decoder.rs:374`), both found by the
/// tests below. An error of the machine is returned as such, damage as its description.
fn guarded<T, E: std::fmt::Display>(
    guard: &IoGuard,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<Result<T, String>, ReaderError> {
    match corpusmill_codec::catch_panic(step) {
        Err(detail) if guard.has_failed() || corpusmill_codec::is_out_of_memory(&detail) => {
            Err(ReaderError::Io(io::Error::other(detail)))
        }
        other => Ok(other),
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
