//! Reads JSON Lines: one object per line; plain, gzip or zstd; a whole file or a range of bytes. In a file that is one
//! array of objects, each element counts as a line.
//!
//! Invariant: however a file is split ([`split_at_lines`](super::split_at_lines)), the ranges together yield exactly the
//! items of the whole file in order, including their origins: a line belongs to the range in which it starts, and lines
//! are numbered from the start of the file.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::str::Utf8Error;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::column_check::{Body, ColumnCheck};
use super::columns::{ColumnMapping, InvalidUtf8};
use super::json_array::{self, ArrayLines};
use super::json_row::JsonRow;
use super::line_ranges::LineRange;
use super::row;
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

/// Iterates over the documents of a JSON Lines stream.
pub struct JsonLines {
    lines: LineReader<Box<dyn io::Read + Send>>,
    guard: IoGuard,
    origin: String,
    settings: JsonlSettings,
    /// The columns that no line has had so far; none if they are not checked, or every one has been seen.
    check: Option<ColumnCheck>,
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
            check: None,
            line: 0,
            end: u64::MAX,
            buffer: Vec::new(),
            done,
        })
    }

    /// Ends with an error if no line of the file has a column that the mapping names, or none that `body` requires.
    ///
    /// Of a file that is read in ranges, the first range decides, so that a file has one error. If no line of it has the
    /// body, or a column that seems to be misspelt, the lines after it are searched; every other file is read once.
    pub(crate) fn with_column_check(mut self, body: Body) -> Self {
        let check = ColumnCheck::new(&self.settings.columns, body);
        self.check = Some(check).filter(|check| self.line == 0 && !check.is_complete());
        self
    }

    /// Bytes that were read, for tests.
    #[cfg(test)]
    pub(crate) fn offset(&self) -> u64 {
        self.lines.offset()
    }

    fn parse(&self, check: Option<&mut ColumnCheck>) -> ReaderItem {
        let row_origin = format!("{}#{}", self.origin, self.line);
        let text = match self.line_text() {
            Ok(text) => text,
            Err(error) => {
                let chunks = self.line_bytes().utf8_chunks();
                let malformed = chunks.filter(|chunk| !chunk.invalid().is_empty()).count();
                let rejected = RejectedInput::new(row_origin, "bad-utf8", len_f64(malformed), 0.0);
                let at = error.valid_up_to();
                return self.rejected(rejected.with_detail(format!("first malformed sequence at byte {at}")));
            }
        };
        let columns = &self.settings.columns;
        let row = match check {
            Some(check) => check.row(&text, &columns.names()),
            None => JsonRow::parse(&text, &columns.names()),
        };
        let document = row
            .map_err(|fault| row::bad_json(&row_origin, &fault))
            .and_then(|row| row::document(&row, columns, self.settings.invalid_utf8, &row_origin));
        match document {
            Ok(document) => ReaderItem::Document(document),
            Err(rejected) => self.rejected(rejected),
        }
    }

    /// The current line as text, with malformed bytes replaced if the settings say so.
    fn line_text(&self) -> Result<Cow<'_, str>, Utf8Error> {
        match (std::str::from_utf8(self.line_bytes()), self.settings.invalid_utf8) {
            (Ok(text), _) => Ok(Cow::Borrowed(text)),
            (Err(_), InvalidUtf8::Replace) => Ok(String::from_utf8_lossy(self.line_bytes())),
            (Err(error), InvalidUtf8::Reject) => Err(error),
        }
    }

    /// The current line without white space around it, and without a byte order mark.
    fn line_bytes(&self) -> &[u8] {
        let skip = if self.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        self.buffer[skip..].trim_ascii()
    }

    /// At the end, returns the error of the columns that no line has.
    fn missing_column(&mut self) -> Option<ReadResult> {
        let mut check = self.check.take()?;
        check.forget_optional();
        while !self.done && !check.is_complete() {
            match self.lines.next_line(&mut self.buffer, self.settings.max_document_bytes) {
                Err(error) => return Some(Err(error.into())),
                Ok(Line::End) => self.done = true,
                Ok(Line::TooLong(_)) => {}
                Ok(Line::Whole) => {
                    // Lines that are no rows are rejected where they are read.
                    if let Ok(text) = self.line_text() {
                        let _ = check.row(&text, &self.settings.columns.names());
                    }
                }
            }
        }
        self.done = true;
        check.error(&self.origin).map(Err)
    }

    /// The rejection of the current line. A malformed line has its number in the detail; the first line of a file that
    /// is no JSON Lines has what the file seems to be.
    fn rejected(&self, mut rejected: RejectedInput) -> ReaderItem {
        let rejection = &mut rejected.rejection;
        if matches!(&*rejection.rule, "bad-utf8" | "bad-json") {
            let separator = if rejection.rule == "bad-json" { "," } else { ":" };
            let hint = if self.line == 1 { other_format(&self.buffer) } else { None };
            let detail = rejection.detail.take().unwrap_or_default();
            rejection.detail = Some(format!("line {}{separator} {detail}{}", self.line, hint.unwrap_or_default()));
        }
        ReaderItem::Rejected(rejected)
    }

    fn damage(&mut self, error: io::Error) -> ReadResult {
        self.done = true;
        // What the rest of the file has is unknown.
        self.check = None;
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

/// What bytes that are no JSON Lines seem to be, for the detail of a rejection.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x1f, 0x8b, ..] => Some("; the data begin like gzip: then the name must end in `.gz`"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("; the data begin like Zstandard: then the name must end in `.zst`"),
        // A byte order mark, or the NUL of an ASCII character.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0x20..=0x7f, ..] | [0x20..=0x7f, 0, ..] => {
            Some("; the text begins like UTF-16: convert it to UTF-8")
        }
        _ => None,
    }
}

impl Iterator for JsonLines {
    type Item = ReadResult;

    fn next(&mut self) -> Option<ReadResult> {
        loop {
            if self.done || self.lines.offset() >= self.end {
                return self.missing_column();
            }
            match self.lines.next_line(&mut self.buffer, self.settings.max_document_bytes) {
                Err(error) => return Some(self.damage(error)),
                Ok(Line::End) => self.done = true,
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
                        let mut check = self.check.take();
                        let item = self.parse(check.as_mut());
                        self.check = check.filter(|check| !check.is_complete());
                        return Some(Ok(item));
                    }
                }
            }
        }
    }
}
