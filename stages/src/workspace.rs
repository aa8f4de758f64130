//! The working folder: the store, snapshots, crawls, file digests and the record of each recipe's last run.
//!
//! Invariant: everything in this folder can be deleted; that costs time, never a result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use corpusmill_pipeline::snapshot::Snapshot;
use corpusmill_pipeline::store::{LocalStore, write_atomically};
use corpusmill_pipeline::{Digest, StoreError, sealed};
use serde::{Deserialize, Serialize};

/// The working folder, `.corpusmill` by default.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// A workspace in this folder, which is created at the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens the store.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub fn store(&self) -> Result<LocalStore, StoreError> {
        LocalStore::open(self.root.join("store"))
    }

    /// The path of a snapshot's file.
    pub fn snapshot_path(&self, digest: Digest) -> PathBuf {
        self.root.join("snapshots").join(format!("{digest}.json"))
    }

    /// A stored snapshot, if all its files still exist with the same size.
    pub fn snapshot(&self, digest: Digest) -> Option<Snapshot> {
        let snapshot = Snapshot::read(&self.snapshot_path(digest)).ok()?;
        let whole = snapshot.digest() == digest
            && snapshot.items.iter().all(|item| {
                fs_err::metadata(item.location.path()).is_ok_and(|meta| meta.len() == item.location.file_size())
            });
        whole.then_some(snapshot)
    }

    /// The folder of a crawl with these settings: the latest one, or a new one if `fresh` is set and the latest is
    /// finished. Earlier crawls are kept, for the snapshots that refer to them and for the next refresh.
    pub fn crawl_folders(&self, settings: Digest, fresh: bool) -> CrawlFolders {
        let folder = |number: u32| {
            let name = settings.short();
            self.root.join("crawl").join(if number == 0 { name } else { format!("{name}.{number}") })
        };
        let latest = (0..u32::MAX).take_while(|&number| folder(number).exists()).last();
        let number = match latest {
            None => 0,
            Some(number) => match corpusmill_crawler::summary(&folder(number)) {
                // A crawl of another version is not resumed.
                Err(corpusmill_crawler::CrawlError::OtherFormat { .. }) => number + 1,
                Ok(summary) if fresh && summary.finished => number + 1,
                _ => number,
            },
        };
        CrawlFolders { dir: folder(number), previous: number.checked_sub(1).map(folder) }
    }

    /// The folder of a file fetched from this URL.
    pub fn remote_dir(&self, url: Digest) -> PathBuf {
        self.root.join("remote").join(url.short())
    }

    /// The path of the record of a recipe's last run.
    pub fn run_path(&self, name: &str) -> PathBuf {
        self.root.join("runs").join(format!("{name}.json"))
    }

    /// The path of the marker file of an unfinished run.
    pub fn unfinished_path(&self, name: &str) -> PathBuf {
        self.root.join("runs").join(format!("{name}.unfinished"))
    }

    /// Writes the marker of an unfinished run. Keeps an existing marker, so that parts of an earlier, interrupted run
    /// are covered too.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn begin_run(&self, name: &str) -> Result<(), StoreError> {
        let path = self.unfinished_path(name);
        if path.exists() { Ok(()) } else { write_atomically(&path, b"") }
    }

    /// Removes the marker of an unfinished run.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn end_run(&self, name: &str) -> Result<(), StoreError> {
        match fs_err::remove_file(self.unfinished_path(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The start time of each unfinished run, by its name.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn unfinished_runs(&self) -> Result<BTreeMap<String, SystemTime>, StoreError> {
        let dir = self.root.join("runs");
        let mut began = BTreeMap::new();
        for entry in if dir.is_dir() { Some(fs_err::read_dir(&dir)?) } else { None }.into_iter().flatten() {
            let entry = entry?;
            let path = entry.path();
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == "unfinished") {
                began.insert(name, entry.metadata()?.modified()?);
            }
        }
        Ok(began)
    }
}

/// The folders of a crawl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrawlFolders {
    /// The folder of the crawl.
    pub dir: PathBuf,
    /// The folder of the previous crawl with the same settings.
    pub previous: Option<PathBuf>,
}

/// A cache of local files' digests, by path, size and modification time.
#[derive(Debug, Default)]
pub struct FileDigests {
    path: PathBuf,
    known: BTreeMap<PathBuf, CachedDigest>,
    changed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CachedDigest {
    size: u64,
    modified: u64,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// The file of the cache.
#[derive(Debug, Default, Deserialize)]
struct Cache {
    files: BTreeMap<PathBuf, CachedDigest>,
}

#[derive(Debug, Serialize)]
struct CacheRef<'a> {
    files: &'a BTreeMap<PathBuf, CachedDigest>,
}

impl FileDigests {
    /// Opens the cache of a workspace.
    pub fn open(workspace: &Workspace) -> Self {
        let path = workspace.root().join("file-digests.json");
        // A damaged cache is as good as none.
        let Cache { files } = sealed::read(&path).unwrap_or_default();
        Self { path, known: files, changed: false }
    }

    /// BLAKE3 of a file's bytes, its size, and its modification time in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn digest(&mut self, path: &Path) -> Result<(Digest, u64, u64), StoreError> {
        let stamp = size_and_mtime(path)?;
        if let Some(known) = self.known.get(path).filter(|known| (known.size, known.modified) == stamp) {
            return Ok((known.digest, known.size, known.modified));
        }
        let mut hasher = blake3::Hasher::new();
        let size = std::io::copy(&mut fs_err::File::open(path)?, &mut hasher)?;
        let digest = Digest::from(hasher);
        let known = CachedDigest { size: stamp.0, modified: stamp.1, digest, sha256: None };
        self.known.insert(path.to_owned(), known);
        self.changed = true;
        Ok((digest, size, stamp.1))
    }

    /// Whether the cache holds this SHA-256 for the file, and the file has not changed since.
    pub fn has_sha256(&self, path: &Path, expected: &str) -> bool {
        let Ok(stamp) = size_and_mtime(path) else { return false };
        self.known
            .get(path)
            .is_some_and(|known| (known.size, known.modified) == stamp && known.sha256.as_deref() == Some(expected))
    }

    /// Stores a file's SHA-256 in the cache.
    pub fn insert_sha256(&mut self, path: &Path, sha256: &str) {
        if let Some(known) = self.known.get_mut(path) {
            known.sha256 = Some(sha256.to_owned());
            self.changed = true;
        }
    }

    /// Writes the cache, if it changed.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn save(&self) -> Result<(), StoreError> {
        if !self.changed {
            return Ok(());
        }
        sealed::write(&self.path, &CacheRef { files: &self.known })
    }
}

/// Size and modification time of a file.
///
/// # Errors
/// If the file does not exist.
pub fn size_and_mtime(path: &Path) -> Result<(u64, u64), StoreError> {
    let meta = fs_err::metadata(path)?;
    let time = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((meta.len(), u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
}
