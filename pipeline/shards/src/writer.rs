//! Writes one token shard: from batches to one Parquet file and its manifest entry.
//!
//! Invariant: the bytes of the file depend only on the rows and this program's version, not on how the rows were cut
//! into batches: row groups are closed by count and written whole.

use std::path::{Path, PathBuf};

use arrow_array::{BinaryArray, RecordBatch, StringArray, UInt32Array, cast::AsArray, types::UInt32Type};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions};

use super::{
    Count, RowGroup, ShardDescription, ShardEntry, ShardError,
    file::AtomicFile,
    schema::{decode_tokens, token_shard_schema, writer_properties},
};

/// Maximum documents of a row group, which is the unit of shuffling and of reading.
pub const MAX_ROW_GROUP_DOCUMENTS: u32 = 2048;

/// A row group is closed when it has at least this many tokens. This limits the memory of a reader when documents are
/// long: 8 MiB at two bytes per token, plus one document.
pub const ROW_GROUP_TOKENS: u64 = 1 << 22;

/// Writes one shard; at most one row group is in memory.
#[derive(Debug)]
pub struct ShardWriter {
    path: PathBuf,
    relative: String,
    description: ShardDescription,
    schema: SchemaRef,
    writer: ArrowWriter<AtomicFile>,
    pending: Vec<RecordBatch>,
    current_group: Count,
    row_groups: Vec<RowGroup>,
    documents: u64,
    tokens: u64,
    scratch: Vec<u32>,
}

