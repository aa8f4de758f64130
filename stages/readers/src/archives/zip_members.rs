//! Reads the members of a zip file in the order of its central directory or, if that is missing, of its local headers.
//!
//! The `zip` crate keeps one member of each name, the last. The others are found by reading the names of the central
//! directory once more, and are rejected. So are members before, between and after those that the central directory
//! lists, the ones at each place together.
//!
//! Invariant: sizes in headers are never trusted; decompressed bytes are counted as they are read.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::member::{ArchiveSettings, Member};
use super::zip_unlisted::{Unlisted, unlisted};
use crate::ReaderError;
use crate::document::count_f64;
use crate::io_guard::{GuardedReader, IoGuard};

type File = BufReader<GuardedReader<fs_err::File>>;

/// Reader of a zip file.
pub(crate) struct ZipMembers {
    source: ZipSource,
    guard: IoGuard,
    settings: ArchiveSettings,
    total: u64,
    /// Names of members that another one hides, in reverse order.
    shadowed: Vec<Vec<u8>>,
    /// Parts of the file with members that the central directory does not list.
    unlisted: Vec<Unlisted>,
}

enum ZipSource {
    Directory(ZipArchive<File>, usize),
    /// The central directory is missing; the reason.
    Stream(File, String),
    /// All members are read, and those that others hide are not yet recorded.
    Shadowed,
    End,
}

impl ZipMembers {
    pub(crate) fn open(file: fs_err::File, settings: &ArchiveSettings) -> Result<Self, ReaderError> {
        let (again, bytes) = (file.try_clone()?, file.metadata()?.len());
        let (guarded_reader, guard) = GuardedReader::new(file);
        let (mut shadowed, mut around) = (Vec::new(), Vec::new());
        let source = match ZipArchive::new(BufReader::new(guarded_reader)) {
            Ok(archive) => {
                let mut guarded_reader = GuardedReader::with_guard(again, &guard);
                match unlisted(&archive, &mut guarded_reader, bytes) {
                    Ok(parts) => around = parts,
                    // A file has no damage of its own.
                    Err(error) => {
                        guard.classify(error)?;
                    }
                }
                if archive.has_duplicate_names() {
                    shadowed = shadowed_names(&archive, guarded_reader, &guard)?;
                }
                ZipSource::Directory(archive, 0)
            }
            Err(error) => {
                let detail = error.to_string();
                if let ZipError::Io(error) = error {
                    guard.classify(error)?;
                }
                let mut guarded_reader = GuardedReader::with_guard(again, &guard);
                guarded_reader.seek(SeekFrom::Start(0))?;
                ZipSource::Stream(BufReader::new(guarded_reader), detail)
            }
        };
        Ok(Self { source, guard, settings: settings.clone(), total: 0, shadowed, unlisted: around })
    }

