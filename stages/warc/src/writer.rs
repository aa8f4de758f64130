//! Writes an archive with one gzip member per record, so that any record can be read on its own from its offset.
//!
//! Runs last in the crawler: a page is done only when its record is [synced](WarcWriter::sync). Record
//! identifiers are derived from the content, dates come from the caller, and compression is deterministic.
//!
//! Invariant: the bytes of a record depend only on the arguments; this file uses no clock, counter or random source.

use std::fmt::Write as _;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use fs_err::{File, OpenOptions};
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::WarcError;

/// Bytes buffered before they are written to the file system.
const FLUSH_BYTES: usize = 256 * 1024;

/// Header of a gzip member without name and time, operating system unknown (RFC 1952, section 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The location of a written record, and the fields by which other records refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLocation {
    /// Offset in the archive of the record's gzip member.
    pub offset: u64,
    /// Length of the member, in bytes.
    pub length: u64,
    /// `WARC-Record-ID`, with its angle brackets.
    pub record_id: String,
    /// `WARC-Payload-Digest`, for responses.
    pub payload_digest: Option<String>,
}

/// The reason why a capture omits its payload (WARC 1.1, section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisitReason {
    /// The payload has the same digest as an earlier one.
    IdenticalPayload,
    /// The server answered 304.
    ServerNotModified,
}

impl RevisitReason {
    fn profile(self) -> &'static str {
        match self {
            Self::IdenticalPayload => "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest",
            Self::ServerNotModified => "http://netpreserve.org/warc/1.1/revisit/server-not-modified",
        }
    }
}

/// The earlier capture that a revisit refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefersTo<'a> {
    /// Its target URI.
    pub uri: &'a str,
    /// Its date.
    pub date: &'a str,
    /// Its payload digest, if known.
    pub payload_digest: Option<&'a str>,
}

/// An archive being written.
///
/// Buffers up to 256 KiB of finished records, the current record, and the state of one deflate stream. Dates are
/// `WARC-Date` values in UTC (`2026-01-31T12:00:00Z`). `extra` holds further header fields such as `WARC-IP-Address` or
/// `WARC-Concurrent-To`.
pub struct WarcWriter {
    file: File,
    path: PathBuf,
    /// Length of the archive in bytes: those in the file and those in `pending`.
    offset: u64,
    pending: Vec<u8>,
    record: Vec<u8>,
    deflate: Compress,
    /// Hash of the bytes written to the file since the last [`flush_and_hash`](WarcWriter::flush_and_hash).
    flushed_hash: Xxh3,
}

