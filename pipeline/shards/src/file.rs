//! A file that is published whole or not at all.
//!
//! Invariant: a file exists under its own name only after its bytes are on disk: it is written as `.NAME.partial` in
//! the same folder, synced and renamed, and the folder is synced so that the name survives a power failure.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3Default;

use super::ShardError;

/// A file being written under a temporary name; if dropped before [`AtomicFile::publish`], it is deleted.
pub(super) struct AtomicFile {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<fs_err::File>,
    hasher: blake3::Hasher,
    bytes: u64,
    section: Xxh3Default,
    section_bytes: u64,
    published: bool,
}

impl AtomicFile {
    /// Opens the partial file for `path`, overwrites one left by a killed run, and creates the folder if needed.
    pub(super) fn create(path: &Path) -> Result<Self, ShardError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = path.with_file_name(format!(".{name}.partial"));
        let folder = folder(path);
        fs_err::create_dir_all(folder).map_err(ShardError::io(folder))?;
        let file = fs_err::File::create(&partial).map_err(ShardError::io(&partial))?;
        Ok(Self {
            path: path.to_path_buf(),
            partial,
            file: BufWriter::with_capacity(1 << 16, file),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            section: Xxh3Default::new(),
            section_bytes: 0,
            published: false,
        })
    }

    /// Size and checksum of what was written since the last call, or since the beginning.
    pub(super) fn end_section(&mut self) -> (u64, String) {
        let checksum = format!("{:016x}", self.section.digest());
        self.section.reset();
        (std::mem::take(&mut self.section_bytes), checksum)
    }

    /// Syncs and renames the file; returns its size in bytes and its BLAKE3 digest in hex.
    pub(super) fn publish(mut self) -> Result<(u64, String), ShardError> {
        self.file.flush().map_err(ShardError::io(&self.partial))?;
        self.file.get_ref().sync_all().map_err(ShardError::io(&self.partial))?;
        fs_err::rename(&self.partial, &self.path).map_err(ShardError::io(&self.path))?;
        self.published = true;
        // Folders can be opened and synced on Unix only.
        #[cfg(unix)]
        {
            let folder = folder(&self.path);
            fs_err::File::open(folder).and_then(|folder| folder.sync_all()).map_err(ShardError::io(folder))?;
        }
        Ok((self.bytes, self.hasher.finalize().to_hex().to_string()))
    }
}

/// The folder that contains `path`; an empty parent is the current folder.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.section.update(&bytes[..written]);
        self.bytes += written as u64;
        self.section_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs_err::remove_file(&self.partial)
        {
            tracing::debug!(%error, "cannot delete a partial file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AtomicFile, Write};

    #[test]
    fn nothing_is_visible_before_publishing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn size_and_digest_are_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs_err::write(folder.path().join(".file.partial"), "left by a killed run").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        let (bytes, digest) = file.publish().unwrap();
        assert_eq!((bytes, digest), (5, blake3::hash(b"whole").to_hex().to_string()));
        assert_eq!(fs_err::read(&path).unwrap(), b"whole");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unwritable_path_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("file"), "").unwrap();
        let result = AtomicFile::create(&folder.path().join("file/beneath"));
        let error = result.err().expect("a file is not a folder");
        assert!(error.to_string().contains("file"), "{error}");
    }
}
