//! Tests of the JSON Lines reader: bad lines, damage, numbers, splitting.

use std::io::{self, Write};

use proptest::prelude::*;

use super::column_check::Body;
use super::columns::{ColumnMapping, InvalidUtf8};
use super::jsonl::{JsonLines, JsonlSettings};
use super::line_ranges::split_at_lines;
use crate::ReaderItem;
use crate::archives::Compression;

fn read(bytes: &[u8], compression: Compression, settings: &JsonlSettings) -> Vec<ReaderItem> {
    let reader = io::Cursor::new(bytes.to_vec());
    JsonLines::from_reader(reader, "f", compression, settings).unwrap().map(Result::unwrap).collect()
}

fn rules(items: &[ReaderItem]) -> Vec<&str> {
    items
        .iter()
        .map(|item| if let ReaderItem::Rejected(rejected) = item { rejected.rejection.rule.as_ref() } else { "ok" })
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn good_lines_survive_bad_ones() {
    let settings = JsonlSettings { max_document_bytes: 40, ..JsonlSettings::default() };
    let long = "x".repeat(100);
    let input = [
        b"\xef\xbb\xbf{\"text\":\"a\"}\r\n\n{\"text\": \n{\"text\":\"\xff\"}\n[1]\n{\"b\":1}\n".as_slice(),
        format!("{{\"text\":\"{long}\"}}\n{{\"text\":\"z\"}}").as_bytes(),
    ]
    .concat();
    let items = read(&input, Compression::None, &settings);
    assert_eq!(rules(&items), ["ok", "bad-json", "bad-utf8", "bad-json", "no-text", "too-large", "ok"]);
    assert_eq!(items[1].origin(), "f#3");
    assert_eq!(items[6].origin(), "f#8");
    let rejected = items[1].clone().rejected().unwrap();
    assert_eq!(rejected.rejection.detail.as_deref(), Some("line 3, column 8: EOF while parsing a value"));
    let lossy = JsonlSettings { invalid_utf8: InvalidUtf8::Replace, ..settings };
    assert_eq!(rules(&read(&input, Compression::None, &lossy))[2], "ok");
}

#[test]
fn deep_nesting_is_rejected_without_overflow() {
    let input = format!("{}\n{{\"text\":\"a\"}}\n", "[".repeat(200_000));
    assert_eq!(rules(&read(input.as_bytes(), Compression::None, &JsonlSettings::default())), ["bad-json", "ok"]);
    let nested = |key: &str| {
        let line = format!("{{\"text\":\"a\",\"{key}\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
        read(line.as_bytes(), Compression::None, &JsonlSettings::default())
    };
    assert_eq!(rules(&nested("x")), ["ok"], "a field that is not mapped is not parsed");
    assert_eq!(rules(&nested("title")), ["ok"], "a list without texts is no title");
    let chat =
        format!("{{\"messages\":[{{\"role\":\"a\",\"content\":{}{}}}]}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(rules(&read(chat.as_bytes(), Compression::None, &JsonlSettings::default())), ["bad-json"]);
}

#[test]
fn numbers_are_as_written_and_the_last_of_repeated_keys_counts() {
    let input = b"{\"id\":12345678901234567890123,\"text\":\"a\"}\n{\"id\":1e3,\"text\":\"b\",\"text\":\"c\"}\n";
    let items = read(input, Compression::None, &JsonlSettings::default());
    let documents: Vec<_> = items.into_iter().map(|item| item.document().unwrap()).collect();
    let ids: Vec<_> = documents.iter().map(|document| document.id.as_deref()).collect();
    assert_eq!(ids, [Some("12345678901234567890123"), Some("1e3")]);
    assert_eq!(documents[1].body.as_text(), Some("c"));
}

#[test]
fn other_formats_are_named_at_the_first_line() {
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let text = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
    let inputs = [
        (gzip(text.as_bytes()), "gzip"),
        (utf_16(&format!("\u{feff}{text}")), "UTF-16"),
        (utf_16(text), "UTF-16"),
        (zstd::encode_all(text.as_bytes(), 1).unwrap(), "Zstandard"),
    ];
    for (bytes, format) in inputs {
        let items = read(&bytes, Compression::None, &JsonlSettings::default());
        let rejected = items.into_iter().filter_map(ReaderItem::rejected);
        let details: Vec<String> = rejected.map(|rejected| rejected.rejection.detail.unwrap()).collect();
        assert!(details[0].starts_with("line 1") && details[0].contains(format), "{details:?}");
        assert!(details[1..].iter().all(|detail| !detail.contains(format)), "{details:?}");
    }
}

#[test]
fn empty_inputs_yield_nothing() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        assert!(read(b"", compression, &JsonlSettings::default()).is_empty());
    }
    assert!(read(b"\n\n", Compression::None, &JsonlSettings::default()).is_empty());
}

#[test]
fn truncation_keeps_earlier_lines() {
    let lines: Vec<String> = (0..40).map(|index| format!("{{\"text\":\"document {index}\"}}\n")).collect();
    let plain = lines.concat();
    let zstd = zstd::encode_all(plain.as_bytes(), 1).unwrap();
    let two = [gzip(&plain.as_bytes()[..300]), gzip(&plain.as_bytes()[300..])].concat();
    for (whole, compression) in [(two, Compression::Gzip), (zstd, Compression::Zstd)] {
        let all = read(&whole, compression, &JsonlSettings::default());
        assert_eq!(all.len(), 40);
        for cut in 1..whole.len() {
            let items = read(&whole[..cut], compression, &JsonlSettings::default());
            let (last, good) = items.split_last().unwrap();
            // A cut exactly between two gzip members is not detectable, except as a line that ends early.
            assert!(
                ["truncated", "bad-json"].contains(&rules(std::slice::from_ref(last))[0]),
                "cut at {cut}: {last:?}"
            );
            assert_eq!(good, &all[..good.len()]);
        }
    }
}

#[test]
fn array_elements_count_as_lines() {
    let settings = JsonlSettings { max_document_bytes: 40, ..JsonlSettings::default() };
    let array = format!("[\n {{\"text\": \"a\"}}, 5, {{\"text\":\"{}\"}}, {{\"text\":\"z\"}}\n]\n", "x".repeat(100));
    for (bytes, compression) in
        [(array.clone().into_bytes(), Compression::None), (gzip(array.as_bytes()), Compression::Gzip)]
    {
        let items = read(&bytes, compression, &settings);
        assert_eq!(rules(&items), ["ok", "bad-json", "too-large", "ok"]);
        assert_eq!(items[3].origin(), "f#4");
    }
    let cut = read(&array.as_bytes()[..20], Compression::None, &settings);
    assert_eq!(rules(&cut)[..1], ["ok"]);
    assert_eq!(rules(&cut).last(), Some(&"truncated"));
}

#[test]
fn garbage_after_gzip_is_reported() {
    let items = read(
        &[gzip(b"{\"text\":\"a\"}\n"), b"garbage garbage".to_vec()].concat(),
        Compression::Gzip,
        &JsonlSettings::default(),
    );
    assert_eq!(rules(&items), ["ok", "corrupt"]);
}

/// The error of a file that is read in ranges of `range` bytes, by number of the range, and the lines that were read
/// in the first range.
fn errors(text: &str, range: u64, title: &str) -> (Vec<(usize, String)>, u64) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), text).unwrap();
    let columns = ColumnMapping { title: title.to_owned(), ..ColumnMapping::default() };
    let settings = JsonlSettings { columns, ..JsonlSettings::default() };
    let mut found = Vec::new();
    let mut first_end = 0;
    for (number, range) in split_at_lines(file.path(), range).unwrap().into_iter().enumerate() {
        let lines = JsonLines::open(file.path(), "f", Compression::None, Some(range), &settings).unwrap();
        let mut lines = lines.with_column_check(Body::Required);
        found.extend(lines.by_ref().filter_map(Result::err).map(|error| (number, error.to_string())));
        assert!(lines.next().is_none(), "an error ends the file");
        if number == 0 {
            first_end = lines.offset();
        }
    }
    (found, first_end)
}

