//! The source `crates`: the packages of a Cargo.lock, from Cargo's cache.
//!
//! Invariant: every archive has the SHA-256 that Cargo.lock states, checked before its first byte is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corpusmill_pipeline::StageError;
use corpusmill_pipeline::snapshot::{Item, ItemMetadata, Location, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AcquireContext, reader_error};
use crate::workspace::FileDigests;
use corpusmill_readers::code::{CodeSettings, CrateFile, CrateList};

/// Settings of the source `crates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Crates {
    /// Path of the Cargo.lock, relative to the working directory.
    pub lock: PathBuf,
    /// Cargo home folder, which holds the package cache; the environment variable `CARGO_HOME` or ~/.cargo by default.
    pub cargo_home: Option<PathBuf>,
    /// Names of the packages to read; all packages if empty.
    pub packages: Vec<String>,
    /// Rules for source trees: which part is read (`split-by-media`), and which files are vendored, generated, minified
    /// or data.
    pub code: CodeSettings,
}

impl Default for Crates {
    fn default() -> Self {
        Self { lock: "Cargo.lock".into(), cargo_home: None, packages: Vec::new(), code: CodeSettings::default() }
    }
}

impl Crates {
    /// Finds the archives and checks each against Cargo.lock.
    ///
    /// # Errors
    /// If Cargo.lock cannot be read, an archive is missing, or a digest differs.
    pub fn acquire(&self, context: &AcquireContext) -> Result<Snapshot, StageError> {
        let lock = context.base.join(&self.lock);
        let list = CrateList::from_lock(&lock, self.cargo_home.as_deref()).map_err(reader_error)?;
        let mut digests = FileDigests::open(&context.workspace);
        let mut snapshot = Snapshot::default();
        let chosen = |file: &&CrateFile| self.packages.is_empty() || self.packages.contains(&file.name);
        for file in list.crates.iter().filter(chosen) {
            let (digest, size, modified) = digests.digest(&file.path)?;
            if !digests.has_sha256(&file.path, &file.sha256) {
                file.verify().map_err(reader_error)?;
                digests.insert_sha256(&file.path, &file.sha256);
            }
            let metadata = ItemMetadata::new(BTreeMap::from([
                ("name".to_owned(), file.name.clone()),
                ("version".to_owned(), file.version.clone()),
                ("sha256".to_owned(), file.sha256.clone()),
            ]));
            let location = Location::File { path: fs_err::canonicalize(&file.path)?.into(), size, modified };
            snapshot.items.push(Item {
                origin: format!("crate:{}", file.folder()),
                status: 0,
                digest,
                location,
                metadata,
            });
        }
        digests.save()?;
        if let Some(missing) = self.packages.iter().find(|name| !list.crates.iter().any(|file| file.name == **name)) {
            let lock = lock.display();
            return Err(StageError::settings(format!("crates: the package `{missing}` is not in {lock}")));
        }
        snapshot.sort();
        Ok(snapshot)
    }
}

/// The archive of a snapshot item.
pub(crate) fn crate_file(item: &Item) -> CrateFile {
    let fact = |name: &str| item.metadata.get(name).cloned().unwrap_or_default();
    CrateFile {
        name: fact("name"),
        version: fact("version"),
        path: item.location.path().to_owned(),
        sha256: fact("sha256"),
    }
}
