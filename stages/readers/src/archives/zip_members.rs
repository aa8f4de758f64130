//! Reads the members of a zip file in the order of its central directory or, if that is missing, of its local headers.
//!
//! Invariant: sizes in headers are never trusted; decompressed bytes are counted as they are read.

use std::borrow::Cow;
use std::io::{BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::member::{ArchiveSettings, Member};
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
}

enum ZipSource {
    Directory(ZipArchive<File>, usize),
    /// The central directory is missing; the reason.
    Stream(File, String),
    End,
}

impl ZipMembers {
    pub(crate) fn open(file: fs_err::File, settings: &ArchiveSettings) -> Result<Self, ReaderError> {
        let again = file.try_clone()?;
        let (guarded_reader, guard) = GuardedReader::new(file);
        let source = match ZipArchive::new(BufReader::new(guarded_reader)) {
            Ok(archive) => ZipSource::Directory(archive, 0),
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
        Ok(Self { source, guard, settings: settings.clone(), total: 0 })
    }

    /// The next member, or `None` at the end.
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, ReaderError> {
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
                ZipSource::Directory(archive, next) if *next >= archive.len() => self.source = ZipSource::End,
                ZipSource::Directory(archive, next) => {
                    let index = *next;
                    *next += 1;
                    let fallback = archive
                        .name_for_index(index)
                        .and_then(Result::ok)
                        .map_or_else(|| format!("member-{index}"), Cow::into_owned);
                    let found = match archive.by_index(index) {
                        Ok(mut file) => read(&mut file, &self.settings, &self.guard, &mut self.total)?,
                        Err(error) => Some(unreadable(fallback.into_bytes(), error, &self.guard)?),
                    };
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                ZipSource::Stream(file, reason) => {
                    let (found, detail) = match read_zipfile_from_stream(file) {
                        Ok(Some(mut member)) => {
                            (Some(read(&mut member, &self.settings, &self.guard, &mut self.total)?), reason.clone())
                        }
                        Ok(None) => (None, reason.clone()),
                        Err(error) => {
                            let detail = format!("{reason}; {error}");
                            if let ZipError::Io(error) = error {
                                self.guard.classify(error)?;
                            }
                            (None, detail)
                        }
                    };
                    match found {
                        Some(Some(member)) => return Ok(Some(member)),
                        Some(None) => {}
                        None => {
                            self.source = ZipSource::End;
                            return Ok(Some(Member::archive("truncated", count_f64(self.guard.bytes()), 0.0, detail)));
                        }
                    }
                }
            }
        }
    }
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
