//! One shard file as the manifest records it; the only module of this crate that reads Parquet.
//!
//! Invariant: no byte reaches the Parquet decoder before the checksum of its section is checked against the manifest,
//! so that damage is an error that names the file, not a wrong token.

use std::{
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::Schema;
use arrow_select::concat::concat_batches;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    file::metadata::RowGroupMetaData,
};
use xxhash_rust::xxh3::Xxh3Default;

use super::{
    MAX_ROW_GROUP_DOCUMENTS, ShardDescription, ShardEntry, ShardError, manifest::PARQUET_MAGIC_BYTES,
    schema::token_shard_schema,
};

/// Buffer size for computing checksums.
const BUFFER_BYTES: usize = 1 << 16;

/// A shard and its entry in the manifest.
#[derive(Debug)]
pub(super) struct ShardFile<'a> {
    path: PathBuf,
    entry: &'a ShardEntry,
}

impl<'a> ShardFile<'a> {
    pub(super) fn new(corpus: &Path, entry: &'a ShardEntry) -> Self {
        Self { path: corpus.join(&entry.path), entry }
    }

    /// A corruption error for this file.
    pub(super) fn corrupt(&self, detail: impl Into<String>) -> ShardError {
        ShardError::corrupt(&self.path, detail)
    }

    /// Checks the size against the manifest.
    pub(super) fn check_size(&self) -> Result<(), ShardError> {
        let bytes = fs_err::metadata(&self.path).map_err(ShardError::io(&self.path))?.len();
        if bytes == self.entry.bytes {
            return Ok(());
        }
        Err(self.corrupt(format!("it has {bytes} bytes, but the manifest records {}", self.entry.bytes)))
    }

