//! The lock beside a recipe: which snapshot each source stands on.
//!
//! Read before anything is acquired, and written when a source was taken anew.
//!
//! Invariant: a lock that says the same is not written again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::write_atomically;
use crate::{Digest, StoreError};

/// `RECIPE.lock`: which snapshot each source of a recipe stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// By source.
    pub sources: BTreeMap<String, Pinned>,
}

/// A pinned snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// The snapshot's digest.
    pub snapshot: Digest,
    /// See [`Snapshot::variant`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// See [`Snapshot::revisions`](super::Snapshot::revisions).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<String, String>,
    /// How many items it has.
    pub items: u64,
    /// Digest of the acquisition's settings: other settings need another snapshot.
    pub settings: Digest,
}

impl Lock {
    /// Reads a lock; a missing file is an empty lock.
    ///
    /// # Errors
    /// When it cannot be read or is not a lock.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        match fs_err::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| crate::store::named(path, &error.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the lock atomically, when it differs from what is there.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        if Self::read(path).is_ok_and(|old| old == *self) && path.exists() {
            return Ok(());
        }
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| crate::store::named(path, &error.into()))?;
        bytes.push(b'\n');
        write_atomically(path, &bytes)
    }
}
