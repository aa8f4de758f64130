//! Reads JSON Lines: one object per line; plain, gzip or zstd; a whole file or a range of bytes. In a file that is one
//! array of objects, each element counts as a line.
//!
//! Invariant: however a file is split ([`split_lines`]), the ranges together yield exactly the items of the whole file
//! in order, including their origins: a line belongs to the range in which it starts, and lines are numbered from the
//! start of the file.

use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::columns::{self, ColumnMapping, InvalidUtf8};
use super::json_array::{self, ArrayLines};
use crate::archives::compress::{self, Compression};
use crate::document::{count_f64, len_f64};
use crate::io_guard::{GuardedReader, IoGuard};
use crate::lines::{Line, LineReader};
use crate::{ReadResult, ReaderError, ReaderItem, RejectedInput};

/// Settings of the JSON Lines reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct JsonlSettings {
    /// Mapping from keys to document fields.
    pub columns: ColumnMapping,
    /// How to handle a line that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Maximum length of a line in bytes; longer lines are rejected (`too-large`) without being kept in memory. The
    /// default is 16 MiB, far above any real page.
    pub max_document_bytes: u64,
}

impl Default for JsonlSettings {
    fn default() -> Self {
        Self { columns: ColumnMapping::default(), invalid_utf8: InvalidUtf8::default(), max_document_bytes: 16 << 20 }
    }
}

/// A part of an uncompressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// First byte.
    pub start: u64,
    /// End of the range (exclusive); the last line may extend past it.
    pub end: u64,
    /// Number of the first line that starts in the range, counted from 1.
    pub first_line: u64,
}

/// Splits an uncompressed file at every multiple of `bytes` and numbers the lines in one streaming pass.
///
/// # Errors
/// The file cannot be read.
pub fn split_lines(path: &Path, bytes: u64) -> Result<Vec<LineRange>, ReaderError> {
    let bytes = bytes.max(1);
    let mut reader = BufReader::with_capacity(256 * 1024, fs_err::File::open(path)?);
    let mut ranges = Vec::new();
    // `starts` counts the lines that start before `offset`; one starts at byte 0.
    let (mut offset, mut starts, mut at_start) = (0_u64, 0_u64, true);
    loop {
        if offset.is_multiple_of(bytes) {
            ranges.push(LineRange { start: offset, end: offset + bytes, first_line: starts + 1 });
        }
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let room = usize::try_from(bytes - offset % bytes).unwrap_or(usize::MAX);
        let piece = &buffer[..buffer.len().min(room)];
        starts +=
            u64::from(at_start) + piece[..piece.len() - 1].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        at_start = piece.last() == Some(&b'\n');
        let used = piece.len();
        offset += used as u64;
        reader.consume(used);
    }
    if ranges.last().is_some_and(|last| last.start == offset) {
        ranges.pop();
    }
    if let Some(last) = ranges.last_mut() {
        last.end = offset;
    }
    Ok(ranges)
}

/// Iterates over the documents of a JSON Lines stream.
pub struct JsonLines {
    lines: LineReader<Box<dyn io::Read + Send>>,
    guard: IoGuard,
    origin: String,
    settings: JsonlSettings,
    line: u64,
    end: u64,
    buffer: Vec<u8>,
    done: bool,
}

impl JsonLines {
    /// Opens a file; `range` requires an uncompressed file.
    ///
    /// # Errors
    /// The file cannot be opened, or a range of a compressed file is requested.
    pub fn open(
        path: &Path,
        origin: &str,
        compression: Compression,
        range: Option<LineRange>,
        settings: &JsonlSettings,
    ) -> Result<Self, ReaderError> {
        let mut file = fs_err::File::open(path)?;
        let Some(range) = range else { return Self::from_reader(file, origin, compression, settings) };
        if compression != Compression::None {
            let reason = "a compressed file cannot be read by byte range; read it whole".to_owned();
            return Err(ReaderError::UnknownFormat { file: origin.to_owned(), reason });
        }
        // Starts one byte earlier, so that a line that starts exactly at `start` is recognized.
        let from = range.start.saturating_sub(1);
        file.seek(SeekFrom::Start(from))?;
        let mut reader = Self::with_reader(file, from, origin, compression, settings)?;
        if range.start > 0 {
            reader.lines.skip_line()?;
        }
        reader.line = range.first_line.saturating_sub(1);
        reader.end = range.end;
        Ok(reader)
    }

    /// Reads any stream, such as standard input.
    ///
    /// # Errors
    /// The decoder cannot be created.
    pub fn from_reader(
        reader: impl io::Read + Send + 'static,
        origin: &str,
        compression: Compression,
        settings: &JsonlSettings,
    ) -> Result<Self, ReaderError> {
        Self::with_reader(reader, 0, origin, compression, settings)
    }

