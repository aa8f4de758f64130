//! An output folder that is written to a temporary folder and published by an atomic rename.

use std::path::{Path, PathBuf};

use super::error::CheckpointError;

/// Tokenizer, chat template and generation settings, copied unchanged.
pub(crate) const COMPANION_FILES: [&str; 9] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
];

/// Prefix of the names of unpublished folders, which no other program uses.
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-corpusmill-";

/// An unpublished output folder, in a temporary folder next to its target.
#[derive(Debug)]
pub struct StagedFolder {
    temporary: tempfile::TempDir,
    target: PathBuf,
}

impl StagedFolder {
    /// Starts writing the folder `target`.
    ///
    /// # Errors
    /// If `target` exists and is not empty, or its parent cannot be written.
    pub fn begin(target: &Path) -> Result<Self, CheckpointError> {
        if target.exists() && !(target.is_dir() && fs_err::read_dir(target)?.next().is_none()) {
            return Err(CheckpointError::Exists(target.to_owned()));
        }
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs_err::create_dir_all(parent)?;
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o755));
        }
        let temporary = builder.prefix(TEMPORARY_PREFIX).tempdir_in(parent)?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// The temporary folder, to write files to before publishing.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Copies the tokenizer, chat template and generation settings from `source`; missing files are skipped.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn copy_companions(&self, source: &Path) -> Result<(), CheckpointError> {
        for name in COMPANION_FILES {
            if source.join(name).is_file() {
                fs_err::copy(source.join(name), self.path().join(name))?;
            }
        }
        Ok(())
    }

    /// Syncs every file and renames the folder to its target.
    ///
    /// # Errors
    /// If the folder cannot be synced or renamed; the target does not exist then.
    pub fn publish(self) -> Result<(), CheckpointError> {
        for entry in fs_err::read_dir(self.path())? {
            fs_err::File::open(entry?.path())?.sync_all()?;
        }
        fs_err::File::open(self.path())?.sync_all()?;
        if self.target.exists() {
            fs_err::remove_dir(&self.target)?;
        }
        fs_err::rename(self.path(), &self.target)?;
        // The folder was renamed, so the temporary folder needs no removal.
        let _moved = self.temporary.keep();
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs_err::File::open(parent)?.sync_all()?;
        Ok(())
    }
}
