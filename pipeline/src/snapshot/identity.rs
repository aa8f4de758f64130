//! The identity of a snapshot, or of one partition of it: a digest that is fed item by item.
//!
//! Runs between acquisition, which lists items, and the keys of the stages that read them.
//!
//! Invariant: the byte rules never change without a new first line. They are [`Digest::of_parts`] over the line
//! `corpusmill-snapshot-1 VARIANT` (`-` for none), one line per item, and one line per rejection.

use std::fmt::Write as _;

use super::item::{Item, RejectedItem};
use crate::{Digest, Rejection};

/// An unfinished digest.
pub(super) struct Identity {
    hasher: blake3::Hasher,
    line: String,
}

impl Identity {
    pub(super) fn new(variant: Option<&str>) -> Self {
        let mut identity = Self { hasher: blake3::Hasher::new(), line: String::new() };
        identity.add(format_args!("corpusmill-snapshot-1 {}", variant.unwrap_or("-")));
        identity
    }

    /// Adds an item: origin, status, payload digest, range and metadata.
    pub(super) fn item(&mut self, item: &Item) {
        let Item { origin, status, digest, location, metadata } = item;
        match location.bounds() {
            Some((start, end)) => self.add(format_args!("{origin}\t{status}\t{digest}\t{start}-{end}\t{metadata:?}")),
            None => self.add(format_args!("{origin}\t{status}\t{digest}\t\t{metadata:?}")),
        }
    }

    /// Adds a rejection.
    pub(super) fn rejected(&mut self, rejected: &RejectedItem) {
        let RejectedItem { origin, rejection: Rejection { rule, value, threshold, .. } } = rejected;
        self.add(format_args!("refused\t{origin}\t{rule}\t{value}\t{threshold}"));
    }

    fn add(&mut self, line: std::fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a string does not fail.
        let _ = self.line.write_fmt(line);
        self.hasher.update(&(self.line.len() as u64).to_le_bytes());
        self.hasher.update(self.line.as_bytes());
    }

    pub(super) fn digest(self) -> Digest {
        self.hasher.into()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::snapshot::{Location, Snapshot};

    #[test]
    fn the_byte_rules_hold() {
        let location = Location::Range { path: Path::new("/x").into(), size: 9, modified: 1, start: 2, end: 5 };
        let metadata = Arc::new([("media-type".to_owned(), "text/html".to_owned())].into());
        let digest = Digest::of(b"payload");
        let item = Item { origin: "a".into(), status: 200, digest, location, metadata };
        let rejected = RejectedItem { origin: "b".into(), rejection: Rejection::new("robots", 1.0, 0.5) };
        let snapshot = Snapshot {
            variant: Some("v".into()),
            revisions: [("a@main".to_owned(), "c0ffee".to_owned())].into(),
            items: vec![item],
            rejected: vec![rejected],
        };
        let lines = [
            "corpusmill-snapshot-1 v".to_owned(),
            format!("a\t200\t{digest}\t2-5\t{{\"media-type\": \"text/html\"}}"),
            "refused\tb\trobots\t1\t0.5".to_owned(),
        ];
        assert_eq!(snapshot.digest(), Digest::of_parts(lines.iter().map(String::as_bytes)));
        assert_eq!(snapshot.partition_digests(1), [snapshot.digest()]);
    }
}
