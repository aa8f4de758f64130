//! Temporary files and folders with a lease: what a killed process leaves behind is known as such, and the next one
//! removes it.
//!
//! Beside the entry `NAME` lies `NAME.lease`, which its process keeps locked (`flock`) as long as it uses the entry. The
//! operating system releases the lock when the process ends, however it ends.
//!
//! Invariant: an entry whose lease is locked is never removed by another process.

use std::io;
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};

use crate::StoreError;
use crate::error::with_path;

const SUFFIX: &str = "lease";

/// The right to use one temporary entry; dropping it removes the entry, if it is still there.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    lock_path: PathBuf,
    _locked: File,
}

impl Lease {
    /// Takes a lease on a new name in `parent`: `prefix` and random letters. The entry itself is made by the caller.
    ///
    /// # Errors
    /// If the folder cannot be written or does not support locks.
    pub fn new(parent: &Path, prefix: &str) -> Result<Self, StoreError> {
        loop {
            let suffix = format!(".{SUFFIX}");
            let mut builder = tempfile::Builder::new();
            builder.prefix(prefix).suffix(&suffix);
            // Another user of a shared folder may sweep, too.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let named = builder.tempfile_in(parent).map_err(|error| with_path(parent, &error))?;
            let (_, lease) = named.keep().map_err(|error| with_path(parent, &error.error))?;
            let file = OpenOptions::new().write(true).open(&lease);
            let file = match file {
                Ok(file) => file,
                // A sweep of another process took the lease for an abandoned one before it was locked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            match file.file().try_lock() {
                Ok(()) if lease.exists() => {
                    let path = lease.with_extension("");
                    return Ok(Self { path, lock_path: lease, _locked: file });
                }
                Ok(()) | Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => return Err(with_path(&lease, &error)),
            }
        }
    }

    /// Takes a lease on a new, empty folder.
    ///
    /// # Errors
    /// As [`Lease::new`].
    pub fn dir(parent: &Path, prefix: &str) -> Result<Self, StoreError> {
        let lease = Self::new(parent, prefix)?;
        fs_err::create_dir(lease.path())?;
        Ok(lease)
    }

    /// The path of the entry.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The entry first: as long as it exists, its lease does.
        if remove(&self.path).is_ok() {
            let _ = fs_err::remove_file(&self.lock_path);
        }
    }
}

/// Removes the entries of `parent` that begin with `prefix` and whose process has ended. Returns how many. What may not
/// be removed, as in a folder of another user, stays.
///
/// # Errors
/// If the folder cannot be listed, or does not support locks.
pub fn sweep(parent: &Path, prefix: &str) -> Result<usize, StoreError> {
    let entries = match fs_err::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let mut removed = 0;
    for entry in entries {
        let lease = entry?.path();
        let name = lease.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with(prefix) || lease.extension().is_none_or(|extension| extension != SUFFIX) {
            continue;
        }
        // If not: its process has just ended, another process sweeps, too, or it belongs to another user.
        let Ok(file) = OpenOptions::new().write(true).open(&lease) else { continue };
        match file.file().try_lock() {
            Ok(()) => {
                if remove(&lease.with_extension("")).is_ok() && fs_err::remove_file(&lease).is_ok() {
                    removed += 1;
                }
            }
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(error)) => return Err(with_path(&lease, &error)),
        }
    }
    Ok(removed)
}

/// Removes a file or a folder; a missing one is no error.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs_err::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs_err::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_abandoned_entries_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lease::new(dir.path(), "part-").unwrap();
        fs_err::create_dir(held.path()).unwrap();
        fs_err::write(held.path().join("data"), "x").unwrap();
        // As after SIGKILL: the files are there, the lock is not.
        for (name, is_dir) in [("part-a", true), ("part-b", false), ("other-c", true)] {
            fs_err::write(dir.path().join(format!("{name}.lease")), "").unwrap();
            if is_dir {
                fs_err::create_dir_all(dir.path().join(name).join("inner")).unwrap();
            } else {
                fs_err::write(dir.path().join(name), "").unwrap();
            }
        }
        fs_err::write(dir.path().join("part-user-file"), "").unwrap();
        assert_eq!(sweep(dir.path(), "part-").unwrap(), 2);
        assert_eq!(sweep(dir.path(), "part-").unwrap(), 0);
        assert!(held.path().join("data").exists());
        drop(held);
        assert_eq!(names(dir.path()), ["other-c", "other-c.lease", "part-user-file"]);
        assert_eq!(sweep(&dir.path().join("absent"), "part-").unwrap(), 0);
    }

    #[test]
    fn many_leases_and_sweeps_at_once() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lease = Lease::new(dir.path(), "t-").unwrap();
                        fs_err::create_dir(lease.path()).unwrap();
                        sweep(dir.path(), "t-").unwrap();
                        assert!(lease.path().exists());
                    }
                });
            }
        });
        assert!(names(dir.path()).is_empty());
    }
}
