//! Journal of the changes since the last commit of the frontier, one entry per response, so a killed process loses
//! nothing.
//!
//! A commit syncs two files, which costs more than a page. Commits therefore come every few pages, and the changes in
//! between are appended here and to the WARC file without a sync. After SIGKILL the operating system still has both.
//! After a power failure it may not; entries and records then disagree, the rest is dropped, and the crawl resumes from
//! the last commit.
//!
//! Layout: length of the entry in bytes (u32), xxh3 of the entry (u64), both little-endian, and the entry as JSON.
//!
//! Invariant: an entry is used only if it follows the last commit, is complete, and the WARC file holds its records
//! unchanged.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::archive::writer::{WarcPosition, file_name};
use crate::error::CrawlError;
use crate::frontier::pending_commit::PendingCommit;

/// Changes from one response.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct JournalEntry {
    /// Number of commits before it.
    commits: u64,
    /// End position of its records, and the xxh3 of their bytes.
    warc: WarcPosition,
    records: u64,
    batch: PendingCommit,
}

/// The open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    commits: u64,
}

impl Journal {
    /// Opens the journal of a folder; returns the changes after the last commit and the end position of their records.
    pub(crate) fn open(
        dir: &Path,
        commits: u64,
        committed: WarcPosition,
    ) -> Result<(Self, PendingCommit, WarcPosition), CrawlError> {
        let path = dir.join("journal");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (mut batch, mut end) = (PendingCommit::default(), committed);
        let mut rest = bytes.as_slice();
        while let Some((entry, after)) = next(rest) {
            let holds = entry.commits == commits && entry.warc.file == end.file;
            if !holds || !records_match(dir, end, &entry)? {
                break;
            }
            batch.merge(entry.batch);
            (end, rest) = (entry.warc, after);
        }
        let kept = (bytes.len() - rest.len()) as u64;
        file.set_len(kept)?;
        file.seek(SeekFrom::Start(kept))?;
        Ok((Self { file, path, commits }, batch, end))
    }

    /// Appends changes; `records` is the xxh3 of the records since the last entry or commit, which end at `warc`.
    pub(crate) fn append(
        &mut self,
        batch: PendingCommit,
        warc: WarcPosition,
        records: u64,
    ) -> Result<PendingCommit, CrawlError> {
        let entry = JournalEntry { commits: self.commits, warc, records, batch };
        let json = serde_json::to_vec(&entry).map_err(|e| CrawlError::Row {
            path: self.path.clone(),
            table: "journal",
            problem: e.to_string(),
        })?;
        let mut bytes = Vec::with_capacity(json.len() + 12);
        bytes.extend_from_slice(&u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&xxh3_64(&json).to_le_bytes());
        bytes.extend_from_slice(&json);
        self.file.write_all(&bytes)?;
        Ok(entry.batch)
    }

    /// Clears the journal after a commit.
    pub(crate) fn committed(&mut self) -> Result<(), CrawlError> {
        self.commits += 1;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(())
    }
}

/// The first entry, and the bytes after it.
fn next(bytes: &[u8]) -> Option<(JournalEntry, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let (json, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (xxh3_64(json) == u64::from_le_bytes(*sum)).then_some(())?;
    Some((serde_json::from_slice(json).ok()?, rest))
}

fn records_match(dir: &Path, from: WarcPosition, entry: &JournalEntry) -> Result<bool, CrawlError> {
    let Ok(mut file) = File::open(dir.join(file_name(from.file))) else { return Ok(false) };
    file.seek(SeekFrom::Start(from.offset))?;
    let length = entry.warc.offset.saturating_sub(from.offset);
    let mut hasher = Xxh3::new();
    let read = std::io::copy(&mut file.take(length), &mut Hashing(&mut hasher))?;
    Ok(read == length && hasher.digest() == entry.records)
}

struct Hashing<'a>(&'a mut Xxh3);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(count: u64) -> PendingCommit {
        PendingCommit { finished: count, ..PendingCommit::default() }
    }

    #[test]
    fn entries_need_their_commit_and_records() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let at = |offset| WarcPosition { file: 0, offset };
        let warc = dir.join(file_name(0));
        fs_err::write(&warc, b"onetwothree").unwrap();
        let (mut journal, batch, end) = Journal::open(dir, 7, at(0)).unwrap();
        assert_eq!((batch.finished, end), (0, at(0)));
        journal.append(finished(1), at(3), xxh3_64(b"one")).unwrap();
        journal.append(finished(2), at(6), xxh3_64(b"two")).unwrap();
        journal.append(finished(4), at(11), xxh3_64(b"three")).unwrap();
        let reopened =
            |commits| Journal::open(dir, commits, at(0)).map(|(_, batch, end)| (batch.finished, end)).unwrap();
        let whole = fs_err::read(dir.join("journal")).unwrap();
        assert_eq!(reopened(7), (7, at(11)));
        // The last entry is truncated; then records are lost; then the commit count differs.
        fs_err::write(dir.join("journal"), &whole[..whole.len() - 1]).unwrap();
        assert_eq!(reopened(7), (3, at(6)));
        fs_err::write(dir.join("journal"), &whole).unwrap();
        fs_err::write(&warc, b"one\0\0\0three").unwrap();
        assert_eq!(reopened(7), (1, at(3)));
        fs_err::write(dir.join("journal"), &whole).unwrap();
        assert_eq!(reopened(8), (0, at(0)));
        assert_eq!(fs_err::read(dir.join("journal")).unwrap(), b"");
    }
}