    /// Reads those of `columns` that the shard has, in file order, for one row group that begins at byte `start`.
    pub(super) fn read(&self, row_group: u32, start: u64, columns: &[&str]) -> Result<RecordBatch, ShardError> {
        let row_group = row_group as usize;
        let recorded = &self.entry.row_groups[row_group];
        let (mut file, builder) = self.open()?;
        let name = format!("row group {row_group}");
        self.check_section(&mut file, &name, start, recorded.bytes, &recorded.checksum)?;
        let rows = builder.metadata().row_groups().get(row_group).map(RowGroupMetaData::num_rows);
        if rows != Some(recorded.documents.into()) {
            let found = rows.map_or_else(|| "is not in the file".to_owned(), |rows| format!("has {rows} rows"));
            let detail = format!("{name} {found}, but the manifest records {} rows", recorded.documents);
            return Err(self.corrupt(detail));
        }
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![row_group])
            .with_batch_size(recorded.documents.min(MAX_ROW_GROUP_DOCUMENTS) as usize)
            .build()
            .map_err(ShardError::parquet(&self.path))?;
        let schema = reader.schema();
        let rows = reader
            .collect::<Result<Vec<_>, _>>()
            .and_then(|batches| concat_batches(&schema, &batches))
            .map_err(|error| self.corrupt(error.to_string()))?;
        if rows.num_rows() != recorded.documents as usize {
            return Err(self.corrupt(format!("{name} decodes to {} rows", rows.num_rows())));
        }
        Ok(rows)
    }

    /// Checks every byte against the file's digest, and metadata and row groups against the manifest.
    pub(super) fn verify(&self, description: &ShardDescription) -> Result<(), ShardError> {
        self.check_size()?;
        let mut hasher = blake3::Hasher::new();
        let mut file = self.file()?;
        self.each_chunk(&mut file, self.entry.bytes, |chunk| {
            hasher.update(chunk);
        })?;
        let found = hasher.finalize().to_hex().to_string();
        if found != self.entry.file_digest {
            let recorded = &self.entry.file_digest;
            return Err(self.corrupt(format!("its BLAKE3 digest is {found}, but the manifest records {recorded}")));
        }
        let mut start = PARQUET_MAGIC_BYTES;
        for (index, group) in self.entry.row_groups.iter().enumerate() {
            self.check_section(&mut file, &format!("row group {index}"), start, group.bytes, &group.checksum)?;
            start += group.bytes;
        }
        let (_, builder) = self.open()?;
        let metadata = builder.metadata();
        if let Some(detail) = description.difference(metadata.file_metadata().key_value_metadata()) {
            return Err(self.corrupt(detail));
        }
        let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows);
        let recorded = self.entry.row_groups.iter().map(|group| i64::from(group.documents));
        if !rows.eq(recorded) {
            return Err(self.corrupt("its row groups do not match the manifest"));
        }
        Ok(())
    }

    fn file(&self) -> Result<fs_err::File, ShardError> {
        fs_err::File::open(&self.path).map_err(ShardError::io(&self.path))
    }

    /// Opens the file twice, once for checksums; checks the footer, and that the columns are those of a token shard.
    fn open(&self) -> Result<(fs_err::File, ParquetRecordBatchReaderBuilder<std::fs::File>), ShardError> {
        let mut file = self.file()?;
        let footer = PARQUET_MAGIC_BYTES + self.entry.row_groups.iter().map(|group| group.bytes).sum::<u64>();
        // Not negative: a manifest whose row groups are larger than the file is rejected.
        let bytes = self.entry.bytes - footer;
        self.check_section(&mut file, "the footer", footer, bytes, &self.entry.footer_checksum)?;
        let copy = file.file().try_clone().map_err(ShardError::io(&self.path))?;
        // The stored Arrow schema is skipped: the Parquet types are sufficient.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(copy, options)
            .map_err(ShardError::parquet(&self.path))?;
        self.check_columns(builder.schema())?;
        Ok((file, builder))
    }

    fn check_columns(&self, found: &Schema) -> Result<(), ShardError> {
        let has_loss_mask = found.fields().len() == 4;
        let expected = token_shard_schema(has_loss_mask);
        let alike = |(one, other): (&arrow_schema::FieldRef, &arrow_schema::FieldRef)| {
            one.name() == other.name()
                && one.data_type() == other.data_type()
                && one.is_nullable() == other.is_nullable()
        };
        let fields = found.fields();
        if fields.len() == expected.fields().len() && fields.iter().zip(expected.fields()).all(alike) {
            return Ok(());
        }
        let columns = fields.iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        let columns = columns.collect::<Vec<_>>().join(", ");
        Err(self.corrupt(format!("its columns ({columns}) are not those of a token shard")))
    }

    fn check_section(
        &self,
        file: &mut fs_err::File,
        name: &str,
        start: u64,
        bytes: u64,
        checksum: &str,
    ) -> Result<(), ShardError> {
        file.seek(SeekFrom::Start(start)).map_err(ShardError::io(&self.path))?;
        let mut hasher = Xxh3Default::new();
        self.each_chunk(file, bytes, |chunk| hasher.update(chunk))?;
        let found = format!("{:016x}", hasher.digest());
        if found == checksum {
            return Ok(());
        }
        Err(self.corrupt(format!("{name} has checksum {found}, but the manifest records {checksum}")))
    }

    /// Calls `visit` with the next `bytes` bytes of the file, in chunks.
    fn each_chunk(&self, file: &mut fs_err::File, bytes: u64, mut visit: impl FnMut(&[u8])) -> Result<(), ShardError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut remaining = bytes;
        while remaining > 0 {
            let chunk_bytes = usize::try_from(remaining).map_or(BUFFER_BYTES, |bytes| bytes.min(BUFFER_BYTES));
            let read = file.read(&mut buffer[..chunk_bytes]).map_err(ShardError::io(&self.path))?;
            if read == 0 {
                return Err(self.corrupt(format!("it ends {remaining} bytes early")));
            }
            visit(&buffer[..read]);
            remaining -= read as u64;
        }
        Ok(())
    }
}
