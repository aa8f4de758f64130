//! Reads the members of a tar stream.
//!
//! The `tar` crate parses each header. The underlying stream is bounded, since long names and extended headers are kept
//! in memory and a gzip bomb costs time.
//!
//! Invariant: at most one member, no longer than the limit, is in memory.

use std::io::{self, Read};

use super::archive::{ArchiveSettings, Member};
use super::watch::Watch;
use super::{AcquireError, measure};

/// Maximum size of the headers of one member, in bytes; real ones need a few kilobytes.
const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Decompressed bytes before the ratio is checked, since short streams of zeros are not an attack.
const RATIO_GRACE_BYTES: u64 = 16 << 20;
const BLOCK: u64 = 512;

/// Reader of a decompressed tar stream.
pub(crate) struct TarMembers {
    stream: Bounded,
    max_document_bytes: u64,
    done: bool,
}

impl TarMembers {
    pub(crate) fn new(stream: Box<dyn Read + Send>, watch: Watch, settings: &ArchiveSettings) -> Self {
        let stream = Bounded {
            inner: stream,
            watch,
            position: 0,
            header_end: None,
            settings: settings.clone(),
            stop: None,
            at_end: false,
        };
        Self { stream, max_document_bytes: settings.max_document_bytes, done: false }
    }

    /// The next member, or `None` at the end.
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, AcquireError> {
        while !self.done {
            match self.step() {
                Ok(Step::Member(member)) => return Ok(Some(member)),
                Ok(Step::Nothing) => {}
                Ok(Step::End) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return self.stream.judge(error).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn step(&mut self) -> io::Result<Step> {
        self.stream.header_end = Some(self.stream.position + MAX_HEADER_BYTES);
        let header = next_header(&mut self.stream)?;
        self.stream.header_end = None;
        let Some((kind, name, size)) = header else {
            // Bytes after the end marker are read too, since only then is the checksum of a compressed stream verified.
            io::copy(&mut self.stream, &mut io::sink())?;
            return Ok(Step::End);
        };
        if kind.is_dir() || kind.is_pax_global_extensions() {
            self.stream.skip(padded(size))?;
            return Ok(Step::Nothing);
        }
        if !kind.is_file() && !kind.is_contiguous() {
            self.stream.skip(padded(size))?;
            let detail = format!("entry of type {kind:?}");
            return Ok(Step::Member(Member::refused(name, "not-a-file", 1.0, 0.0, detail)));
        }
        if size > self.max_document_bytes {
            self.stream.skip(padded(size))?;
            let limit = measure(self.max_document_bytes);
            return Ok(Step::Member(Member::refused(name, "too-large", measure(size), limit, String::new())));
        }
        let mut bytes = Vec::new();
        let read = self.stream.by_ref().take(size).read_to_end(&mut bytes)? as u64;
        if read < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.stream.skip_padding(padded(size) - size)?;
        Ok(Step::Member(Member::File { name, bytes }))
    }
}

/// Reads the type, name and stored size of the next member; the stream is then at the member's first byte.
fn next_header(stream: &mut Bounded) -> io::Result<Option<(tar::EntryType, Vec<u8>, u64)>> {
    let mut archive = tar::Archive::new(stream);
    let Some(entry) = archive.entries()?.next().transpose()? else { return Ok(None) };
    let kind = entry.header().entry_type();
    // A sparse file's size is not its stored size.
    let size = if kind.is_gnu_sparse() { entry.header().entry_size()? } else { entry.size() };
    Ok(Some((kind, entry.path_bytes().into_owned(), size)))
}

enum Step {
    Member(Member),
    /// A directory or another entry without a document.
    Nothing,
    End,
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX)
}

/// The limit that stopped the stream: rule, value, threshold, detail.
type Stop = (&'static str, u64, u64, &'static str);

/// The stream below the tar parser, which counts bytes and stops at the limits.
struct Bounded {
    inner: Box<dyn Read + Send>,
    watch: Watch,
    position: u64,
    header_end: Option<u64>,
    settings: ArchiveSettings,
    stop: Option<Stop>,
    at_end: bool,
}

impl Bounded {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(bytes), &mut io::sink())?;
        if skipped < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Skips the padding of the last block; a stream that ends there is complete.
    fn skip_padding(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.by_ref().take(bytes), &mut io::sink()).map(|_| ())
    }

    fn judge(&self, error: io::Error) -> Result<Member, AcquireError> {
        if let Some((rule, value, threshold, detail)) = self.stop {
            return Ok(Member::archive(rule, measure(value), measure(threshold), detail.to_owned()));
        }
        let damage = self.watch.sort(error)?;
        let rule = if self.at_end { "truncated" } else { damage.rule };
        let detail = format!("after {} bytes of content: {}", self.position, damage.detail);
        Ok(Member::archive(rule, measure(self.position), 0.0, detail))
    }

    fn crossed(&self) -> Option<Stop> {
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
        let ratio = self.position / self.watch.bytes().max(1);
        if self.position > RATIO_GRACE_BYTES && ratio > self.settings.max_ratio {
            return Some((
                "ratio",
                ratio,
                self.settings.max_ratio,
                "decompressed to compressed bytes; the rest was not read",
            ));
        }
        None
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_some() {
            return Err(io::Error::other("stopped at a limit"));
        }
        let count = self.inner.read(buffer)?;
        self.position += count as u64;
        self.at_end |= count == 0 && !buffer.is_empty();
        self.stop = self.crossed();
        if self.stop.is_some() { Err(io::Error::other("stopped at a limit")) } else { Ok(count) }
    }
}
