//! Shares equal paths and metadata between items.
//!
//! A crawl has tens of thousands of pages in a few WARC files, and a handful of media types and character sets. Each
//! item points to its file's path and to its metadata; [`Interner`] makes equal ones the same allocation.
//!
//! Invariant: sharing changes no value and no byte of a snapshot file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};

use super::item::{Item, ItemMetadata, Location};

/// The paths and metadata seen so far.
#[derive(Debug, Default)]
pub struct Interner {
    paths: BTreeSet<Arc<Path>>,
    metadata: BTreeSet<ItemMetadata>,
}

impl Interner {
    /// The path, shared with all equal ones.
    pub fn path(&mut self, path: Arc<Path>) -> Arc<Path> {
        intern(&mut self.paths, path)
    }

    /// The metadata, shared with all equal ones.
    pub fn metadata(&mut self, metadata: ItemMetadata) -> ItemMetadata {
        intern(&mut self.metadata, metadata)
    }

    fn item(&mut self, mut item: Item) -> Item {
        item.metadata = self.metadata(item.metadata);
        let (Location::File { path, .. } | Location::Record { path, .. } | Location::Range { path, .. }) =
            &mut item.location;
        *path = self.path(Arc::clone(path));
        item
    }
}

fn intern<T: ?Sized + Ord>(seen: &mut BTreeSet<Arc<T>>, value: Arc<T>) -> Arc<T> {
    if let Some(known) = seen.get(&*value) {
        return Arc::clone(known);
    }
    seen.insert(Arc::clone(&value));
    value
}

/// Reads items one by one, each sharing equal paths and metadata with the earlier ones.
pub(super) fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    struct Items;

    impl<'de> Visitor<'de> for Items {
        type Value = Vec<Item>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<Item>, A::Error> {
            let (mut interner, mut items) = (Interner::default(), Vec::new());
            while let Some(item) = sequence.next_element()? {
                items.push(interner.item(item));
            }
            items.shrink_to_fit();
            Ok(items)
        }
    }

    deserializer.deserialize_seq(Items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;
    use crate::snapshot::Snapshot;

    #[test]
    fn read_items_share_paths_and_facts() {
        let item = |number: u64| Item {
            origin: format!("https://e.org/{number}"),
            status: 200,
            digest: Digest::of(&number.to_le_bytes()),
            location: Location::Record { path: Path::new("/a/b.warc.gz").into(), size: 99, start: number, end: 50 },
            metadata: ItemMetadata::new([("media-type".to_owned(), "text/html".to_owned())].into()),
        };
        let snapshot = Snapshot { items: (0..3).map(item).collect(), ..Snapshot::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot.json");
        snapshot.write(&path).unwrap();
        let read = Snapshot::read(&path).unwrap();
        assert_eq!(read, snapshot);
        let pointers = |snapshot: &Snapshot| {
            let both =
                |item: &Item| (Arc::as_ptr(&item.metadata), std::ptr::from_ref(item.location.path().as_os_str()));
            snapshot.items.iter().map(both).collect::<BTreeSet<_>>().len()
        };
        assert_eq!((pointers(&snapshot), pointers(&read)), (3, 1));
        let json: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        assert_eq!(json["items"][0]["location"]["record"]["path"], "/a/b.warc.gz");
        assert_eq!(json["items"][0]["metadata"]["media-type"], "text/html");
    }
}
