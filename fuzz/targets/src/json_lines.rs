//! The reader of JSON Lines and of arrays of objects.
//!
//! Invariant: every line that is not blank gives one document or one rejection, however the file is split.

use std::io::Cursor;

use corpusmill_readers::archives::Compression;
use corpusmill_readers::datasets::{JsonLines, JsonlSettings, LineRange, split_at_lines};
use corpusmill_readers::{ReadResult, ReaderItem};

/// Maximum length of a line, small enough that seeds exceed it.
const MAX_LINE_BYTES: u64 = 512;
/// Bytes of a part of a split file.
const PART_BYTES: u64 = 64;

/// Reads the bytes as JSON Lines: plain, gzip and zstd.
///
/// # Panics
/// When a line is in no item or in two, or the parts of the file differ from the whole.
pub fn json_lines(data: &[u8]) {
    let settings = JsonlSettings { max_document_bytes: MAX_LINE_BYTES, ..JsonlSettings::default() };
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let read = || {
            let input = Cursor::new(data.to_vec());
            items(JsonLines::from_reader(input, "f", compression, &settings).expect("a decoder can be created"))
        };
        let found = read();
        assert_eq!(found, read(), "reading is not deterministic");
        // A row may state its origin; then it is what the row says.
        let mut rows: Vec<&str> =
            found.iter().map(ReaderItem::origin).filter(|origin| origin.starts_with("f#")).collect();
        let count = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), count, "two items have one origin");
        assert!(found.iter().filter(|item| item.origin() == "f").count() <= 1, "a file is rejected twice");
    }
    if begins_array(data) {
        return;
    }
    let whole = items(
        JsonLines::from_reader(Cursor::new(data.to_vec()), "f", Compression::None, &settings)
            .expect("a decoder can be created"),
    );
    let too_long = |line: &[u8]| line.len() as u64 > MAX_LINE_BYTES;
    let lines = data.split(|byte| *byte == b'\n').filter(|line| too_long(line) || !line.trim_ascii().is_empty());
    assert_eq!(whole.len(), lines.count(), "a line is in no item or in two");

    let file = super::temporary(data);
    let ranges = split_at_lines(file.path(), PART_BYTES).expect("a temporary file can be read");
    let part = |range: LineRange| {
        let lines = JsonLines::open(file.path(), "f", Compression::None, Some(range), &settings);
        items(lines.expect("a temporary file can be opened"))
    };
    let parts: Vec<ReaderItem> = ranges.into_iter().flat_map(part).collect();
    assert_eq!(parts, whole, "the parts of a file are not the whole");
}

fn items(lines: impl Iterator<Item = ReadResult>) -> Vec<ReaderItem> {
    lines.map(|item| item.expect("damage is a rejection, not an error")).collect()
}

/// Whether the reader takes the bytes for one array, whose elements need not be on lines of their own.
fn begins_array(data: &[u8]) -> bool {
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data).trim_ascii_start();
    text.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"))
}
