//! Snapshots: acquired inputs, immutable and pinned by digest.
//!
//! Acquisition depends on the web, a clock and a file system; stages do not. A snapshot separates the two: it is a
//! sorted list of items with the digest of each payload and the current location of its bytes.
//!
//! Invariant: the identity covers origin, status and payload digest, never a path, a time or a port.
//!
//! Memory: one entry per item. Items of one file share its path, and items with equal metadata share them; see
//! [`Interner`].

mod identity;
mod interner;
mod item;
mod lockfile;
mod shared;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use self::identity::Identity;
pub use self::interner::Interner;
pub use self::item::{Item, ItemMetadata, Location, RejectedItem};
pub use self::lockfile::{Lockfile, PinnedSnapshot};
use crate::sealed::{self, SealedError};
use crate::{Digest, StoreError};

/// An immutable acquired input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// How the input was obtained, if the source has several ways (`toolchain`, `generated`).
    pub variant: Option<String>,
    /// Resolved revisions of names that move, such as the commit of a branch of a dataset. Kept in the lockfile, so
    /// that other machines fetch the same revision; not part of the identity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<String, String>,
    /// Sorted by origin and range.
    #[serde(deserialize_with = "interner::items")]
    pub items: Vec<Item>,
    /// Sorted by origin.
    #[serde(alias = "refused")]
    pub rejected: Vec<RejectedItem>,
}

impl Snapshot {
    /// Sorts items and rejections into their canonical order.
    pub fn sort(&mut self) {
        let key = |item: &Item| item.location.bounds().unwrap_or_default();
        self.items.sort_by(|a, b| a.origin.cmp(&b.origin).then_with(|| key(a).cmp(&key(b))));
        self.rejected.sort_by(|a, b| a.origin.cmp(&b.origin).then_with(|| a.rejection.rule.cmp(&b.rejection.rule)));
    }

    /// The identity: origins, statuses, payload digests, ranges and metadata, in order.
    pub fn digest(&self) -> Digest {
        let mut identity = Identity::new(self.variant.as_deref());
        self.items.iter().for_each(|item| identity.item(item));
        self.rejected.iter().for_each(|rejected| identity.rejected(rejected));
        identity.digest()
    }

    /// The identities of the items and rejections of each of `partitions` partitions, in one pass.
    pub fn partition_digests(&self, partitions: u32) -> Vec<Digest> {
        let mut identities: Vec<Identity> = (0..partitions).map(|_| Identity::new(self.variant.as_deref())).collect();
        for item in &self.items {
            if let Some(identity) = identities.get_mut(partition_of_item(item, partitions) as usize) {
                identity.item(item);
            }
        }
        for rejected in &self.rejected {
            if let Some(identity) = identities.get_mut(partition_of(&rejected.origin, 0, partitions) as usize) {
                identity.rejected(rejected);
            }
        }
        identities.into_iter().map(Identity::digest).collect()
    }

    /// The items and rejections of one of `partitions` partitions, assigned by a hash of the origin (and of the range),
    /// so that one new file changes few partitions.
    pub fn partition(&self, partition: u32, partitions: u32) -> (Vec<&Item>, Vec<&RejectedItem>) {
        let items = self.items.iter().filter(|item| partition_of_item(item, partitions) == partition).collect();
        let here = |rejected: &&RejectedItem| partition_of(&rejected.origin, 0, partitions) == partition;
        (items, self.rejected.iter().filter(here).collect())
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
    /// When it is missing, or is not what was written.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        sealed::read(path).map_err(|error| match error {
            SealedError::Io(error) => error.into(),
            SealedError::Damaged(problem) => {
                let hint = "run the recipe, which acquires the source again";
                StoreError::Damaged { path: path.to_owned(), problem, hint }
            }
        })
    }

    /// Writes a snapshot file atomically.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        sealed::write(path, self)
    }
}

/// The partition of an item.
fn partition_of_item(item: &Item, partitions: u32) -> u32 {
    partition_of(&item.origin, item.location.bounds().map_or(0, |(start, _)| start), partitions)
}

/// XXH3-64 of origin and start (u64, little-endian), modulo the number of partitions.
fn partition_of(origin: &str, start: u64, partitions: u32) -> u32 {
    let mut hasher = Xxh3Default::new();
    hasher.update(origin.as_bytes());
    hasher.update(&start.to_le_bytes());
    u32::try_from(hasher.digest() % u64::from(partitions.max(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(origin: &str, path: &str) -> Item {
        Item {
            origin: origin.to_owned(),
            status: 200,
            digest: Digest::of(origin.as_bytes()),
            location: Location::File { path: Path::new(path).into(), size: 3, modified: 7 },
            metadata: ItemMetadata::default(),
        }
    }

    #[test]
    fn identity_ignores_location() {
        let one = Snapshot { items: vec![item("a", "/x")], ..Snapshot::default() };
        let two = Snapshot { items: vec![item("a", "/y")], ..Snapshot::default() };
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), Snapshot { items: vec![item("b", "/x")], ..Snapshot::default() }.digest());
        let record = |start| {
            let location = Location::Record { path: Path::new("/w").into(), size: 90, start, end: start + 9 };
            Snapshot { items: vec![Item { location, ..item("a", "/x") }], ..Snapshot::default() }
        };
        assert_eq!(record(0).digest(), record(9).digest(), "the order of fetching is not part of the identity");
    }

    #[test]
    fn a_new_item_changes_one_partition() {
        let items: Vec<Item> = (0..200).map(|n| item(&format!("file-{n}"), "/x")).collect();
        let old = Snapshot { items: items.clone(), ..Snapshot::default() };
        let mut new = Snapshot { items, ..Snapshot::default() };
        new.items.push(item("another", "/x"));
        new.sort();
        let mut old = old;
        old.sort();
        let (before, after) = (old.partition_digests(16), new.partition_digests(16));
        assert_eq!(before.iter().zip(&after).filter(|(before, after)| before != after).count(), 1);
        assert_eq!((0..16).map(|p| new.partition(p, 16).0.len()).sum::<usize>(), 201);
    }
}
