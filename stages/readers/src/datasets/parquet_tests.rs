//! Tests of the Parquet reader: splitting, compression, damage.

use std::ops::Range;
use std::sync::Arc;

use super::columns::ColumnMapping;
use super::parquet::{ParquetDocuments, ParquetSettings, row_groups};
use crate::{ReaderError, ReaderItem};
use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

fn write(columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> Vec<u8> {
    write_packed(columns, group_rows, Compression::UNCOMPRESSED)
}

fn write_packed(columns: Vec<(&str, ArrayRef)>, group_rows: usize, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn sample() -> Vec<u8> {
    let texts: Vec<String> = (0..10).map(|index| format!("document number {index}")).collect();
    let ids: Vec<i64> = (0..10).collect();
    write(vec![("text", Arc::new(StringArray::from(texts))), ("id", Arc::new(Int64Array::from(ids)))], 4)
}

fn open(bytes: &[u8], groups: Option<Range<usize>>, mapping: ColumnMapping) -> Result<Vec<ReaderItem>, ReaderError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), bytes).unwrap();
    let settings = ParquetSettings { columns: mapping, ..ParquetSettings::default() };
    ParquetDocuments::open(file.path(), "f.parquet", groups, &settings)?.collect()
}

#[test]
fn row_groups_together_equal_the_file() {
    let bytes = sample();
    let whole = open(&bytes, None, ColumnMapping::default()).unwrap();
    assert_eq!(whole.len(), 10);
    let last = whole[9].clone().document().unwrap();
    assert_eq!(
        (last.origin.as_str(), last.id.as_deref(), last.body.as_text()),
        ("f.parquet#10", Some("9"), Some("document number 9"))
    );
    let parts: Vec<ReaderItem> =
        (0..3).flat_map(|group| open(&bytes, Some(group..group + 1), ColumnMapping::default()).unwrap()).collect();
    assert_eq!(parts, whole);

    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), &bytes).unwrap();
    assert_eq!(row_groups(file.path()).unwrap().iter().map(|group| group.rows).collect::<Vec<_>>(), [4, 4, 2]);
}

#[test]
fn missing_column_is_an_error_with_a_hint() {
    let mapping = ColumnMapping { text: "txet".to_owned(), ..ColumnMapping::default() };
    let error = open(&sample(), None, mapping).unwrap_err().to_string();
    assert_eq!(
        error,
        "`f.parquet` has no column `txet`; it has `text`, `id`; did you mean `text`? Set the text column with `columns: { text: NAME }`"
    );
    let bytes = write(vec![("body", Arc::new(StringArray::from(vec!["x"])))], 4);
    assert_eq!(
        open(&bytes, None, ColumnMapping::default()).unwrap_err().to_string(),
        "`f.parquet` has no column `text`; it has `body`; set the text column with `columns: { text: NAME }`"
    );
}

#[test]
fn nested_columns_are_checked() {
    let url: ArrayRef = Arc::new(StringArray::from(vec!["u"]));
    let meta = StructArray::from(vec![(Arc::new(Field::new("url", DataType::Utf8, true)), url)]);
    let bytes = write(vec![("text", Arc::new(StringArray::from(vec!["x"]))), ("meta", Arc::new(meta))], 4);
    let mapping = |origin: &str| ColumnMapping { origin: origin.to_owned(), ..ColumnMapping::default() };
    assert_eq!(open(&bytes, None, mapping("meta.url")).unwrap()[0].origin(), "u");
    assert_eq!(
        open(&bytes, None, mapping("meta.ulr")).unwrap_err().to_string(),
        "`f.parquet` has no column `meta.ulr`; it has `text`, `meta`, `meta.url`; did you mean `meta.url`?"
    );
    assert!(open(&bytes, None, mapping("meta.url.x")).is_err());
}

#[test]
fn a_file_without_rows_lacks_no_column() {
    let mapping = ColumnMapping { text: "body".to_owned(), ..ColumnMapping::default() };
    let bytes = write(vec![("n", Arc::new(Int64Array::from(Vec::<i64>::new())))], 4);
    assert!(open(&bytes, None, mapping).unwrap().is_empty());
}

