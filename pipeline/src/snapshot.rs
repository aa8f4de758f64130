//! Snapshots: what was acquired from outside, immutable and pinned by digest.
//!
//! Acquisition depends on the web, a clock and a file system; stages do not. A snapshot is the border: a sorted table
//! of items with the digest of each payload, and where those bytes lie now. Its identity covers origin, status and
//! payload digest, never a path, a time or a port.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::write_atomically;
use crate::{Digest, StoreError};

/// One file, page or part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Logical address: URL, relative path, `crate:name-version`.
    pub origin: String,
    /// HTTP status, or 0 for a file.
    pub status: u16,
    /// Digest of the whole payload.
    pub digest: Digest,
    /// Where the bytes lie now; not part of the identity.
    pub location: Location,
    /// Media type and character set as declared, licence, and what else the acquirer knows; part of the identity.
    pub facts: BTreeMap<String, String>,
}

/// Where an item's bytes lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Location {
    /// A whole file.
    File {
        /// Its path.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// Its modification time when it was pinned, in nanoseconds since 1970: who reads it later checks it.
        modified: u64,
    },
    /// A record of a WARC file. Its place depends on when it was fetched, so it is no part of the identity.
    Record {
        /// The file's path.
        path: PathBuf,
        /// Size of the whole file in bytes.
        size: u64,
        /// First byte of the record.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// A byte range of a line-oriented file, or row groups of a Parquet file: bounds that are fixed, so they are part
    /// of the identity.
    Range {
        /// The file's path.
        path: PathBuf,
        /// Size of the whole file in bytes.
        size: u64,
        /// As for a whole file.
        modified: u64,
        /// First byte or row group.
        start: u64,
        /// One past the last.
        end: u64,
    },
}

impl Location {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::Record { path, .. } | Self::Range { path, .. } => path,
        }
    }

    /// The bounds that are part of the identity: those of a [`Location::Range`].
    pub fn bounds(&self) -> Option<(u64, u64)> {
        match self {
            Self::Range { start, end, .. } => Some((*start, *end)),
            Self::File { .. } | Self::Record { .. } => None,
        }
    }

    /// Size and modification time that the file had when it was pinned; a WARC file grows while a crawl goes on.
    pub fn stamp(&self) -> Option<(u64, u64)> {
        match self {
            Self::File { size, modified, .. } | Self::Range { size, modified, .. } => Some((*size, *modified)),
            Self::Record { .. } => None,
        }
    }

    /// Size of the whole file in bytes.
    pub fn file_size(&self) -> u64 {
        match self {
            Self::File { size, .. } | Self::Record { size, .. } | Self::Range { size, .. } => *size,
        }
    }
}

/// Something that was seen while acquiring and not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Logical address.
    pub origin: String,
    /// The rule, in kebab-case.
    pub rule: String,
    /// What was measured.
    pub value: f64,
    /// The bound that it crossed.
    pub threshold: f64,
    /// More for the reader.
    pub detail: Option<String>,
}

/// An immutable acquired input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Which of several ways the input was got, where a source has such (`toolchain`, `generated`).
    pub variant: Option<String>,
    /// Sorted by origin and range.
    pub items: Vec<Item>,
    /// Sorted by origin.
    pub refused: Vec<Refused>,
}

impl Snapshot {
    /// Brings items into their canonical order.
    pub fn sort(&mut self) {
        let key = |item: &Item| item.location.bounds().unwrap_or_default();
        self.items.sort_by(|a, b| a.origin.cmp(&b.origin).then_with(|| key(a).cmp(&key(b))));
        self.refused.sort_by(|a, b| a.origin.cmp(&b.origin).then_with(|| a.rule.cmp(&b.rule)));
    }

    /// The identity: origins, statuses, payload digests, ranges and facts, in order.
    pub fn digest(&self) -> Digest {
        digest_of(self.variant.as_deref(), &self.items, &self.refused)
    }

