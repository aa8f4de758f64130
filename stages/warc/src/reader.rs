//! Reads an archive record by record and skips damage.
//!
//! It runs after acquisition and before extraction. Members may hold one record each, the whole file, or anything in
//! between. A record may span members unless the next member begins with a record.
//!
//! Invariant: memory is limited to `max_record_bytes` plus a few MiB. Damage never ends reading; it becomes one
//! [`Lost`] item.

use std::io::BufRead;

use super::WarcError;
use super::compression::Compression;
use super::decoder::{DecodeError, DecodeStatus, Decoder};
use super::record::{Lost, Record, Skipped, VERSION_LINE_BYTES, find, find_version_line, header_end};

/// Bytes decoded per read; most records fit into one.
const WINDOW_BYTES: usize = 64 * 1024;

/// Maximum size of a record header, in bytes.
const MAX_HEADER_BYTES: usize = 256 * 1024;

/// Bytes allocated for a block ahead of the data, so that a wrong length allocates little memory.
const GROWTH_BYTES: usize = 256 * 1024;

/// Maximum number of bytes of line ends after a record that are kept to return to them.
const MAX_SEPARATOR_BYTES: usize = 1024;

/// Options of a [`WarcReader`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Maximum length of a returned block, in bytes; longer ones become [`ArchiveItem::Skipped`]. Default 64 MiB.
    pub max_record_bytes: u64,
    /// Offset in the archive of the input's first byte, if the input starts inside the archive.
    pub offset: u64,
    /// The compression, if known; otherwise detected from the first bytes. Required if the input starts inside the
    /// archive.
    pub compression: Option<Compression>,
    /// Whether the input may begin inside a record, so that the bytes before the first record do not count as lost.
    ///
    /// Several workers can share one archive: each reads from its own offset to that of the next worker, which is its
    /// [`end`](Self::end). An archive compressed into one member has the single offset 0, so the first worker reads it.
    pub seek_record: bool,
    /// Offset in the archive at which another reader begins. Reading ends at the first record at or after it that is
    /// the first of its member, which is the record that a reader with `seek_record` finds from there.
    pub end: Option<u64>,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { max_record_bytes: 64 * 1024 * 1024, offset: 0, compression: None, seek_record: false, end: None }
    }
}

/// An item of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveItem {
    /// A complete record.
    Record(Record),
    /// A record whose block exceeds the limit.
    Skipped(Skipped),
    /// A damaged part.
    Lost(Lost),
}

/// Streams the records of an archive.
pub struct WarcReader<R> {
    decoder: Decoder<R>,
    /// Decoded bytes; those in `start..end` are unread, the rest is free space.
    window: Vec<u8>,
    start: usize,
    end: usize,
    options: ReaderOptions,
    finished: bool,
}