    /// The next member, or `None` at the end.
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, ReaderError> {
        if let Some(Unlisted { rule, bytes }) = self.unlisted.pop() {
            let question = match rule {
                "unlisted-data" => "were they removed from its list?",
                _ => "are several zip files joined?",
            };
            let detail = format!("contains members that the archive does not list: {question}");
            return Ok(Some(Member::archive(rule, count_f64(bytes), 0.0, detail)));
        }
        loop {
            if self.total > self.settings.max_archive_bytes {
                self.source = ZipSource::End;
                let limit = self.settings.max_archive_bytes;
                self.total = 0;
                let detail = "all members together; the rest was not read".to_owned();
                return Ok(Some(Member::archive("too-large", count_f64(limit + 1), count_f64(limit), detail)));
            }
            match &mut self.source {
                ZipSource::End => return Ok(None),
                ZipSource::Shadowed => {
                    let Some(name) = self.shadowed.pop() else {
                        self.source = ZipSource::End;
                        continue;
                    };
                    let detail = "the archive has a later member of the same name, which is read".to_owned();
                    return Ok(Some(Member::matched(name, "shadowed", detail)));
                }
                ZipSource::Directory(archive, next) if *next >= archive.len() => self.source = ZipSource::Shadowed,
                ZipSource::Directory(archive, next) => {
                    let index = *next;
                    *next += 1;
                    let name = member_name(archive, index);
                    let found = match archive.by_index(index) {
                        Ok(mut file) => read(&mut file, &self.settings, &self.guard, &mut self.total)?,
                        Err(error) => Some(unreadable(name, error, &self.guard)?),
                    };
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                ZipSource::Stream(..) => {
                    if let Some(member) = self.next_of_stream()? {
                        return Ok(Some(member));
                    }
                }
            }
        }
    }

    /// Reads the next local header and its member; `None` for a directory. The archive itself is the last item.
    fn next_of_stream(&mut self) -> Result<Option<Member>, ReaderError> {
        let ZipSource::Stream(file, reason) = &mut self.source else { return Ok(None) };
        let detail = match read_zipfile_from_stream(file) {
            Ok(Some(mut member)) => return read(&mut member, &self.settings, &self.guard, &mut self.total),
            Ok(None) => reason.clone(),
            Err(error) => {
                let detail = format!("{reason}; {error}");
                if let ZipError::Io(error) = error {
                    self.guard.classify(error)?;
                }
                detail
            }
        };
        self.source = ZipSource::End;
        Ok(Some(Member::archive("truncated", count_f64(self.guard.bytes()), 0.0, detail)))
    }
}

/// The name of a member, or its number if it has none.
fn member_name(archive: &ZipArchive<File>, index: usize) -> Vec<u8> {
    let name = archive.name_for_index(index).and_then(Result::ok);
    name.map_or_else(|| format!("member-{index}"), Cow::into_owned).into_bytes()
}

/// Length of a header of the central directory without name, extra field and comment (APPNOTE, 4.3.12).
const HEADER_BYTES: usize = 46;

/// Reads the names in the central directory, and returns one for each member that a later one of the same name hides,
/// in reverse order.
fn shadowed_names(
    archive: &ZipArchive<File>,
    mut file: GuardedReader<fs_err::File>,
    guard: &IoGuard,
) -> Result<Vec<Vec<u8>>, ReaderError> {
    file.seek(SeekFrom::Start(archive.central_directory_start()))?;
    let mut directory = BufReader::new(file);
    let (mut seen, mut shadowed) = (HashSet::new(), Vec::new());
    loop {
        let name = match next_name(&mut directory) {
            Ok(Some(name)) => name,
            Ok(None) => break,
            // The directory was whole when the archive was opened, so what is cut here was never part of it.
            Err(error) => {
                guard.classify(error)?;
                break;
            }
        };
        if seen.contains(&name) && !name.ends_with(b"/") {
            let index = archive.index_for_name_raw(&name);
            shadowed.push(index.map_or_else(|| name.clone(), |index| member_name(archive, index)));
        }
        seen.insert(name);
    }
    shadowed.reverse();
    Ok(shadowed)
}

/// Reads the name in the next header of the central directory; `None` at its end.
fn next_name(directory: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut header = [0_u8; HEADER_BYTES];
    directory.read_exact(&mut header[..4])?;
    if header[..4] != *b"PK\x01\x02" {
        return Ok(None);
    }
    directory.read_exact(&mut header[4..])?;
    let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let mut name = vec![0_u8; usize::from(length(28))];
    directory.read_exact(&mut name)?;
    let rest = u64::from(length(30)) + u64::from(length(32));
    std::io::copy(&mut directory.take(rest), &mut std::io::sink())?;
    Ok(Some(name))
}

/// Reads one member; `None` for a directory.
fn read<R: Read>(
    file: &mut ZipFile<'_, R>,
    settings: &ArchiveSettings,
    guard: &IoGuard,
    total: &mut u64,
) -> Result<Option<Member>, ReaderError> {
    if file.is_dir() {
        return Ok(None);
    }
    let name = file.name().map_or_else(|_| file.name_raw().to_vec(), |name| name.into_owned().into_bytes());
    if file.is_symlink() {
        return Ok(Some(Member::matched(name, "not-a-file", "a symbolic link".to_owned())));
    }
    let limit = settings.max_document_bytes;
    if file.size() > limit {
        return Ok(Some(Member::rejected(name, "too-large", count_f64(file.size()), count_f64(limit), String::new())));
    }
    let mut bytes = Vec::new();
    let outcome = file.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes);
    *total = total.saturating_add(bytes.len() as u64);
    if let Err(error) = outcome {
        let damage = guard.classify(error)?;
        let detail = format!("after {} bytes: {}", bytes.len(), damage.detail);
        return Ok(Some(Member::rejected(
            name,
            damage.rule,
            count_f64(bytes.len() as u64),
            count_f64(file.size()),
            detail,
        )));
    }
    if bytes.len() as u64 > limit {
        return Ok(Some(Member::rejected(
            name,
            "too-large",
            count_f64(bytes.len() as u64),
            count_f64(limit),
            "the size in its header is smaller".to_owned(),
        )));
    }
    Ok(Some(Member::File { name, bytes }))
}

fn unreadable(name: Vec<u8>, error: ZipError, guard: &IoGuard) -> Result<Member, ReaderError> {
    let detail = error.to_string();
    let rule = match error {
        ZipError::Io(error) => guard.classify(error)?.rule,
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => "unsupported",
        _ => "corrupt",
    };
    Ok(Member::matched(name, rule, detail))
}
