//! Every reader over a disk that fails: the n-th read fails, for every n.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::files::{FilePart, FileSettings, read};
use crate::io_guard::failing;
use crate::listing::ListedFile;
use crate::{ReaderError, ReaderItem};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lines() -> Vec<u8> {
    let mut lines = Vec::new();
    for index in 0..4000 {
        writeln!(lines, "{{\"text\": \"document {index} {}\"}}", index * 7919).unwrap();
    }
    lines
}

fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for index in 0..3 {
        let text = format!("text {index}").repeat(9000);
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{index}.md"), text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..3 {
        writer.start_file(format!("{index}.md"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(format!("text {index}").repeat(9000).as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn parquet(compression: parquet::basic::Compression) -> Vec<u8> {
    let texts: Vec<String> = (0..300).map(|index| format!("document {index}").repeat(20)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("text", Arc::new(StringArray::from(texts)))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn read_all(path: &std::path::Path, name: &str, bytes: u64) -> Result<Vec<ReaderItem>, (Vec<ReaderItem>, ReaderError)> {
    let file = ListedFile { path: path.to_owned(), origin: name.to_owned(), bytes };
    let mut items = Vec::new();
    for item in read(&file, &FilePart::Whole, &FileSettings::default()).map_err(|error| (Vec::new(), error))? {
        match item {
            Ok(item) => items.push(item),
            Err(error) => return Err((items, error)),
        }
    }
    Ok(items)
}

#[test]
fn a_failing_disk_never_becomes_a_rejection() {
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let snappy = parquet::basic::Compression::SNAPPY;
    let packed = parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default());
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 1000);
        bytes
    };
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        ("a.jsonl", lines()),
        ("a.jsonl.gz", gzip(&lines())),
        ("a.jsonl.zst", zstd(&lines())),
        ("b.jsonl.gz", cut(gzip(&lines()))),
        ("b.jsonl.zst", cut(zstd(&lines()))),
        ("a.tar", tar()),
        ("a.tar.gz", gzip(&tar())),
        ("a.tar.zst", zstd(&tar())),
        ("b.tar", cut(tar())),
        ("a.zip", zip()),
        ("b.zip", cut(zip())),
        ("a.parquet", parquet(snappy)),
        ("b.parquet", parquet(packed)),
        ("c.parquet", cut(parquet(snappy))),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in inputs {
        let path = dir.path().join(name);
        fs_err::write(&path, &bytes).unwrap();
        let whole = read_all(&path, name, bytes.len() as u64).unwrap();
        assert!(!whole.is_empty(), "{name}");
        let mut reads = 0;
        loop {
            failing::after(Some(reads));
            let result = read_all(&path, name, bytes.len() as u64);
            let failed = !failing::is_pending();
            failing::after(None);
            match result {
                Ok(items) => {
                    assert!(!failed, "{name}: the failure of read {reads} is lost");
                    assert_eq!(items, whole, "{name}");
                    break;
                }
                Err((items, error)) => {
                    assert!(failed && matches!(error, ReaderError::Io(_)), "{name}: read {reads}: {error}");
                    assert_eq!(items, whole[..items.len()], "{name}: read {reads}");
                }
            }
            reads += 1;
        }
        assert!(reads > 0, "{name}: nothing was read through the guard");
    }
}

#[test]
fn texts_of_one_dictionary_entry_are_in_memory_once() {
    // 64 rows of 4 MB from one dictionary entry: the file has 4 MB, the rows together 256 MB.
    let text = "a long text ".repeat(350_000);
    let texts: Vec<&str> = std::iter::repeat_n(text.as_str(), 64).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("text", Arc::new(StringArray::from(texts)))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_dictionary_page_size_limit(usize::MAX)
        .set_write_batch_size(1)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(bytes.len() < 5_000_000, "the writer used a dictionary: {} bytes", bytes.len());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    fs_err::write(&path, &bytes).unwrap();
    let items = read_all(&path, "a.parquet", bytes.len() as u64).unwrap();
    assert_eq!(items.len(), 64);
    assert!(items.into_iter().all(|item| item.document().unwrap().body.as_text() == Some(text.as_str())));
}