/// The reason why a record could not be read completely.
enum RecordError {
    Io(std::io::Error),
    /// The decoder must look for the next member.
    Damage(&'static str),
    /// The unread window begins with the next record.
    NextRecord(&'static str),
    /// More decoded bytes follow, but no record begins there.
    NotARecord(&'static str),
    /// As before, and too many line ends lie between to return to the block.
    NotARecordFarBehind(&'static str),
    /// The archive ended.
    End(&'static str),
}

impl From<DecodeError> for RecordError {
    fn from(fault: DecodeError) -> Self {
        match fault {
            DecodeError::Io(error) => Self::Io(error),
            DecodeError::Damage(why) => Self::Damage(why),
        }
    }
}

/// Position of the reader: offset in the archive, and decoded bytes since that offset.
#[derive(Clone, Copy)]
struct Position {
    archive: u64,
    decoded: u64,
}

impl<R: BufRead> WarcReader<R> {
    /// Reads an archive from its first byte and detects its compression.
    ///
    /// # Errors
    /// Currently none; see [`with_options`](Self::with_options).
    pub fn new(input: R) -> Result<Self, WarcError> {
        Self::with_options(input, ReaderOptions::default())
    }

    /// Reads an archive, or a part of one.
    ///
    /// # Errors
    /// [`WarcError::Read`] if a decoder cannot be set up.
    pub fn with_options(input: R, options: ReaderOptions) -> Result<Self, WarcError> {
        let decoder = Decoder::new(input, options.offset, options.compression);
        let decoder = decoder.map_err(|source| WarcError::Read { offset: options.offset, source })?;
        Ok(Self { decoder, window: Vec::new(), start: 0, end: 0, options, finished: false })
    }

    /// Returns the next record, skipped record or lost part; `None` at the end or after an input error.
    pub fn next_record(&mut self) -> Option<Result<ArchiveItem, WarcError>> {
        if self.finished {
            return None;
        }
        let item = if std::mem::take(&mut self.options.seek_record) { self.seek_first() } else { self.advance() };
        item.map_err(|source| {
            self.finished = true;
            WarcError::Read { offset: self.decoder.offset(), source }
        })
        .transpose()
    }

    /// Skips the rest of the record inside which the input begins.
    fn seek_first(&mut self) -> std::io::Result<Option<ArchiveItem>> {
        if self.decoder.is_plain() {
            let at_record = match self.next_member("") {
                Err(RecordError::Io(error)) => return Err(error),
                Err(RecordError::NextRecord(_)) => true,
                _ => false,
            };
            if !at_record {
                self.scan()?;
            }
        } else {
            self.finished = !self.decoder.resync_from_here()?;
        }
        if self.finished { Ok(None) } else { self.advance() }
    }

    fn advance(&mut self) -> std::io::Result<Option<ArchiveItem>> {
        let mut position = self.current_position();
        loop {
            let blank = self.unread().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.start += blank;
            if !self.unread().is_empty() {
                break;
            }
            match self.fill() {
                Ok(DecodeStatus::Data(_) | DecodeStatus::End) => {}
                Ok(DecodeStatus::Eof) => {
                    self.finished = true;
                    return Ok(None);
                }
                Err(fault) => {
                    position.archive = self.decoder.member();
                    return self.skip_damage(position, fault.into()).map(|lost| Some(ArchiveItem::Lost(lost)));
                }
            }
        }
        let position = self.current_position();
        // A record that begins inside a member belongs to the reader of the member's beginning.
        if position.decoded == 0 && self.options.end.is_some_and(|end| position.archive >= end) {
            self.finished = true;
            return Ok(None);
        }
        match self.record(position) {
            Ok(item) => Ok(Some(item)),
            Err(error) => self.skip_damage(position, error).map(|lost| Some(ArchiveItem::Lost(lost))),
        }
    }

    fn record(&mut self, position: Position) -> Result<ArchiveItem, RecordError> {
        let head = self.head()?;
        let (mut record, length) = Record::parse(&self.window[self.start..self.start + head], position.archive)
            .map_err(RecordError::NotARecord)?;
        let aligned = !self.decoder.is_plain() && position.decoded == 0;
        self.start += head;
        if length > self.options.max_record_bytes {
            self.skip(length, aligned)?;
            self.end_of_record()?;
            return Ok(ArchiveItem::Skipped(Skipped { record, block_bytes: length }));
        }
        let mut block = Vec::new();
        let ended = self.block(length, &mut block).and_then(|()| self.end_of_record());
        match ended {
            Ok(()) => {
                record.block = block;
                Ok(ArchiveItem::Record(record))
            }
            // A wrong length may have included the next record: return to it.
            Err(RecordError::NotARecord(why) | RecordError::End(why)) => Err(self.put_back(&block, why)),
            Err(error) => Err(error),
        }
    }

    /// Reads until the window holds a complete header; returns the header's length in bytes.
    fn head(&mut self) -> Result<usize, RecordError> {
        loop {
            let unread = self.unread();
            let seen = unread.len().min(5);
            if unread[..seen] != b"WARC/"[..seen] {
                return Err(RecordError::NotARecord("no record at this offset"));
            }
            if let Some(end) = header_end(unread) {
                return match find(&unread[..end], b"\nWARC/1.") {
                    Some(at) => {
                        self.start += at + 1;
                        Err(RecordError::NextRecord("a record header is truncated by the next record"))
                    }
                    None => Ok(end),
                };
            }
            if unread.len() > MAX_HEADER_BYTES {
                return Err(RecordError::NotARecord("a record header is too long"));
            }
            match self.fill()? {
                DecodeStatus::Data(_) => {}
                DecodeStatus::End => self.next_member("a compressed member ends within a record header")?,
                DecodeStatus::Eof => return Err(RecordError::End("the archive ends within a record header")),
            }
        }
    }

    fn block(&mut self, length: u64, block: &mut Vec<u8>) -> Result<(), RecordError> {
        let length = usize::try_from(length)
            .map_err(|_| RecordError::NotARecord("a record is longer than this machine's memory"))?;
        let mut filled = 0;
        let ended = loop {
            let count = self.unread().len().min(length - filled);
            block.truncate(filled);
            block.extend_from_slice(&self.window[self.start..self.start + count]);
            self.start += count;
            filled += count;
            // The window is empty: the missing bytes are decoded directly into the block.
            let step = loop {
                if filled == length {
                    return Ok(());
                }
                if filled == block.len() {
                    block.resize(length.min(filled * 2 + GROWTH_BYTES), 0);
                }
                match self.decoder.read(&mut block[filled..]) {
                    Ok(DecodeStatus::Data(count)) => filled += count,
                    other => break other,
                }
            };
            let next = match step {
                Ok(DecodeStatus::Eof) => Err(RecordError::End("the archive ends within a record")),
                Ok(_) => self.next_member("a record is longer than the compressed member that holds it"),
                Err(fault) => Err(fault.into()),
            };
            if next.is_err() {
                break next;
            }
        };
        block.truncate(filled);
        ended
    }

    /// Skips a block. If each record has its own member, a wrong length does no harm. Otherwise an empty line followed
    /// by a version line within the block counts as the next record, since a wrong length would hide the rest of the
    /// archive.
    fn skip(&mut self, length: u64, aligned: bool) -> Result<(), RecordError> {
        const NEXT: &[u8] = b"\r\n\r\nWARC/1.";
        let mut missing = length;
        loop {
            if !aligned && let Some(at) = find(self.unread(), NEXT).filter(|&at| (at as u64) < missing) {
                self.start += at + 4;
                return Err(RecordError::NextRecord("a record is shorter than its Content-Length"));
            }
            let unread = self.unread().len();
            let whole = usize::try_from(missing).is_ok_and(|missing| missing <= unread);
            let count =
                if whole { usize::try_from(missing).unwrap_or(unread) } else { unread.saturating_sub(NEXT.len() - 1) };
            self.start += count;
            missing -= count as u64;
            if missing == 0 {
                return Ok(());
            }
            match self.fill()? {
                DecodeStatus::Data(_) => {}
                DecodeStatus::End => self.next_member("a record is longer than the compressed member that holds it")?,
                DecodeStatus::Eof => return Err(RecordError::End("the archive ends within a record")),
            }
        }
    }

    /// Reads the empty lines after a block up to the next record or the member's end, where the checksum is compared.
    fn end_of_record(&mut self) -> Result<(), RecordError> {
        let (mut line_ends, mut skipped) = (0, Vec::new());
        loop {
            let blank = self.unread().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            for &byte in &self.unread()[..blank] {
                line_ends += usize::from(byte == b'\n');
            }
            // More than a record's own two may be the beginning of anything; a few are enough to return to.
            skipped.extend_from_slice(&self.unread()[..blank.min(MAX_SEPARATOR_BYTES.saturating_sub(skipped.len()))]);
            self.start += blank;
            let unread = self.unread();
            let seen = unread.len().min(5);
            if unread.starts_with(b"WARC/") {
                return Ok(());
            }
            let other = unread[..seen] != b"WARC/"[..seen];
            // In a plain archive, these bytes are damage of their own. A compressed member contains nothing but records, so
            // its bytes before them may be damaged, too: its checksum is not reached.
            if other && line_ends >= 2 && self.decoder.is_plain() {
                return Ok(());
            }
            if other {
                let why = if line_ends >= 2 {
                    "a record is followed by bytes of its member that are no record"
                } else {
                    "a record is not followed by an empty line, so its Content-Length is wrong"
                };
                if skipped.len() == MAX_SEPARATOR_BYTES {
                    return Err(RecordError::NotARecordFarBehind(why));
                }
                self.return_bytes(&skipped);
                return Err(RecordError::NotARecord(why));
            }
            match self.fill()? {
                DecodeStatus::Data(_) => {}
                DecodeStatus::End | DecodeStatus::Eof => return Ok(()),
            }
        }
    }

    /// Continues a record in the next member, unless that member begins with a record.
    fn next_member(&mut self, why: &'static str) -> Result<(), RecordError> {
        let boundary = self.unread().len();
        while self.unread().len() < boundary + 5 {
            match self.fill()? {
                DecodeStatus::Data(_) | DecodeStatus::End => {}
                DecodeStatus::Eof if self.unread().len() == boundary => return Err(RecordError::End(why)),
                DecodeStatus::Eof => break,
            }
        }
        if self.unread()[boundary..].starts_with(b"WARC/") {
            self.start += boundary;
            return Err(RecordError::NextRecord(why));
        }
        Ok(())
    }

    /// Puts the part of a block from a version line on back into the window.
    fn put_back(&mut self, block: &[u8], why: &'static str) -> RecordError {
        let inner = find_version_line(block);
        // A version line may also straddle the block and the window.
        let from = inner.unwrap_or(block.len().saturating_sub(VERSION_LINE_BYTES - 1));
        self.return_bytes(&block[from..]);
        if inner.is_some() { RecordError::NextRecord(why) } else { RecordError::NotARecord(why) }
    }

    /// Puts bytes back before the unread ones.
    fn return_bytes(&mut self, bytes: &[u8]) {
        let mut window = bytes.to_vec();
        window.extend_from_slice(self.unread());
        (self.start, self.end) = (0, window.len());
        self.window = window;
    }

    /// Skips to the next record after a failure and returns the bytes in between as lost.
    fn skip_damage(&mut self, from: Position, error: RecordError) -> std::io::Result<Lost> {
        let why = match error {
            RecordError::Io(error) => return Err(error),
            RecordError::NextRecord(why) => why,
            RecordError::Damage(why) => {
                self.resync()?;
                why
            }
            RecordError::NotARecord(why) | RecordError::NotARecordFarBehind(why) | RecordError::End(why) => {
                // The failed header may still be unread: its own version line is not the next record.
                self.start += usize::from(self.unread().starts_with(b"WARC/"));
                self.scan()?;
                why
            }
        };
        let to = self.current_position();
        let bytes =
            if to.archive > from.archive { to.archive - from.archive } else { to.decoded.saturating_sub(from.decoded) };
        Ok(Lost { offset: from.archive, bytes, why })
    }

    fn resync(&mut self) -> std::io::Result<()> {
        (self.start, self.end) = (0, 0);
        self.finished = !self.decoder.resync()?;
        Ok(())
    }

    /// Skips to the next version line, or to the next member that begins with one.
    fn scan(&mut self) -> std::io::Result<()> {
        loop {
            if let Some(at) = find_version_line(self.unread()) {
                self.start += at;
                return Ok(());
            }
            self.start += self.unread().len().saturating_sub(VERSION_LINE_BYTES - 1);
            match self.fill() {
                Ok(DecodeStatus::Data(_)) => {}
                Ok(DecodeStatus::End) => match self.next_member("") {
                    Ok(()) => {}
                    Err(RecordError::NextRecord(_)) => return Ok(()),
                    Err(RecordError::Io(error)) => return Err(error),
                    Err(RecordError::Damage(_)) => return self.resync(),
                    Err(RecordError::NotARecord(_) | RecordError::NotARecordFarBehind(_) | RecordError::End(_)) => {
                        break;
                    }
                },
                Ok(DecodeStatus::Eof) => break,
                Err(DecodeError::Io(error)) => return Err(error),
                Err(DecodeError::Damage(_)) => return self.resync(),
            }
        }
        (self.start, self.end) = (0, 0);
        self.finished = true;
        Ok(())
    }

    fn unread(&self) -> &[u8] {
        &self.window[self.start..self.end]
    }

    /// Decodes more bytes into the window, after the unread ones.
    fn fill(&mut self) -> Result<DecodeStatus, DecodeError> {
        self.window.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.window.len() < self.end + WINDOW_BYTES {
            self.window.resize(self.end + WINDOW_BYTES, 0);
        }
        // Each read decodes at most 64 KiB, even if a long header has grown the window.
        let step = self.decoder.read(&mut self.window[self.end..self.end + WINDOW_BYTES]);
        if let Ok(DecodeStatus::Data(count)) = step {
            self.end += count;
        }
        step
    }

    fn current_position(&self) -> Position {
        let unread = self.unread().len() as u64;
        if self.decoder.is_plain() {
            Position { archive: self.decoder.offset().saturating_sub(unread), decoded: 0 }
        } else if self.finished {
            Position { archive: self.decoder.offset(), decoded: 0 }
        } else {
            Position { archive: self.decoder.member(), decoded: self.decoder.member_bytes().saturating_sub(unread) }
        }
    }
}

impl<R: BufRead> Iterator for WarcReader<R> {
    type Item = Result<ArchiveItem, WarcError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record()
    }
}
