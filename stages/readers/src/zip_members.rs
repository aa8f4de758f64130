//! Reads the members of a zip file in the order of its central directory or, if that is missing, of its local headers.
//!
//! Invariant: sizes in headers are never trusted; decompressed bytes are counted as they are read.

use std::borrow::Cow;
use std::io::{BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::read::{ZipFile, read_zipfile_from_stream};
use zip::result::ZipError;

use super::archive::{ArchiveSettings, Member};
use super::watch::{Watch, Watched};
use super::{AcquireError, measure};

type File = BufReader<Watched<fs_err::File>>;

/// Reader of a zip file.
pub(crate) struct ZipMembers {
    source: Source,
    watch: Watch,
    settings: ArchiveSettings,
    total: u64,
}

enum Source {
    Directory(ZipArchive<File>, usize),
    /// The central directory is missing; the reason.
    Stream(File, String),
    End,
}

impl ZipMembers {
    pub(crate) fn open(file: fs_err::File, settings: &ArchiveSettings) -> Result<Self, AcquireError> {
        let again = file.try_clone()?;
        let (watched, watch) = Watched::new(file);
        let source = match ZipArchive::new(BufReader::new(watched)) {
            Ok(archive) => Source::Directory(archive, 0),
            Err(error) => {
                let detail = error.to_string();
                if let ZipError::Io(error) = error {
                    watch.sort(error)?;
                }
                let mut watched = Watched::below(again, &watch);
                watched.seek(SeekFrom::Start(0))?;
                Source::Stream(BufReader::new(watched), detail)
            }
        };
        Ok(Self { source, watch, settings: settings.clone(), total: 0 })
    }

    /// The next member, or `None` at the end.
    pub(crate) fn next_member(&mut self) -> Result<Option<Member>, AcquireError> {
        loop {
            if self.total > self.settings.max_archive_bytes {
                self.source = Source::End;
                let limit = self.settings.max_archive_bytes;
                self.total = 0;
                let detail = "all members together; the rest was not read".to_owned();
                return Ok(Some(Member::archive("too-large", measure(limit + 1), measure(limit), detail)));
            }
            match &mut self.source {
                Source::End => return Ok(None),
                Source::Directory(archive, next) if *next >= archive.len() => self.source = Source::End,
                Source::Directory(archive, next) => {
                    let index = *next;
                    *next += 1;
                    let fallback = archive
                        .name_for_index(index)
                        .and_then(Result::ok)
                        .map_or_else(|| format!("member-{index}"), Cow::into_owned);
                    let found = match archive.by_index(index) {
                        Ok(mut file) => read(&mut file, &self.settings, &self.watch, &mut self.total)?,
                        Err(error) => Some(unreadable(fallback.into_bytes(), error, &self.watch)?),
                    };
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Source::Stream(file, why) => {
                    let (found, detail) = match read_zipfile_from_stream(file) {
                        Ok(Some(mut member)) => {
                            (Some(read(&mut member, &self.settings, &self.watch, &mut self.total)?), why.clone())
                        }
                        Ok(None) => (None, why.clone()),
                        Err(error) => {
                            let detail = format!("{why}; {error}");
                            if let ZipError::Io(error) = error {
                                self.watch.sort(error)?;
                            }
                            (None, detail)
                        }
                    };
                    match found {
                        Some(Some(member)) => return Ok(Some(member)),
                        Some(None) => {}
                        None => {
                            self.source = Source::End;
                            return Ok(Some(Member::archive("truncated", measure(self.watch.bytes()), 0.0, detail)));
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
    watch: &Watch,
    total: &mut u64,
) -> Result<Option<Member>, AcquireError> {
    if file.is_dir() {
        return Ok(None);
    }
    let name = file.name().map_or_else(|_| file.name_raw().to_vec(), |name| name.into_owned().into_bytes());
    if file.is_symlink() {
        return Ok(Some(Member::refused(name, "not-a-file", 1.0, 0.0, "a symbolic link".to_owned())));
    }
    let limit = settings.max_document_bytes;
    if file.size() > limit {
        return Ok(Some(Member::refused(name, "too-large", measure(file.size()), measure(limit), String::new())));
    }
    let mut bytes = Vec::new();
    let outcome = file.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes);
    *total = total.saturating_add(bytes.len() as u64);
    if let Err(error) = outcome {
        let damage = watch.sort(error)?;
        let detail = format!("after {} bytes: {}", bytes.len(), damage.detail);
        return Ok(Some(Member::refused(name, damage.rule, measure(bytes.len() as u64), measure(file.size()), detail)));
    }
    if bytes.len() as u64 > limit {
        return Ok(Some(Member::refused(
            name,
            "too-large",
            measure(bytes.len() as u64),
            measure(limit),
            "its header says less".to_owned(),
        )));
    }
    Ok(Some(Member::File { name, bytes }))
}

fn unreadable(name: Vec<u8>, error: ZipError, watch: &Watch) -> Result<Member, AcquireError> {
    let detail = error.to_string();
    let rule = match error {
        ZipError::Io(error) => watch.sort(error)?.rule,
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => "unsupported",
        _ => "corrupt",
    };
    Ok(Member::refused(name, rule, 1.0, 0.0, detail))
}
