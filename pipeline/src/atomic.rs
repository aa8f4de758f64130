//! Writes files so that a reader sees either the old content or the new.
//!
//! Invariant: what a killed process leaves behind in a folder is removed by the next write to that folder.

use std::io::{self, Write as _};
use std::path::Path;

use crate::StoreError;
use crate::error::with_path;
use crate::lease::{self, Lease};

/// Prefix of temporary files, which may lie in a folder of the user.
pub const TEMPORARY_PREFIX: &str = ".corpusmill-";

/// Writes `bytes` to `path` so that a reader sees either the old content or the new: writes a temporary file in the
/// same folder, syncs it, and renames it.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// Like [`write_atomically`], with content that `write` writes to the file.
///
/// # Errors
/// When the folder cannot be written, or as `write`.
pub fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> Result<(), StoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    remove_abandoned_files(parent)?;
    let lease = Lease::new(parent, TEMPORARY_PREFIX)?;
    let (mut file, temporary) = fs_err::File::create_new(lease.path())?.into_parts();
    write(&mut file).and_then(|()| file.sync_all()).map_err(|error| with_path(path, &error))?;
    fs_err::rename(temporary, path)?;
    sync_dir(parent)
}

/// Removes the temporary files that killed processes left in a folder.
///
/// # Errors
/// When the folder cannot be listed.
pub fn remove_abandoned_files(dir: &Path) -> Result<(), StoreError> {
    lease::sweep(dir, TEMPORARY_PREFIX).map(|_| ())
}

/// Makes a rename inside `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    fs_err::File::open(dir)?.sync_all()?;
    Ok(())
}