    /// The items and refusals of one of `partitions` partitions: by a hash of the origin (and of the range), so that
    /// one new file changes few partitions.
    pub fn partition(&self, partition: u32, partitions: u32) -> (Vec<&Item>, Vec<&Refused>) {
        let place = |origin: &str, start: u64| {
            let mut bytes = origin.as_bytes().to_vec();
            bytes.extend_from_slice(&start.to_le_bytes());
            xxh3_64(&bytes) % u64::from(partitions.max(1)) == u64::from(partition)
        };
        let start = |item: &Item| item.location.bounds().map_or(0, |(start, _)| start);
        let items = self.items.iter().filter(|item| place(&item.origin, start(item))).collect();
        let refused = self.refused.iter().filter(|refused| place(&refused.origin, 0)).collect();
        (items, refused)
    }

    /// Total bytes of the files.
    pub fn bytes(&self) -> u64 {
        self.items
            .iter()
            .map(|item| match item.location {
                Location::File { size, .. } | Location::Range { start: 0, size, .. } => size,
                Location::Range { .. } => 0,
                Location::Record { start, end, .. } => end - start,
            })
            .sum()
    }

    /// Reads a snapshot file.
    ///
    /// # Errors
    /// When it is missing or not a snapshot.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = fs_err::read(path)?;
        serde_json::from_slice(&bytes).map_err(|error| crate::store::named(path, &error.into()))
    }

    /// Writes a snapshot file atomically.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).map_err(|error| crate::store::named(path, &error.into()))?;
        write_atomically(path, &bytes)
    }
}

/// The digest of some items: of a whole snapshot, or of one partition.
pub fn digest_of<'a>(
    variant: Option<&str>,
    items: impl IntoIterator<Item = &'a Item>,
    refused: impl IntoIterator<Item = &'a Refused>,
) -> Digest {
    let mut lines = vec![format!("corpusmill-snapshot-1 {}", variant.unwrap_or("-"))];
    for item in items {
        let range = item.location.bounds().map_or_else(String::new, |(start, end)| format!("{start}-{end}"));
        lines.push(format!("{}\t{}\t{}\t{range}\t{:?}", item.origin, item.status, item.digest, item.facts));
    }
    for refused in refused {
        lines.push(format!("refused\t{}\t{}\t{}\t{}", refused.origin, refused.rule, refused.value, refused.threshold));
    }
    Digest::of_parts(lines.iter().map(String::as_bytes))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn item(origin: &str, path: &str) -> Item {
        Item {
            origin: origin.to_owned(),
            status: 200,
            digest: Digest::of(origin.as_bytes()),
            location: Location::File { path: path.into(), size: 3, modified: 7 },
            facts: BTreeMap::new(),
        }
    }

    #[test]
    fn identity_ignores_where_bytes_lie() {
        let one = Snapshot { items: vec![item("a", "/x")], ..Snapshot::default() };
        let two = Snapshot { items: vec![item("a", "/y")], ..Snapshot::default() };
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), Snapshot { items: vec![item("b", "/x")], ..Snapshot::default() }.digest());
        let record = |start| {
            let location = Location::Record { path: "/w".into(), size: 90, start, end: start + 9 };
            Snapshot { items: vec![Item { location, ..item("a", "/x") }], ..Snapshot::default() }
        };
        assert_eq!(record(0).digest(), record(9).digest(), "the order of fetching is no part of the identity");
    }

    #[test]
    fn a_new_item_changes_one_partition() {
        let items: Vec<Item> = (0..200).map(|n| item(&format!("file-{n}"), "/x")).collect();
        let old = Snapshot { items: items.clone(), ..Snapshot::default() };
        let mut new = Snapshot { items, ..Snapshot::default() };
        new.items.push(item("another", "/x"));
        new.sort();
        let digest = |s: &Snapshot, p| digest_of(None, s.partition(p, 16).0, []);
        let mut old = old;
        old.sort();
        assert_eq!((0..16).filter(|&p| digest(&old, p) != digest(&new, p)).count(), 1);
        assert_eq!((0..16).map(|p| new.partition(p, 16).0.len()).sum::<usize>(), 201);
    }
}
