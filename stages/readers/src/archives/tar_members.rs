//! Reads the members of a tar stream.
//!
//! The `tar` crate parses each header. The underlying stream is bounded, since long names and extended headers are kept
//! in memory and a gzip bomb costs time. Archives may follow each other in one stream, as for GNU tar with
//! `--ignore-zeros`; other bytes after the end of an archive are rejected.
//!
//! Invariant: at most one member, no longer than the limit, is in memory.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::member::{ArchiveSettings, Member};
use crate::ReaderError;
use crate::document::count_f64;
use crate::io_guard::IoGuard;

/// Maximum size of the headers of one member, in bytes; real ones need a few kilobytes.
const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Decompressed bytes before the ratio is checked, since short streams of zeros are not an attack.
const RATIO_GRACE_BYTES: u64 = 16 << 20;
const BLOCK_BYTES: u64 = 512;
/// Bytes of a header block: the checksum is at 148 to 156.
const HEADER_BYTES: usize = 512;

/// Reader of a decompressed tar stream.
pub(crate) struct TarMembers {
    stream: LimitedStream,
    max_document_bytes: u64,
    done: bool,
}

impl TarMembers {
    pub(crate) fn new(stream: Box<dyn Read + Send>, guard: IoGuard, settings: &ArchiveSettings) -> Self {
        let stream = LimitedStream {
            inner: stream,
            returned: VecDeque::new(),
            guard,
            position: 0,
            header_end: None,
            settings: settings.clone(),
            stop: None,
            at_end: false,
        };
        Self { stream, max_document_bytes: settings.max_document_bytes, done: false }
    }