#[test]
fn common_compressions_are_read() {
    let texts: Vec<String> =
        (0..300).map(|n| format!("document number {n}, which says what the others say. ").repeat(9)).collect();
    for compression in [
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        // The Hadoop framing, which older writers call LZ4, and the raw blocks of newer ones.
        Compression::LZ4,
        Compression::LZ4_RAW,
    ] {
        let bytes = write_packed(vec![("text", Arc::new(StringArray::from(texts.clone())))], 100, compression);
        assert!(bytes.len() < 40_000, "{compression}: {} bytes are not compressed", bytes.len());
        let read = open(&bytes, None, ColumnMapping::default()).unwrap();
        let read: Vec<String> =
            read.into_iter().map(|item| item.document().unwrap().body.as_text().unwrap().to_owned()).collect();
        assert_eq!(read, texts, "{compression}");
    }
}

#[test]
fn binary_text_is_checked_row_by_row() {
    let bytes = write(vec![("text", Arc::new(BinaryArray::from(vec![&b"good"[..], b"b\xffd", b"fine"])))], 4);
    let items = open(&bytes, None, ColumnMapping::default()).unwrap();
    assert_eq!(items[1].clone().rejected().unwrap().rejection.rule, "bad-utf8");
    assert_eq!(items.iter().filter(|item| matches!(item, ReaderItem::Document(_))).count(), 2);
}

#[test]
fn list_of_structs_is_read_as_chat() {
    let fields = vec![Field::new("role", DataType::Utf8, true), Field::new("content", DataType::Utf8, true)];
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields, 2));
    for (role, content) in [("user", "Hi"), ("assistant", "Hello")] {
        list.values().field_builder::<StringBuilder>(0).unwrap().append_value(role);
        list.values().field_builder::<StringBuilder>(1).unwrap().append_value(content);
        list.values().append(true);
    }
    list.append(true);
    let bytes = write(vec![("messages", Arc::new(list.finish()))], 4);
    let items = open(&bytes, None, ColumnMapping::default()).unwrap();
    assert_eq!(items[0].clone().document().unwrap().body.as_text(), Some("user: Hi\n\nassistant: Hello"));
}

#[test]
fn truncation_is_one_rejection() {
    let bytes = sample();
    assert!(open(&[], None, ColumnMapping::default()).unwrap().is_empty());
    for cut in 1..bytes.len() {
        let items = open(&bytes[..cut], None, ColumnMapping::default()).unwrap();
        assert_eq!(items.len(), 1, "cut at {cut}");
        assert_eq!(items[0].clone().rejected().unwrap().rejection.rule, "bad-parquet");
    }
}

#[test]
fn excessive_row_count_loses_no_document() {
    // Found by `flipped_bytes_never_panic`. The offset of the row counts depends on the writer, so every byte is
    // tried.
    let mut seen = 0;
    for at in 0..sample().len() {
        let mut bytes = sample();
        bytes[at] ^= 0xa2;
        let Ok(items) = open(&bytes, None, ColumnMapping::default()) else { continue };
        let short = |item: &ReaderItem| matches!(item, ReaderItem::Rejected(rejected) if rejected.rejection.detail.as_deref().is_some_and(|detail| detail.contains("fewer rows")));
        if items.iter().any(short) {
            seen += 1;
            assert_eq!(items.iter().filter(|item| matches!(item, ReaderItem::Document(_))).count(), 10, "byte {at}");
        }
    }
    assert!(seen > 0);
}

proptest! {
    #[test]
    fn flipped_bytes_never_panic(at in 0usize..4000, bits in 1u8..=255) {
        let mut bytes = sample();
        let at = at % bytes.len();
        bytes[at] ^= bits;
        // A flipped column name is an error that names the column; anything else yields documents and rejections.
        if let Ok(items) = open(&bytes, None, ColumnMapping::default()) {
            let (documents, rejected): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| matches!(item, ReaderItem::Document(_)));
            prop_assert!(documents.len() <= 10);
            // At most one rejection per row group for its rest, or one per row for its content.
            prop_assert!(rejected.len() <= 10 + 3);
            for rejected in rejected.into_iter().filter_map(ReaderItem::rejected) {
                prop_assert!(["bad-parquet", "bad-utf8", "no-text"].contains(&rejected.rejection.rule.as_ref()), "{:?}", rejected);
            }
        }
    }
}
