//! The store in a local folder: `store/<stage>/<key>/{data,rejected,edits}.parquet, receipt.json`.
//!
//! Invariant: everything under `tmp/` is unfinished and may be deleted while no process runs.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;
use fs_err::File;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::ChunkReader;

use super::{PartAddress, PartWriter, Selection, Store, Table, TaskTiming};
use crate::atomic::sync_dir;
use crate::document::{BATCH_BYTES, BATCH_ROWS, EDITS, REJECTED};
use crate::error::with_path;
use crate::lease::{self, Lease};
use crate::receipt::{FileInfo, TaskResult};
use crate::sealed::{self, SealedError};
use crate::table::Batches;
use crate::{Digest, Receipt, StoreError};

const RECEIPT: &str = "receipt.json";

/// The problem of a part whose file does not exist.
const MISSING: &str = "the file is missing";

/// Maximum size of a file that is read as a whole.
const MAX_BYTES_IN_MEMORY: u64 = 8 << 20;

/// How a process locks the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreLock {
    /// Beside other runs.
    Shared,
    /// Alone: for `gc`.
    Exclusive,
}

/// A store in a local folder.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    verified: Mutex<HashSet<PathBuf>>,
}

impl LocalStore {
    /// Opens or creates the store in this folder.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        fs_err::create_dir_all(root.join("tmp"))?;
        Ok(Self { root, verified: Mutex::new(HashSet::new()) })
    }

    /// Locks the store until the handle is dropped. `None` if another process holds a conflicting lock.
    ///
    /// # Errors
    /// When the lock file cannot be created.
    pub fn lock(&self, mode: StoreLock) -> Result<Option<File>, StoreError> {
        let path = self.root.join("lock");
        let file = fs_err::OpenOptions::new().create(true).append(true).open(&path)?;
        let held = match mode {
            StoreLock::Shared => file.file().try_lock_shared(),
            StoreLock::Exclusive => file.file().try_lock(),
        };
        match held {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(with_path(&path, &error)),
        }
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn dir(&self, address: &PartAddress) -> PathBuf {
        self.root.join(&address.stage).join(address.key.to_string())
    }

    /// All parts in the store, sorted.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn addresses(&self) -> Result<Vec<PartAddress>, StoreError> {
        let mut all = Vec::new();
        for stage in fs_err::read_dir(&self.root)? {
            let stage = stage?;
            if stage.file_name() == "tmp" || stage.file_name() == "lock" || !stage.file_type()?.is_dir() {
                continue;
            }
            for part in fs_err::read_dir(stage.path())? {
                if let Ok(key) = part?.file_name().to_string_lossy().parse() {
                    all.push(PartAddress { stage: stage.file_name().to_string_lossy().into_owned(), key });
                }
            }
        }
        all.sort();
        Ok(all)
    }

    /// Reads every byte of a part and compares it with the receipt.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the first file that differs.
    pub fn verify(&self, address: &PartAddress) -> Result<(), StoreError> {
        let dir = self.dir(address);
        let receipt = read_receipt(&dir.join(RECEIPT), address)?;
        for (name, info) in &receipt.run.files {
            check_bytes(&dir.join(name), info, address)?;
        }
        Ok(())
    }

    /// The file with the rows of a part, after its bytes were compared with the receipt.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if they differ.
    pub fn data_file(&self, receipt: &Receipt) -> Result<PathBuf, StoreError> {
        let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
        let path = self.dir(&address).join(Table::Data.file_name());
        let Some(info) = receipt.run.files.get(Table::Data.file_name()) else {
            let problem = "the receipt has no such file".to_owned();
            return Err(StoreError::Corrupt { path, problem, address });
        };
        self.check_once(&path, info, &address)?;
        Ok(path)
    }

    /// Compares the bytes of a file with its receipt, once per process.
    fn check_once(&self, path: &Path, info: &FileInfo, address: &PartAddress) -> Result<(), StoreError> {
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(path);
        if !known {
            check_bytes(path, info, address)?;
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        }
        Ok(())
    }

    /// The bytes of a file, compared with its receipt.
    fn read_checked(&self, path: &Path, info: &FileInfo, address: &PartAddress) -> Result<Bytes, StoreError> {
        let corrupt =
            |problem: String| StoreError::Corrupt { path: path.to_owned(), problem, address: address.clone() };
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(corrupt(MISSING.to_owned())),
            Err(error) => return Err(error.into()),
        };
        compare(bytes.len() as u64, &Digest::of(&bytes), info).map_err(corrupt)?;
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        Ok(bytes.into())
    }

    /// Bytes of a part on disk.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn size(&self, address: &PartAddress) -> Result<u64, StoreError> {
        let mut total = 0;
        for entry in fs_err::read_dir(self.dir(address))? {
            total += entry?.metadata()?.len();
        }
        Ok(total)
    }

    /// The time when a part was committed.
    ///
    /// # Errors
    /// When its metadata cannot be read.
    pub fn committed_at(&self, address: &PartAddress) -> Result<SystemTime, StoreError> {
        Ok(fs_err::metadata(self.dir(address).join(RECEIPT))?.modified()?)
    }

    /// Deletes what processes that were killed left in `tmp`; what running processes use stays.
    ///
    /// # Errors
    /// When the folder cannot be changed.
    pub fn sweep(&self) -> Result<(), StoreError> {
        lease::sweep(&self.root.join("tmp"), "").map(|_| ())
    }

    /// Deletes everything in `tmp`. Call it only while no other run uses the store.
    ///
    /// # Errors
    /// When the folder cannot be changed.
    pub fn remove_unfinished(&self) -> Result<(), StoreError> {
        let tmp = self.root.join("tmp");
        fs_err::remove_dir_all(&tmp)?;
        Ok(fs_err::create_dir_all(&tmp)?)
    }
}

