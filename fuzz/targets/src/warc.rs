//! The readers of WARC and ARC, and the parser of the HTTP response inside a record.
//!
//! Invariant: items do not depend on how the input arrives; in a plain archive every byte belongs to an item or is white
//! space between two items.

use std::io::BufReader;

use corpusmill_warc::{ArcReader, ArchiveItem, Compression, ReaderOptions, WarcReader, parse_http_bounded};

/// Maximum length of a returned block, small enough that seeds exceed it.
const MAX_RECORD_BYTES: u64 = 4096;
/// Maximum length of a decoded body.
const MAX_BODY_BYTES: u64 = 1 << 16;
/// Buffer of a slow input: magic numbers fit, lines do not.
const SLOW_BYTES: usize = 7;

/// Reads the bytes as WARC and as ARC.
///
/// # Panics
/// When an item depends on the size of a read, exceeds its limit, or bytes of a plain archive are in no item.
pub fn warc(data: &[u8]) {
    let items = read_warc(data, data.len().max(1));
    assert_eq!(items, read_warc(data, SLOW_BYTES), "WARC items depend on the size of a read");
    items.iter().for_each(check_item);
    if Compression::detect(data) == Compression::Plain {
        check_plain(data, &items);
    }
    let items = read_arc(data, data.len().max(1));
    let slow = read_arc(data, SLOW_BYTES);
    // How much of a damaged gzip member can be decoded depends on the bytes that the decoder has at once.
    let is_packed = data.starts_with(&[0x1f, 0x8b]);
    let whole = |items: &[ArchiveItem]| items.iter().filter(|item| !matches!(item, ArchiveItem::Lost(_))).count();
    let common = if is_packed { whole(&items).min(whole(&slow)) } else { items.len() };
    assert_eq!(items[..common], slow[..common], "ARC items depend on the size of a read");
    assert!(is_packed || items == slow, "ARC items depend on the size of a read");
    items.iter().for_each(check_item);
    let lost = items.iter().position(|item| matches!(item, ArchiveItem::Lost(_)));
    assert!(lost.is_none_or(|at| at + 1 == items.len()), "ARC reading continues after damage");
}

fn read_warc(data: &[u8], buffer_bytes: usize) -> Vec<ArchiveItem> {
    let options = ReaderOptions { max_record_bytes: MAX_RECORD_BYTES, ..ReaderOptions::default() };
    let reader = WarcReader::with_options(BufReader::with_capacity(buffer_bytes, data), options);
    reader.expect("a reader can be created").map(|item| item.expect("damage is an item, not an error")).collect()
}

fn read_arc(data: &[u8], buffer_bytes: usize) -> Vec<ArchiveItem> {
    let reader = ArcReader::new(BufReader::with_capacity(buffer_bytes, data), MAX_RECORD_BYTES);
    reader.expect("memory can be read").map(|item| item.expect("damage is an item, not an error")).collect()
}

fn check_item(item: &ArchiveItem) {
    match item {
        ArchiveItem::Record(record) => {
            let length = record.header("Content-Length").and_then(|length| length.parse().ok());
            assert_eq!(length, Some(record.block.len() as u64), "a record is not as long as it states");
            assert!(record.block.len() as u64 <= MAX_RECORD_BYTES, "a block exceeds the limit");
            let response = parse_http_bounded(&record.block, MAX_BODY_BYTES);
            assert_eq!(response, parse_http_bounded(&record.block, MAX_BODY_BYTES));
            let body = response.map_or(0, |response| response.body.len());
            assert!(body as u64 <= MAX_BODY_BYTES, "a body of {body} bytes exceeds the limit");
        }
        ArchiveItem::Skipped(skipped) => {
            assert!(skipped.block_bytes > MAX_RECORD_BYTES && skipped.record.block.is_empty());
        }
        ArchiveItem::Lost(lost) => assert!(!lost.why.is_empty()),
    }
}

fn offset(item: &ArchiveItem) -> usize {
    let offset = match item {
        ArchiveItem::Record(record) => record.offset,
        ArchiveItem::Skipped(skipped) => skipped.record.offset,
        ArchiveItem::Lost(lost) => lost.offset,
    };
    usize::try_from(offset).expect("an offset is inside the input")
}

/// Checks that items follow each other with only white space between them, from the first byte to the last.
fn check_plain(data: &[u8], items: &[ArchiveItem]) {
    let starts: Vec<usize> = items.iter().map(offset).chain([data.len()]).collect();
    assert!(is_blank(&data[..starts[0]]), "bytes before the first item are in no item");
    for (item, range) in items.iter().zip(starts.windows(2)) {
        assert!(range[0] < range[1], "two items begin at byte {}", range[0]);
        let bytes = &data[range[0]..range[1]];
        match item {
            ArchiveItem::Record(record) => {
                let trailing = bytes.len() - bytes.trim_ascii_end().len();
                let ends_with_block = |cut: usize| bytes[..bytes.len() - cut].ends_with(&record.block);
                assert!(bytes.starts_with(b"WARC/"), "a record begins at {} without a version line", range[0]);
                assert!((0..=trailing).any(ends_with_block), "bytes after the record at {} are in no item", range[0]);
            }
            ArchiveItem::Skipped(skipped) => assert!(bytes.len() as u64 >= skipped.block_bytes),
            ArchiveItem::Lost(lost) => {
                let end = usize::try_from(lost.bytes).expect("a lost part is inside the input");
                assert!(is_blank(&bytes[end..]), "bytes after the lost part at {} are in no item", range[0]);
            }
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}