    fn with_reader(
        reader: impl io::Read + Send + 'static,
        offset: u64,
        origin: &str,
        compression: Compression,
        settings: &JsonlSettings,
    ) -> Result<Self, ReaderError> {
        let (guarded_reader, guard) = GuardedReader::new(reader);
        let mut buffered = BufReader::with_capacity(64 * 1024, guarded_reader);
        // A zero-byte file is not damaged gzip: it is empty.
        let done = compression != Compression::None && buffered.fill_buf()?.is_empty();
        let mut decoder = BufReader::with_capacity(64 * 1024, compress::decoder(buffered, compression)?);
        let decoder: Box<dyn io::Read + Send> = match decoder.fill_buf().map(json_array::starts_with_array) {
            Ok(true) if offset == 0 => Box::new(ArrayLines::new(decoder)),
            Ok(_) => Box::new(decoder),
            // The error is returned when the lines are read.
            Err(error) => Box::new(FailingReader(Some(error))),
        };
        Ok(Self {
            lines: LineReader::new(decoder, offset),
            guard,
            origin: origin.to_owned(),
            settings: settings.clone(),
            line: 0,
            end: u64::MAX,
            buffer: Vec::new(),
            done,
        })
    }

    fn parse(&mut self) -> ReaderItem {
        let row_origin = format!("{}#{}", self.origin, self.line);
        let skip = if self.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let bytes = self.buffer[skip..].trim_ascii();
        let repaired;
        let text = match (std::str::from_utf8(bytes), self.settings.invalid_utf8) {
            (Ok(text), _) => text,
            (Err(_), InvalidUtf8::Replace) => {
                repaired = String::from_utf8_lossy(bytes).into_owned();
                &repaired
            }
            (Err(error), InvalidUtf8::Reject) => {
                let malformed = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
                let detail = format!("line {}: first malformed sequence at byte {}", self.line, error.valid_up_to());
                return ReaderItem::Rejected(
                    RejectedInput::new(row_origin, "bad-utf8", len_f64(malformed), 0.0).with_detail(detail),
                );
            }
        };
        let mut row: Map<String, Value> = match serde_json::from_str(text) {
            Ok(row) => row,
            Err(error) => {
                let detail =
                    format!("line {}, column {}: {}", self.line, error.column(), message_without_position(&error));
                return ReaderItem::Rejected(
                    RejectedInput::new(row_origin, "bad-json", len_f64(error.column()), 0.0).with_detail(detail),
                );
            }
        };
        match columns::document(&mut row, &self.settings.columns, self.settings.invalid_utf8, &row_origin) {
            Ok(document) => ReaderItem::Document(document),
            Err(rejected) => ReaderItem::Rejected(rejected),
        }
    }

    fn damage(&mut self, error: io::Error) -> ReadResult {
        self.done = true;
        let damage = self.guard.classify(error)?;
        let detail = format!("after {} whole lines: {}", self.line, damage.detail);
        Ok(ReaderItem::Rejected(
            RejectedInput::new(&self.origin, damage.rule, count_f64(self.line), count_f64(self.line + 1))
                .with_detail(detail),
        ))
    }
}

/// A reader that returns an error once.
struct FailingReader(Option<io::Error>);

impl io::Read for FailingReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Returns the message of serde without its position, which counts from the line, not from the file.
fn message_without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.clone(), |(words, _)| words.to_owned())
}

impl Iterator for JsonLines {
    type Item = ReadResult;

    fn next(&mut self) -> Option<ReadResult> {
        loop {
            if self.done || self.lines.offset() >= self.end {
                return None;
            }
            match self.lines.next_line(&mut self.buffer, self.settings.max_document_bytes) {
                Err(error) => return Some(self.damage(error)),
                Ok(Line::End) => {
                    self.done = true;
                    return None;
                }
                Ok(Line::TooLong(bytes)) => {
                    self.line += 1;
                    let row_origin = format!("{}#{}", self.origin, self.line);
                    let limit = count_f64(self.settings.max_document_bytes);
                    return Some(Ok(ReaderItem::Rejected(RejectedInput::new(
                        row_origin,
                        "too-large",
                        count_f64(bytes),
                        limit,
                    ))));
                }
                Ok(Line::Whole) => {
                    self.line += 1;
                    if !self.buffer.trim_ascii().is_empty() {
                        return Some(Ok(self.parse()));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

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
        let input = format!("{{\"text\":\"a\",\"x\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(rules(&read(input.as_bytes(), Compression::None, &JsonlSettings::default())), ["bad-json"]);
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
        let array =
            format!("[\n {{\"text\": \"a\"}}, 5, {{\"text\":\"{}\"}}, {{\"text\":\"z\"}}\n]\n", "x".repeat(100));
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
            let ranges = split_lines(file.path(), size).unwrap();
            let split: Vec<ReaderItem> = ranges.into_iter().flat_map(|range| open(Some(range))).collect();
            prop_assert_eq!(split, whole);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
            let compression = [Compression::None, Compression::Gzip, Compression::Zstd][kind];
            read(&bytes, compression, &JsonlSettings::default());
        }
    }
}
