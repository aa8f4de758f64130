//! Concatenates Parquet files without decoding them: their column chunks are copied as they are.
//!
//! Invariant: the file has the rows of a [`BatchWriter`](super::BatchWriter) that gets the same rows in the same order;
//! only row groups and encodings differ.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arrow_schema::SchemaRef;
use corpusmill_pipeline::StoreError;
use fs_err::File;
use parquet::arrow::ArrowWriter;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;

use super::io::TemporaryFile;

/// Writes the row groups of `parts`, Parquet files with the columns of `schema`, to one Parquet file, in order. Returns
/// its number of rows.
///
/// # Errors
/// If a part cannot be read or has other columns, or the file cannot be written.
pub(super) fn concatenate_parquet(
    path: &Path,
    schema: &SchemaRef,
    parts: impl IntoIterator<Item = Result<PathBuf, StoreError>>,
) -> anyhow::Result<u64> {
    let temporary = TemporaryFile::new(path)?;
    let properties =
        WriterProperties::builder().set_created_by(concat!("corpusmill ", env!("CARGO_PKG_VERSION")).to_owned());
    // An `ArrowWriter` adds the Arrow schema to the file's metadata.
    let writer = ArrowWriter::try_new(File::create(temporary.path())?, schema.clone(), Some(properties.build()))?;
    let (mut writer, _) = writer.into_serialized_writer()?;
    let mut rows = 0;
    for part in parts {
        let part = part?;
        rows += append(&mut writer, &part).with_context(|| part.display().to_string())?;
    }
    writer.finish()?;
    writer.inner().sync_all()?;
    temporary.publish(path)?;
    Ok(rows)
}

/// Appends the row groups of a file. Returns their number of rows.
fn append(writer: &mut SerializedFileWriter<File>, part: &Path) -> anyhow::Result<u64> {
    let file = File::open(part)?.into_file();
    let reader = SerializedFileReader::new(file.try_clone()?)?;
    let metadata = reader.metadata();
    anyhow::ensure!(
        metadata.file_metadata().schema_descr() == writer.schema_descr(),
        "the columns differ from those of the output"
    );
    let mut rows = 0;
    for group in metadata.row_groups().iter().filter(|group| group.num_rows() > 0) {
        rows += copy_row_group(writer, &file, group)?;
    }
    Ok(rows)
}

fn copy_row_group(
    writer: &mut SerializedFileWriter<File>,
    file: &std::fs::File,
    group: &RowGroupMetaData,
) -> anyhow::Result<u64> {
    let rows = u64::try_from(group.num_rows())?;
    let mut copy = writer.next_row_group()?;
    for column in group.columns() {
        let closed = ColumnCloseResult {
            bytes_written: u64::try_from(column.compressed_size())?,
            rows_written: rows,
            metadata: column.clone(),
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        copy.append_column(file, closed)?;
    }
    copy.close()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, UInt32Array};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::io::BatchWriter;

    fn rows(texts: &[Option<&str>]) -> RecordBatch {
        let numbers: UInt32Array =
            texts.iter().map(|text| text.map(|text| u32::try_from(text.len()).unwrap())).collect();
        let texts: StringArray = texts.iter().copied().collect();
        let columns = [("text", Arc::new(texts) as ArrayRef, true), ("n", Arc::new(numbers), true)];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    fn write(path: &Path, batches: &[RecordBatch]) {
        let mut writer = BatchWriter::create(path, &rows(&[]).schema()).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
    }

    fn read(path: &Path) -> Vec<(Option<String>, Option<u32>)> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap().into_file()).unwrap();
        let mut all = Vec::new();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let texts = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
            let numbers = batch.column(1).as_any().downcast_ref::<UInt32Array>().unwrap();
            all.extend(texts.iter().map(|text| text.map(str::to_owned)).zip(numbers));
        }
        all
    }

    #[test]
    fn rows_and_schema_are_those_of_a_written_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let batches = [rows(&[Some("a"), None, Some("ccc")]), rows(&[]), rows(&[Some("dddd")])];
        for (index, batch) in batches.iter().enumerate() {
            write(&path(&format!("{index}.parquet")), std::slice::from_ref(batch));
        }
        write(&path("expected.parquet"), &batches);
        let parts = (0..batches.len()).map(|index| Ok(path(&format!("{index}.parquet"))));
        let number = concatenate_parquet(&path("all.parquet"), &batches[0].schema(), parts).unwrap();
        assert_eq!(number, 4);
        assert_eq!(read(&path("all.parquet")), read(&path("expected.parquet")));
        let schema = |name: &str| {
            let file = File::open(path(name)).unwrap().into_file();
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone()
        };
        assert_eq!(schema("all.parquet"), schema("expected.parquet"));
    }

    #[test]
    fn other_columns_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (part, all) = (dir.path().join("part.parquet"), dir.path().join("all.parquet"));
        write(&part, &[rows(&[Some("a")])]);
        let schema = Arc::new(rows(&[]).schema().project(&[0]).unwrap());
        let error = concatenate_parquet(&all, &schema, [Ok(part)]).unwrap_err();
        assert!(format!("{error:#}").contains("part.parquet: the columns differ"), "{error:#}");
        assert!(!all.exists());
    }
}