fn read_receipt(path: &Path, address: &PartAddress) -> Result<Receipt, StoreError> {
    let corrupt = |problem: String| StoreError::Corrupt { path: path.to_owned(), problem, address: address.clone() };
    let receipt: Receipt = match sealed::read(path) {
        Ok(receipt) => receipt,
        Err(SealedError::Io(error)) => return Err(error.into()),
        Err(SealedError::Damaged(problem)) => return Err(corrupt(format!("the receipt is damaged: {problem}"))),
    };
    if receipt.result.key != address.key || receipt.result.stage != address.stage {
        let (stage, key) = (&receipt.result.stage, receipt.result.key.short());
        return Err(corrupt(format!("the receipt is that of another part: {stage}/{key}")));
    }
    Ok(receipt)
}

fn modified(path: &Path) -> Result<(u64, u64), StoreError> {
    let meta = fs_err::metadata(path)?;
    let time = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((meta.len(), u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
}

fn check_bytes(path: &Path, info: &FileInfo, address: &PartAddress) -> Result<(), StoreError> {
    let corrupt = |problem: String| StoreError::Corrupt { path: path.to_owned(), problem, address: address.clone() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(corrupt(MISSING.to_owned())),
        Err(error) => return Err(error.into()),
    };
    let mut hasher = blake3::Hasher::new();
    let size = io::copy(&mut file, &mut hasher).map_err(|error| with_path(path, &error))?;
    compare(size, &Digest::from(hasher), info).map_err(corrupt)
}

/// Compares the size and the digest of a file with its receipt. Returns the difference.
fn compare(size: u64, digest: &Digest, info: &FileInfo) -> Result<(), String> {
    if size != info.size {
        return Err(format!("the file has {size} bytes, but the receipt records {}", info.size));
    }
    if *digest != info.blake3 {
        return Err(format!("its digest is {}, the receipt records {}", digest.short(), info.blake3.short()));
    }
    Ok(())
}

impl Store for LocalStore {
    fn find(&self, address: &PartAddress) -> Result<Option<Receipt>, StoreError> {
        let dir = self.dir(address);
        let receipt = match read_receipt(&dir.join(RECEIPT), address) {
            Ok(receipt) => receipt,
            Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(StoreError::Corrupt { path, problem, .. }) => {
                tracing::warn!(path = %path.display(), problem, "a damaged part will be recomputed");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        for (name, info) in &receipt.run.files {
            let path = dir.join(name);
            let unchanged = match modified(&path) {
                Ok((size, time)) => size == info.size && time == info.modified,
                Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            // A copied store has other modification times, so compare the bytes.
            if !unchanged {
                if let Err(error) = check_bytes(&path, info, address) {
                    tracing::warn!("{error}");
                    return Ok(None);
                }
                self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
            }
        }
        Ok(Some(receipt))
    }

    fn begin(&self, address: &PartAddress, schema: &SchemaRef) -> Result<Box<dyn PartWriter>, StoreError> {
        let tmp = self.root.join("tmp");
        let staging = Lease::dir(&tmp, "part-")?;
        let mut writer = LocalPart {
            staging,
            tmp,
            target: self.dir(address),
            address: address.clone(),
            files: BTreeMap::new(),
            data_row_groups: 0,
        };
        writer.open(Table::Data, schema)?;
        Ok(Box::new(writer))
    }

    fn read(
        &self,
        address: &PartAddress,
        table: Table,
        receipt: &Receipt,
        selection: Selection<'_>,
    ) -> Result<Option<Batches<'static>>, StoreError> {
        let Some(info) = receipt.run.files.get(table.file_name()) else { return Ok(None) };
        let path = self.dir(address).join(table.file_name());
        let bucket = selection.bucket.and_then(|bucket| receipt.result.buckets.get(bucket as usize));
        let groups = bucket.map(|bucket| {
            let (first, count) = bucket.row_groups;
            (first as usize..(first as usize).saturating_add(count as usize)).collect::<Vec<_>>()
        });
        let expected = match (table, bucket) {
            (Table::Data, Some(bucket)) => Some(bucket.rows),
            (Table::Data, None) => Some(receipt.result.rows_out),
            (Table::Rejected, _) => Some(receipt.result.rejected_rows()),
            (Table::Edits, _) => None,
        };
        let check = |found: u64| match expected {
            Some(expected) if expected != found => Err(StoreError::Corrupt {
                path: path.clone(),
                problem: format!("the file has {found} rows, but the receipt records {expected}"),
                address: address.clone(),
            }),
            _ => Ok(()),
        };
        // A whole part is read anyway, with one system call instead of four per page. One bucket is a fraction of it.
        if groups.is_none() && info.size <= MAX_BYTES_IN_MEMORY {
            let bytes = self.read_checked(&path, info, address)?;
            return open_parquet(bytes, &path, groups, selection.columns, check).map(Some);
        }
        self.check_once(&path, info, address)?;
        open_parquet(File::open(&path)?.into_file(), &path, groups, selection.columns, check).map(Some)
    }

    fn discard(&self, address: &PartAddress) -> Result<(), StoreError> {
        let dir = self.dir(address);
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| !path.starts_with(&dir));
        let tmp = self.root.join("tmp");
        let staging = Lease::dir(&tmp, "damaged-")?;
        match fs_err::rename(&dir, staging.path().join("part")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn scratch(&self) -> Result<Lease, StoreError> {
        Lease::dir(&self.root.join("tmp"), "scratch-")
    }

    fn path(&self, address: &PartAddress) -> Option<PathBuf> {
        Some(self.dir(address))
    }
}

/// Opens a Parquet file as a stream of batches of bounded size; `check_rows` gets the number of rows selected. Errors
/// name `path`.
///
/// # Errors
/// When the file cannot be read as Parquet, or as `check_rows`.
fn open_parquet(
    file: impl ChunkReader + 'static,
    path: &Path,
    row_groups: Option<Vec<usize>>,
    columns: Option<&[&str]>,
    check_rows: impl FnOnce(u64) -> Result<(), StoreError>,
) -> Result<Batches<'static>, StoreError> {
    let failed = |error| StoreError::parquet(path, error);
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let meta = builder.metadata();
    let (rows, bytes) = meta
        .row_groups()
        .iter()
        .fold((0i64, 0i64), |(rows, bytes), group| (rows + group.num_rows(), bytes + group.total_byte_size()));
    let row_bytes = usize::try_from(bytes / rows.max(1)).unwrap_or(0).max(1);
    let batch_rows = (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS);
    let selected = row_groups.unwrap_or_else(|| (0..meta.num_row_groups()).collect());
    // A missing row group counts as empty, so that the sum differs.
    let rows_of = |&group: &usize| meta.row_groups().get(group).map_or(0, RowGroupMetaData::num_rows);
    check_rows(u64::try_from(selected.iter().map(rows_of).sum::<i64>()).unwrap_or(0))?;
    let selected = selected.into_iter().filter(|&group| group < meta.num_row_groups()).collect();
    builder = builder.with_row_groups(selected);
    if let Some(columns) = columns {
        let wanted: Vec<usize> = builder
            .schema()
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| columns.contains(&field.name().as_str()))
            .map(|(index, _)| index)
            .collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        builder = builder.with_projection(mask);
    }
    Ok(Box::new(builder.with_batch_size(batch_rows).build().map_err(failed)?))
}

/// Whether values of this type have any length.
fn is_variable(data_type: &DataType) -> bool {
    !data_type.is_primitive() && !matches!(data_type, DataType::Boolean | DataType::FixedSizeBinary(_))
}

/// Counts and hashes what is written.
struct HashingFile {
    file: File,
    hasher: blake3::Hasher,
    size: u64,
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct LocalPart {
    staging: Lease,
    tmp: PathBuf,
    target: PathBuf,
    address: PartAddress,
    files: BTreeMap<Table, ArrowWriter<HashingFile>>,
    data_row_groups: usize,
}

impl LocalPart {
    fn open(&mut self, table: Table, schema: &SchemaRef) -> Result<(), StoreError> {
        let path = self.staging.path().join(table.file_name());
        let file = HashingFile { file: File::create(&path)?, hasher: blake3::Hasher::new(), size: 0 };
        let mut properties = WriterProperties::builder();
        // Numbers and digests are small beside texts or do not compress, and each page would need a new encoder.
        for field in schema.fields() {
            if !is_variable(field.data_type()) {
                properties = properties.set_column_compression(field.name().as_str().into(), Compression::UNCOMPRESSED);
            }
        }
        let properties = properties
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_bytes(Some(64 << 20))
            // Texts are unique: a dictionary would cost memory and hashing without any gain.
            .set_column_dictionary_enabled("text".into(), false)
            .set_created_by(concat!("corpusmill ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))
            .map_err(|error| StoreError::parquet(&path, error))?;
        self.files.insert(table, writer);
        Ok(())
    }

    fn finish(&mut self) -> Result<BTreeMap<String, FileInfo>, StoreError> {
        let mut files = BTreeMap::new();
        for (table, mut writer) in std::mem::take(&mut self.files) {
            let path = self.staging.path().join(table.file_name());
            // Not `into_inner`, which converts an I/O error to a string.
            writer.finish().map_err(|error| StoreError::parquet(&path, error))?;
            let inner = writer.inner();
            inner.file.sync_all()?;
            let (_, modified) = modified(&path)?;
            let info = FileInfo { size: inner.size, modified, blake3: inner.hasher.clone().into() };
            files.insert(table.file_name().to_owned(), info);
        }
        Ok(files)
    }
}

impl PartWriter for LocalPart {
    fn write(&mut self, table: Table, rows: &RecordBatch) -> Result<(), StoreError> {
        if !self.files.contains_key(&table) {
            let schema = if table == Table::Edits { &EDITS } else { &REJECTED };
            self.open(table, schema)?;
        }
        let path = self.staging.path().join(table.file_name());
        match self.files.get_mut(&table) {
            Some(writer) => writer.write(rows).map_err(|error| StoreError::parquet(path, error)),
            None => Ok(()),
        }
    }

    fn end_bucket(&mut self) -> Result<(u32, u32), StoreError> {
        let path = self.staging.path().join(Table::Data.file_name());
        let first = self.data_row_groups;
        if let Some(writer) = self.files.get_mut(&Table::Data) {
            writer.flush().map_err(|error| StoreError::parquet(path, error))?;
            self.data_row_groups = writer.flushed_row_groups().len();
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok((number(first), number(self.data_row_groups - first)))
    }

    fn commit(mut self: Box<Self>, result: TaskResult, timing: TaskTiming) -> Result<Receipt, StoreError> {
        let committing = Instant::now();
        let files = self.finish()?;
        let receipt = Receipt { result, run: timing.run_info(committing, files) };
        let path = self.staging.path().join(RECEIPT);
        let mut file = File::create(&path)?;
        sealed::write_to(&mut file, &receipt).map_err(|error| with_path(&path, &error))?;
        file.sync_all()?;
        sync_dir(self.staging.path())?;
        let parent = self.target.parent().unwrap_or(Path::new(".")).to_owned();
        fs_err::create_dir_all(&parent)?;
        // The commit point. An existing folder is either an equal part of another run or a damaged one.
        if fs_err::rename(self.staging.path(), &self.target).is_err() {
            if let Ok(existing) = read_receipt(&self.target.join(RECEIPT), &self.address)
                && existing.result.key == receipt.result.key
                && existing.result.rows_digest == receipt.result.rows_digest
                && existing.result.rejected_digest == receipt.result.rejected_digest
                && existing
                    .run
                    .files
                    .iter()
                    .all(|(name, info)| check_bytes(&self.target.join(name), info, &self.address).is_ok())
            {
                return Ok(existing);
            }
            if self.target.exists() {
                let damaged = Lease::dir(&self.tmp, "damaged-")?;
                fs_err::rename(&self.target, damaged.path().join("part"))?;
            }
            fs_err::rename(self.staging.path(), &self.target)?;
        }
        sync_dir(&parent)?;
        Ok(receipt)
    }
}
