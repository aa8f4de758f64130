//! A folder that is written aside and becomes visible whole.

use std::path::{Path, PathBuf};

use super::HubError;

/// Files beside the weights that tell how to use a model; they are carried over as they are.
pub(crate) const COMPANIONS: [&str; 9] = [
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

/// A folder under construction beside the place where it will stand.
#[derive(Debug)]
pub struct Folder {
    aside: tempfile::TempDir,
    target: PathBuf,
}

impl Folder {
    /// Begins the folder `target`.
    ///
    /// # Errors
    /// When it exists and is not empty, or its parent cannot be written.
    pub fn begin(target: &Path) -> Result<Self, HubError> {
        if target.exists() && !(target.is_dir() && fs_err::read_dir(target)?.next().is_none()) {
            return Err(HubError::Exists(target.to_owned()));
        }
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs_err::create_dir_all(parent)?;
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o755));
        }
        let aside = builder.prefix(".aside-").tempdir_in(parent)?;
        Ok(Self { aside, target: target.to_owned() })
    }

    /// Where files are written until the folder is published.
    pub fn path(&self) -> &Path {
        self.aside.path()
    }

    /// Copies from `source` the files that tell how to use a model; those that are absent are passed over.
    ///
    /// # Errors
    /// When one cannot be copied.
    pub fn carry_over(&self, source: &Path) -> Result<(), HubError> {
        for name in COMPANIONS {
            if source.join(name).is_file() {
                fs_err::copy(source.join(name), self.path().join(name))?;
            }
        }
        Ok(())
    }

    /// Syncs every file and puts the folder in its place by one rename.
    ///
    /// # Errors
    /// When the folder cannot be synced or renamed; then nothing stands in its place.
    pub fn publish(self) -> Result<(), HubError> {
        for entry in fs_err::read_dir(self.path())? {
            fs_err::File::open(entry?.path())?.sync_all()?;
        }
        fs_err::File::open(self.path())?.sync_all()?;
        if self.target.exists() {
            fs_err::remove_dir(&self.target)?;
        }
        fs_err::rename(self.path(), &self.target)?;
        // The folder moved: there is nothing left to remove.
        let _moved = self.aside.keep();
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs_err::File::open(parent)?.sync_all()?;
        Ok(())
    }
}