impl ShardWriter {
    /// Begins the shard `relative` (see [`shard_path`](super::shard_path)) in the folder `corpus`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(
        corpus: &Path,
        relative: &str,
        description: ShardDescription,
        loss_mask: bool,
    ) -> Result<Self, ShardError> {
        let path = corpus.join(relative);
        let schema = token_shard_schema(loss_mask);
        let options =
            ArrowWriterOptions::new().with_properties(writer_properties(&description)).with_skip_arrow_metadata(true);
        let file = AtomicFile::create(&path)?;
        let mut writer =
            ArrowWriter::try_new_with_options(file, schema.clone(), options).map_err(ShardError::parquet(&path))?;
        // Parquet's magic bytes belong to no section.
        writer.sync().map_err(ShardError::io(&path))?;
        writer.inner_mut().end_section();
        Ok(Self {
            path,
            relative: relative.to_owned(),
            description,
            schema,
            writer,
            pending: Vec::new(),
            current_group: Count::default(),
            row_groups: Vec::new(),
            documents: 0,
            tokens: 0,
            scratch: Vec::new(),
        })
    }

    /// Documents written so far.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Tokens written so far.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Writes the next rows; ignores columns that are not those of a token shard.
    ///
    /// # Errors
    /// When a column is missing or has another type, a value is null, the bytes of a document do not match its
    /// `token_count`, or a token is beyond the vocabulary; the message names the document.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), ShardError> {
        let rows = self.project(rows)?;
        let counts = self.check(&rows)?;
        let mut start = 0;
        for (row, &count) in counts.values().iter().enumerate() {
            self.current_group.documents += 1;
            self.current_group.tokens += u64::from(count);
            self.documents += 1;
            self.tokens += u64::from(count);
            if self.current_group.documents == u64::from(MAX_ROW_GROUP_DOCUMENTS)
                || self.current_group.tokens >= ROW_GROUP_TOKENS
            {
                self.pending.push(rows.slice(start, row + 1 - start));
                start = row + 1;
                self.close_row_group()?;
            }
        }
        if start < rows.num_rows() {
            self.pending.push(rows.slice(start, rows.num_rows() - start));
        }
        Ok(())
    }

    /// Publishes the shard under its name; `rows_digest` is copied to the entry.
    ///
    /// # Errors
    /// When the file cannot be written, synced or renamed; no file then exists under its name.
    pub fn finish(mut self, rows_digest: String) -> Result<ShardEntry, ShardError> {
        if self.current_group.documents > 0 {
            self.close_row_group()?;
        }
        let mut file = self.writer.into_inner().map_err(ShardError::parquet(&self.path))?;
        let (_, footer_checksum) = file.end_section();
        let (bytes, file_digest) = file.publish()?;
        Ok(ShardEntry {
            path: self.relative,
            documents: self.documents,
            tokens: self.tokens,
            bytes,
            rows_digest,
            file_digest,
            footer_checksum,
            row_groups: self.row_groups,
        })
    }

    fn project(&self, rows: &RecordBatch) -> Result<RecordBatch, ShardError> {
        let columns = self.schema.fields().iter().map(|field| {
            rows.column_by_name(field.name()).cloned().ok_or_else(|| {
                let detail = format!("the rows lack the column `{}`", field.name());
                ShardError::rows(&self.path, detail)
            })
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        // Rejects other types and nulls.
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| ShardError::rows(&self.path, error.to_string()))
    }

    fn check(&mut self, rows: &RecordBatch) -> Result<UInt32Array, ShardError> {
        let ids: &StringArray = rows.column(0).as_string();
        let tokens: &BinaryArray = rows.column(1).as_binary();
        let counts: &UInt32Array = rows.column(2).as_primitive::<UInt32Type>();
        let masks: Option<&BinaryArray> = rows.columns().get(3).map(AsArray::as_binary);
        let (width, size) = (self.description.width(), self.description.vocabulary_size);
        for row in 0..rows.num_rows() {
            let (bytes, count) = (tokens.value(row), counts.value(row));
            let reject =
                |what: String| Err(ShardError::rows(&self.path, format!("document {}: {what}", ids.value(row))));
            if bytes.len() as u64 != u64::from(count) * width.bytes() as u64 {
                let found = bytes.len();
                return reject(format!(
                    "token_count {count} at {} bytes per token does not match the {found} bytes of `tokens`",
                    width.bytes()
                ));
            }
            self.scratch.clear();
            let largest = decode_tokens(bytes, width, &mut self.scratch);
            if count > 0 && largest >= size {
                return reject(format!("token {largest} is beyond the vocabulary of {size}"));
            }
            if let Some(mask) = masks.map(|masks| masks.value(row))
                && mask.len() as u64 != u64::from(count).div_ceil(8)
            {
                return reject(format!("loss_mask has {} bytes for {count} tokens", mask.len()));
            }
        }
        Ok(counts.clone())
    }

    fn close_row_group(&mut self) -> Result<(), ShardError> {
        let pending = std::mem::take(&mut self.pending);
        let rows = concat_batches(&self.schema, &pending)
            .map_err(|error: ArrowError| ShardError::rows(&self.path, error.to_string()))?;
        self.writer.write(&rows).and_then(|()| self.writer.flush()).map_err(ShardError::parquet(&self.path))?;
        // Flush Parquet's buffers, so that the section ends with the row group.
        self.writer.sync().map_err(ShardError::io(&self.path))?;
        let (bytes, checksum) = self.writer.inner_mut().end_section();
        let Count { documents, tokens } = std::mem::take(&mut self.current_group);
        self.row_groups.push(RowGroup {
            // At most MAX_ROW_GROUP_DOCUMENTS.
            documents: u32::try_from(documents).unwrap_or(u32::MAX),
            tokens,
            bytes,
            checksum,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::{
        super::{fixture, shard_path},
        *,
    };

    fn write(folder: &Path, batches: &[RecordBatch], loss_mask: bool) -> Result<ShardEntry, ShardError> {
        let path = shard_path(Split::Train, "a", 0);
        let description = fixture::description("a", Split::Train);
        let mut writer = ShardWriter::create(folder, &path, description, loss_mask)?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.finish("rows".into())
    }

    #[test]
    fn the_file_does_not_depend_on_batches() {
        let documents: Vec<Vec<u32>> = (0..5000).map(|n| vec![n % 250; 1 + n as usize % 7]).collect();
        let rows = fixture::rows("a", 0, &documents);
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = write(one.path(), std::slice::from_ref(&rows), false).unwrap();
        let cuts = [0, 1, 3, 2047, 2048, 2049, 4999, 5000];
        let pieces: Vec<_> = cuts.windows(2).map(|cut| rows.slice(cut[0], cut[1] - cut[0])).collect();
        let cut = write(other.path(), &pieces, false).unwrap();
        assert_eq!(whole, cut);
        let groups: Vec<u32> = whole.row_groups.iter().map(|group| group.documents).collect();
        assert_eq!(groups, [2048, 2048, 904]);
        assert_eq!(whole.tokens, documents.iter().map(|tokens| tokens.len() as u64).sum::<u64>());
        let bytes = fs_err::read(one.path().join(&whole.path)).unwrap();
        assert_eq!(bytes.len() as u64, whole.bytes);
        assert_eq!(blake3::hash(&bytes).to_hex().to_string(), whole.file_digest);
    }

    #[test]
    fn long_documents_close_row_groups_early() {
        let folder = tempfile::tempdir().unwrap();
        let rows = fixture::rows("a", 0, &vec![vec![1; 1 << 21]; 3]);
        let entry = write(folder.path(), &[rows], false).unwrap();
        let groups: Vec<u32> = entry.row_groups.iter().map(|group| group.documents).collect();
        assert_eq!(groups, [2, 1]);
    }

    #[test]
    fn wrong_rows_are_rejected_and_leave_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let good = fixture::rows("a", 0, &[vec![1, 2, 3]]);
        let count = RecordBatch::try_new(
            good.schema(),
            vec![good.column(0).clone(), good.column(1).clone(), std::sync::Arc::new(UInt32Array::from(vec![4]))],
        )
        .unwrap();
        let cases = [
            (fixture::rows("a", 0, &[vec![1], vec![fixture::VOCABULARY_SIZE]]), false, "document a-1: token 300"),
            (count, false, "document a-0: token_count 4"),
            (good.project(&[0, 1]).unwrap(), false, "lack the column `token_count`"),
            (good, true, "lack the column `loss_mask`"),
        ];
        for (rows, mask, expected) in cases {
            let message = write(folder.path(), &[rows], mask).expect_err(expected).to_string();
            assert!(message.contains(expected) && message.contains("a-00000.parquet"), "{message}");
            assert_eq!(fs_err::read_dir(folder.path().join("shards/train")).unwrap().count(), 0);
        }
    }

    #[test]
    fn an_empty_shard_is_a_shard() {
        let folder = tempfile::tempdir().unwrap();
        let entry = write(folder.path(), &[], false).unwrap();
        assert_eq!((entry.documents, entry.tokens, entry.row_groups.len()), (0, 0, 0));
    }
}
