//! The files of a corpus with their digests, kept in the corpus folder: decides whether a corpus is still what was built.
//!
//! Invariant: the list covers every other file of the folder, and is written last.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use corpusmill_pipeline::sealed::{self, SealedError};
use corpusmill_pipeline::{Digest, StageError};
use serde::{Deserialize, Serialize};

/// The file in a corpus folder with the list.
pub(crate) const FILE_LIST: &str = ".files.json";

/// Files that are read and compared in any case: they are small, and everything else is read by means of them.
const ALWAYS_READ: [&str; 3] = ["manifest.json", "report.html", "tokenizer.json"];

/// The files of a corpus, and the digest of the inputs that it was built from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorpusFiles {
    /// Equal digests of inputs give equal folders.
    pub(crate) inputs: Digest,
    /// By path, relative to the folder, with `/` between its parts.
    files: BTreeMap<String, FileEntry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    bytes: u64,
    blake3: Digest,
}

/// How thoroughly files are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Every byte.
    Bytes,
    /// The size; and the bytes, if the file was written after the list or is small.
    Changed,
}

impl CorpusFiles {
    /// Lists the files of a folder.
    pub(crate) fn of(dir: &Path, inputs: Digest) -> Result<Self, StageError> {
        let mut files = BTreeMap::new();
        for path in paths(dir)? {
            let (bytes, blake3) = digest(&path)?;
            files.insert(name(dir, &path), FileEntry { bytes, blake3 });
        }
        files.remove(FILE_LIST);
        Ok(Self { inputs, files })
    }

    /// Writes the list into the folder.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), StageError> {
        let mut file = fs_err::File::create(dir.join(FILE_LIST))?;
        sealed::write_to(&mut file, self)?;
        Ok(file.sync_all()?)
    }

    /// The list of a folder; `None` if there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, SealedError> {
        match sealed::read(&dir.join(FILE_LIST)) {
            Err(SealedError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// What differs from the list, one text for each file.
    pub(crate) fn differences(&self, dir: &Path, check: Check) -> io::Result<Vec<String>> {
        let listed_at = fs_err::metadata(dir.join(FILE_LIST))?.modified()?;
        let mut found = Vec::new();
        for (name, entry) in &self.files {
            let path = dir.join(name);
            let meta = match fs_err::metadata(&path) {
                Ok(meta) => meta,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    found.push(format!("{}: the file is missing", path.display()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let trusted =
                check == Check::Changed && !ALWAYS_READ.contains(&name.as_str()) && meta.modified()? <= listed_at;
            if meta.len() != entry.bytes {
                found.push(format!("{}: it has {} bytes instead of {}", path.display(), meta.len(), entry.bytes));
            } else if !trusted && digest(&path)?.1 != entry.blake3 {
                found.push(format!("{}: its bytes have changed", path.display()));
            }
        }
        for path in paths(dir)? {
            let name = name(dir, &path);
            if name != FILE_LIST && !self.files.contains_key(&name) {
                found.push(format!("{}: the file does not belong to the corpus", path.display()));
            }
        }
        Ok(found)
    }
}

/// Size and BLAKE3 of a file.
fn digest(path: &Path) -> io::Result<(u64, Digest)> {
    let mut hasher = blake3::Hasher::new();
    let bytes = io::copy(&mut fs_err::File::open(path)?, &mut hasher)?;
    Ok((bytes, hasher.into()))
}

/// The files below a folder.
fn paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(paths(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn name(dir: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(dir).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn corpus() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("shards")).unwrap();
        for name in ["manifest.json", "shards/a.parquet", "report.html"] {
            fs_err::write(dir.path().join(name), name).unwrap();
        }
        CorpusFiles::of(dir.path(), Digest::of(b"inputs")).unwrap().write(dir.path()).unwrap();
        dir
    }

    fn differences(dir: &Path, check: Check) -> Vec<String> {
        let files = CorpusFiles::read(dir).unwrap().unwrap();
        let found = files.differences(dir, check).unwrap();
        found.iter().map(|text| text.replace(&dir.display().to_string(), "C")).collect()
    }

    #[test]
    fn every_change_of_a_file_is_found() {
        let dir = corpus();
        let path = dir.path();
        assert!(differences(path, Check::Bytes).is_empty() && differences(path, Check::Changed).is_empty());
        let later = SystemTime::now() + Duration::from_mins(1);
        fs_err::write(path.join("shards/a.parquet"), "Shards/a.parquet").unwrap();
        fs_err::OpenOptions::new()
            .write(true)
            .open(path.join("shards/a.parquet"))
            .unwrap()
            .file()
            .set_modified(later)
            .unwrap();
        fs_err::write(path.join("manifest.json"), "manifest").unwrap();
        fs_err::remove_file(path.join("report.html")).unwrap();
        fs_err::write(path.join("notes.txt"), "").unwrap();
        let expected = [
            "C/manifest.json: it has 8 bytes instead of 13",
            "C/report.html: the file is missing",
            "C/shards/a.parquet: its bytes have changed",
            "C/notes.txt: the file does not belong to the corpus",
        ];
        assert_eq!(differences(path, Check::Bytes), expected);
        assert_eq!(differences(path, Check::Changed), expected);
    }

    #[test]
    fn a_changed_file_with_its_old_time_is_found_by_its_bytes() {
        let dir = corpus();
        let path = dir.path().join("shards/a.parquet");
        let time = fs_err::metadata(&path).unwrap().modified().unwrap();
        fs_err::write(&path, "Shards/a.parquet").unwrap();
        fs_err::OpenOptions::new().write(true).open(&path).unwrap().file().set_modified(time).unwrap();
        assert_eq!(differences(dir.path(), Check::Bytes), ["C/shards/a.parquet: its bytes have changed"]);
        assert!(differences(dir.path(), Check::Changed).is_empty());
    }
}