impl std::fmt::Debug for WarcWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WarcWriter").field("path", &self.path).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl WarcWriter {
    /// Creates an empty archive at `path`, replacing an existing file.
    ///
    /// # Errors
    /// [`WarcError::Write`] if the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, WarcError> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
        Self::from_file(file, path, 0)
    }

    /// Opens the archive at `path` (created if missing), truncates it to its first `offset` bytes and appends from
    /// there.
    ///
    /// Use this to recover from a crash: `offset` is the end of the last record that the caller committed.
    ///
    /// # Errors
    /// [`WarcError::TooShort`] if committed bytes are missing, [`WarcError::Write`] if the file cannot be opened or
    /// truncated.
    pub fn resume(path: &Path, offset: u64) -> Result<Self, WarcError> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let mut writer = Self::from_file(file, path, 0)?;
        writer.truncate_to(offset)?;
        Ok(writer)
    }

    fn from_file(file: std::io::Result<File>, path: &Path, offset: u64) -> Result<Self, WarcError> {
        let file = file.map_err(|source| WarcError::Write { path: path.to_owned(), source })?;
        let deflate = Compress::new(Compression::default(), false);
        Ok(Self {
            file,
            path: path.to_owned(),
            offset,
            pending: Vec::new(),
            record: Vec::new(),
            deflate,
            flushed_hash: Xxh3::new(),
        })
    }

    /// Sets the deflate level, from 0 (stored) to 9 (smallest). Default 6.
    #[must_use]
    pub fn with_level(mut self, level: u32) -> Self {
        self.deflate = Compress::new(Compression::new(level.min(9)), false);
        self
    }

    /// Length of the archive in bytes, including those not yet flushed: the offset of the next record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes the `warcinfo` record that begins an archive; `fields` become its `application/warc-fields` block.
    ///
    /// # Errors
    /// [`WarcError::HeaderValue`] for a line break in a value, [`WarcError::Write`] if the file cannot be written.
    pub fn warcinfo(
        &mut self,
        date: &str,
        filename: &str,
        fields: &[(&str, &str)],
    ) -> Result<RecordLocation, WarcError> {
        let mut block = Vec::new();
        for &(name, value) in fields {
            push_field(&mut block, name, value)?;
        }
        let head = [("WARC-Filename", filename), ("Content-Type", "application/warc-fields")];
        self.write("warcinfo", None, date, &block, None, &[&head])
    }

    /// Writes a request, as sent.
    ///
    /// # Errors
    /// As [`warcinfo`](Self::warcinfo).
    pub fn request(
        &mut self,
        uri: &str,
        date: &str,
        block: &[u8],
        extra: &[(&str, &str)],
    ) -> Result<RecordLocation, WarcError> {
        let head = [("Content-Type", "application/http; msgtype=request")];
        self.write("request", Some(uri), date, block, None, &[&head, extra])
    }

    /// Writes a response: status line, header lines, an empty line, body. The payload digest covers the body as passed.
    ///
    /// # Errors
    /// As [`warcinfo`](Self::warcinfo).
    pub fn response(
        &mut self,
        uri: &str,
        date: &str,
        block: &[u8],
        extra: &[(&str, &str)],
    ) -> Result<RecordLocation, WarcError> {
        let body = block.windows(4).position(|window| window == b"\r\n\r\n").map_or(&[][..], |end| &block[end + 4..]);
        let head = [("Content-Type", "application/http; msgtype=response")];
        self.write("response", Some(uri), date, block, Some(digest(body)), &[&head, extra])
    }

    /// Writes metadata about a capture (robots decision, opt-outs, outgoing links) as `application/warc-fields`.
    ///
    /// # Errors
    /// As [`warcinfo`](Self::warcinfo).
    pub fn metadata(
        &mut self,
        uri: &str,
        date: &str,
        fields: &[(&str, &str)],
        extra: &[(&str, &str)],
    ) -> Result<RecordLocation, WarcError> {
        let mut block = Vec::new();
        for &(name, value) in fields {
            push_field(&mut block, name, value)?;
        }
        let head = [("Content-Type", "application/warc-fields")];
        self.write("metadata", Some(uri), date, &block, None, &[&head, extra])
    }

    /// Writes a capture that is identical to an earlier one; `http_head` is the new response up to its empty line and
    /// may be empty.
    ///
    /// # Errors
    /// As [`warcinfo`](Self::warcinfo).
    pub fn revisit(
        &mut self,
        uri: &str,
        date: &str,
        http_head: &[u8],
        reason: RevisitReason,
        refers_to: RefersTo<'_>,
        extra: &[(&str, &str)],
    ) -> Result<RecordLocation, WarcError> {
        let head = [
            ("WARC-Profile", reason.profile()),
            ("WARC-Refers-To-Target-URI", refers_to.uri),
            ("WARC-Refers-To-Date", refers_to.date),
            ("WARC-Truncated", "length"),
            ("Content-Type", "application/http; msgtype=response"),
        ];
        let digest = refers_to.payload_digest.map(str::to_owned);
        self.write("revisit", Some(uri), date, http_head, digest, &[&head, extra])
    }

    fn write(
        &mut self,
        kind: &str,
        uri: Option<&str>,
        date: &str,
        block: &[u8],
        payload_digest: Option<String>,
        fields: &[&[(&str, &str)]],
    ) -> Result<RecordLocation, WarcError> {
        let mut head = Vec::new();
        push_field(&mut head, "WARC-Type", kind)?;
        if let Some(uri) = uri {
            push_field(&mut head, "WARC-Target-URI", uri)?;
        }
        push_field(&mut head, "WARC-Date", date)?;
        for &(name, value) in fields.iter().copied().flatten() {
            push_field(&mut head, name, value)?;
        }
        if let Some(digest) = &payload_digest {
            push_field(&mut head, "WARC-Payload-Digest", digest)?;
        }
        push_field(&mut head, "WARC-Block-Digest", &digest(block))?;
        push_field(&mut head, "Content-Length", &block.len().to_string())?;
        // The header contains the block's digest, so its hash covers the whole record.
        let record_id = record_id(&head);

        self.record.clear();
        self.record.extend_from_slice(b"WARC/1.1\r\nWARC-Record-ID: ");
        self.record.extend_from_slice(record_id.as_bytes());
        self.record.extend_from_slice(b"\r\n");
        self.record.extend_from_slice(&head);
        self.record.extend_from_slice(b"\r\n");
        self.record.extend_from_slice(block);
        self.record.extend_from_slice(b"\r\n\r\n");
        let offset = self.offset;
        let length = self.push_member()?;
        Ok(RecordLocation { offset, length, record_id, payload_digest })
    }

    /// Compresses `record` into `pending` and returns the length of the member in bytes.
    fn push_member(&mut self) -> Result<u64, WarcError> {
        let start = self.pending.len();
        self.pending.extend_from_slice(&GZIP_HEADER);
        self.deflate.reset();
        let mut consumed = 0;
        loop {
            self.pending.reserve(self.record.len() / 4 + 4096);
            let before = self.deflate.total_in();
            let status = self.deflate.compress_vec(&self.record[consumed..], &mut self.pending, FlushCompress::Finish);
            consumed += usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            match status {
                Ok(Status::StreamEnd) => break,
                Ok(Status::Ok | Status::BufError) => {}
                Err(error) => {
                    self.pending.truncate(start);
                    return Err(self.failed(std::io::Error::other(error)));
                }
            }
        }
        let mut checksum = Crc::new();
        checksum.update(&self.record);
        self.pending.extend_from_slice(&checksum.sum().to_le_bytes());
        self.pending.extend_from_slice(&checksum.amount().to_le_bytes());
        let length = (self.pending.len() - start) as u64;
        self.offset += length;
        if self.pending.len() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> Result<(), WarcError> {
        self.file.write_all(&self.pending).map_err(|source| WarcError::Write { path: self.path.clone(), source })?;
        self.flushed_hash.update(&self.pending);
        self.pending.clear();
        Ok(())
    }

    /// Writes every record so far to the file system without waiting for the disk. Returns the xxh3 of the bytes
    /// written since the last call, with which a caller that [resumes](Self::resume) can verify that they are still
    /// stored.
    ///
    /// # Errors
    /// [`WarcError::Write`], as for [`sync`](Self::sync).
    pub fn flush_and_hash(&mut self) -> Result<u64, WarcError> {
        self.flush()?;
        let hash = self.flushed_hash.digest();
        self.flushed_hash.reset();
        Ok(hash)
    }

    /// Writes every record so far to the disk (`fdatasync`); only then may the caller mark a page as done.
    ///
    /// # Errors
    /// [`WarcError::Write`]; the end of the archive is then undefined: [`resume`](Self::resume) at the last committed
    /// offset.
    pub fn sync(&mut self) -> Result<(), WarcError> {
        self.flush()?;
        self.file.sync_data().map_err(|source| WarcError::Write { path: self.path.clone(), source })
    }

    /// Truncates the archive to its first `offset` bytes and syncs it.
    ///
    /// # Errors
    /// [`WarcError::TooShort`] if the archive has fewer bytes, [`WarcError::Write`] if it cannot be truncated.
    pub fn truncate_to(&mut self, offset: u64) -> Result<(), WarcError> {
        self.flush()?;
        let length = self.file.metadata().map_err(|source| self.failed(source))?.len();
        if length < offset {
            return Err(WarcError::TooShort { path: self.path.clone(), length, committed: offset });
        }
        self.file.set_len(offset).map_err(|source| self.failed(source))?;
        self.file.seek(SeekFrom::Start(offset)).map_err(|source| self.failed(source))?;
        self.file.sync_all().map_err(|source| self.failed(source))?;
        self.offset = offset;
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> WarcError {
        WarcError::Write { path: self.path.clone(), source }
    }
}

/// Flushes without a sync and ignores failures, so call [`WarcWriter::sync`] first.
impl Drop for WarcWriter {
    fn drop(&mut self) {
        // A failure cannot be reported here. Records are durable only after `sync`.
        let _ = self.flush();
    }
}

fn push_field(head: &mut Vec<u8>, name: &str, value: &str) -> Result<(), WarcError> {
    if name.contains(['\r', '\n', ':']) || value.contains(['\r', '\n']) {
        return Err(WarcError::HeaderValue { name: name.to_owned(), value: value.to_owned() });
    }
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value.as_bytes());
    head.extend_from_slice(b"\r\n");
    Ok(())
}

/// Returns `sha256:` and the lower-case hexadecimal digest of the bytes; other tools check this strong digest.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Builds a version 8 UUID (RFC 9562, section 5.8: free-form) from the first 16 bytes of the header's BLAKE3.
fn record_id(head: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::hash(head).as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let number = hex(&bytes);
    format!("<urn:uuid:{}-{}-{}-{}-{}>", &number[..8], &number[8..12], &number[12..16], &number[16..20], &number[20..])
}