    /// The next member, or `None` at the end.
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, ReaderError> {
        while !self.done {
            match self.step() {
                Ok(TarEntry::Member(member)) => return Ok(Some(member)),
                Ok(TarEntry::Skipped) => {}
                Ok(TarEntry::End) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return self.stream.classify_error(error).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn step(&mut self) -> io::Result<TarEntry> {
        self.stream.header_end = Some(self.stream.position + MAX_HEADER_BYTES);
        let header = next_header(&mut self.stream)?;
        self.stream.header_end = None;
        let Some((kind, name, size)) = header else { return self.after_end() };
        if kind.is_dir() || kind.is_pax_global_extensions() {
            self.stream.skip(padded(size))?;
            return Ok(TarEntry::Skipped);
        }
        if !kind.is_file() && !kind.is_contiguous() {
            self.stream.skip(padded(size))?;
            let detail = format!("entry of type {kind:?}");
            return Ok(TarEntry::Member(Member::matched(name, "not-a-file", detail)));
        }
        if size > self.max_document_bytes {
            self.stream.skip(padded(size))?;
            let limit = count_f64(self.max_document_bytes);
            return Ok(TarEntry::Member(Member::rejected(name, "too-large", count_f64(size), limit, String::new())));
        }
        let mut bytes = Vec::new();
        let read = self.stream.by_ref().take(size).read_to_end(&mut bytes)? as u64;
        if read < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.stream.skip_padding(padded(size) - size)?;
        Ok(TarEntry::Member(Member::File { name, bytes }))
    }
}

/// Whether a block is a header, by its checksum.
fn is_header(block: &[u8; HEADER_BYTES]) -> bool {
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    let stated = header.cksum().ok();
    // The field of the checksum counts as eight spaces.
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    stated == Some(sum(&block[..148]) + 8 * 32 + sum(&block[156..]))
}

/// Reads the type, name and stored size of the next member; the stream is then at the member's first byte.
fn next_header(stream: &mut LimitedStream) -> io::Result<Option<(tar::EntryType, Vec<u8>, u64)>> {
    let mut archive = tar::Archive::new(stream);
    let Some(entry) = archive.entries()?.next().transpose()? else { return Ok(None) };
    let kind = entry.header().entry_type();
    // A sparse file's size is not its stored size.
    let size = if kind.is_gnu_sparse() { entry.header().entry_size()? } else { entry.size() };
    Ok(Some((kind, entry.path_bytes().into_owned(), size)))
}

impl TarMembers {
    /// Reads on after the end marker: zeros, a further archive, or bytes that are no archive. The stream is read to its
    /// end in any case, since only then is the checksum of a compressed stream verified.
    fn after_end(&mut self) -> io::Result<TarEntry> {
        let mut block = [0_u8; HEADER_BYTES];
        loop {
            let count = read_block(&mut self.stream, &mut block)?;
            if block[..count].iter().any(|byte| *byte != 0) {
                if count == HEADER_BYTES && is_header(&block) {
                    self.stream.put_back(&block);
                    return Ok(TarEntry::Skipped);
                }
                let rest = io::copy(&mut self.stream, &mut io::sink())?;
                self.done = true;
                let detail = "bytes after the end of the archive are no further archive".to_owned();
                let value = count_f64(rest.saturating_add(count as u64));
                return Ok(TarEntry::Member(Member::archive("trailing-data", value, 0.0, detail)));
            }
            if count < HEADER_BYTES {
                return Ok(TarEntry::End);
            }
        }
    }
}

/// Fills a block as far as the stream goes; returns the number of bytes.
fn read_block(stream: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match stream.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

enum TarEntry {
    Member(Member),
    /// A directory or another entry without a document.
    Skipped,
    End,
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK_BYTES).unwrap_or(u64::MAX)
}

/// The limit that stopped the stream: rule, value, threshold, detail.
type LimitExceeded = (&'static str, u64, u64, &'static str);

/// The stream below the tar parser, which counts bytes and stops at the limits.
struct LimitedStream {
    inner: Box<dyn Read + Send>,
    /// Bytes that were read too far and are read again.
    returned: VecDeque<u8>,
    guard: IoGuard,
    position: u64,
    header_end: Option<u64>,
    settings: ArchiveSettings,
    stop: Option<LimitExceeded>,
    at_end: bool,
}

impl LimitedStream {
    fn put_back(&mut self, bytes: &[u8]) {
        self.returned.extend(bytes);
        self.position -= bytes.len() as u64;
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(bytes), &mut io::sink())?;
        if skipped < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Skips the padding of the last block; a stream that ends there is complete.
    fn skip_padding(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.by_ref().take(bytes), &mut io::sink()).map(|_| ())
    }

    fn classify_error(&self, error: io::Error) -> Result<Member, ReaderError> {
        if let Some((rule, value, threshold, detail)) = self.stop {
            return Ok(Member::archive(rule, count_f64(value), count_f64(threshold), detail.to_owned()));
        }
        let damage = self.guard.classify(error)?;
        let rule = if self.at_end { "truncated" } else { damage.rule };
        let detail = format!("after {} bytes of content: {}", self.position, damage.detail);
        Ok(Member::archive(rule, count_f64(self.position), 0.0, detail))
    }

    fn exceeded_limit(&self) -> Option<LimitExceeded> {
        if self.header_end.is_some_and(|end| self.position > end) {
            return Some(("too-large", MAX_HEADER_BYTES + 1, MAX_HEADER_BYTES, "the headers of one member"));
        }
        if self.position > self.settings.max_archive_bytes {
            return Some((
                "too-large",
                self.position,
                self.settings.max_archive_bytes,
                "all members together; the rest was not read",
            ));
        }
        let ratio = self.position / self.guard.bytes().max(1);
        if self.position > RATIO_GRACE_BYTES && ratio > self.settings.max_compression_ratio {
            return Some((
                "ratio",
                ratio,
                self.settings.max_compression_ratio,
                "decompressed to compressed bytes; the rest was not read",
            ));
        }
        None
    }
}

impl Read for LimitedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_some() {
            return Err(io::Error::other("stopped at a limit"));
        }
        let count = if self.returned.is_empty() { self.inner.read(buffer)? } else { self.returned.read(buffer)? };
        self.position += count as u64;
        self.at_end |= count == 0 && !buffer.is_empty();
        self.stop = self.exceeded_limit();
        if self.stop.is_some() { Err(io::Error::other("stopped at a limit")) } else { Ok(count) }
    }
}