#[test]
fn the_first_range_reports_a_missing_column() {
    let row = "{\"text\":\"a\",\"n\":1}\n";
    let late = "{\"text\":\"b\",\"head\":null}\n";
    let message = "`f` has no column `haed`; it has `text`, `n`, `head`; did you mean `head`?";
    let text = format!("{}{late}", row.repeat(20));
    assert_eq!(errors(&text, 1000, "haed").0, [(0, message.to_owned())]);
    for range in [8, 40, 1000] {
        let message = "`f` has no column `texd`; it has `text`, `n`, `head`; did you mean `text`?";
        assert_eq!(errors(&text, range, "texd").0, [(0, message.to_owned())], "{range}");
        assert_eq!(errors(&text, range, "head").0, [], "{range}");
    }
    // The lines after the first range are searched only for what seems to be misspelt.
    assert_eq!(errors(&text, 40, "head").1, 3 * row.len() as u64);
    let found_late = format!("{}{{\"text\":\"b\",\"texd\":null}}\n", row.repeat(20));
    assert_eq!(errors(&found_late, 40, "texd"), (Vec::new(), found_late.len() as u64));
    assert_eq!(errors("", 40, "head").0, []);
}

proptest! {
    #[test]
    fn parts_together_equal_the_whole(lines in prop::collection::vec("[a-z{}\\\"\r]{0,12}", 0..30), size in 1u64..80, end in any::<bool>()) {
        let mut text = lines.join("\n");
        if end { text.push('\n'); }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), &text).unwrap();
        let settings = JsonlSettings { max_document_bytes: 9, ..JsonlSettings::default() };
        let open = |range| JsonLines::open(file.path(), "f", Compression::None, range, &settings).unwrap().map(Result::unwrap);
        let whole: Vec<ReaderItem> = open(None).collect();
        let ranges = split_at_lines(file.path(), size).unwrap();
        let split: Vec<ReaderItem> = ranges.into_iter().flat_map(|range| open(Some(range))).collect();
        prop_assert_eq!(split, whole);
    }

    #[test]
    fn an_array_is_one_range(rows in 1usize..9, size in 1u64..20, separator in "[ \n]?") {
        let rows: Vec<String> = (0..rows).map(|row| format!("{{\"text\":\"{row}\"}}")).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), format!(" [{}]\n", rows.join(&format!(",{separator}")))).unwrap();
        let settings = JsonlSettings::default();
        let open = |range| JsonLines::open(file.path(), "f", Compression::None, Some(range), &settings).unwrap();
        let read: usize = split_at_lines(file.path(), size).unwrap().into_iter().map(|range| open(range).count()).sum();
        prop_assert_eq!(read, rows.len());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
        let compression = [Compression::None, Compression::Gzip, Compression::Zstd][kind];
        read(&bytes, compression, &JsonlSettings::default());
    }
}
