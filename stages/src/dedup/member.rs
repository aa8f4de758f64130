//! One document of a cluster, and the order in which the documents of a cluster are kept.
//!
//! Invariant: the order depends only on the documents and the settings, and documents that are equal in it have
//! the same id and text.

use std::cmp::{Ordering, Reverse};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use corpusmill_pipeline::StageError;
use corpusmill_pipeline::document::{optional_text, text_column};

use super::signature::estimate_jaccard;

/// A document of a cluster, as its signature describes it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Whether it belongs to an earlier corpus.
    pub(super) earlier: bool,
    /// Position of its source in the list of preferred sources.
    pub(super) rank: usize,
    /// The column that `keep` names; the highest is kept.
    pub(super) priority: Option<f64>,
    /// Where it comes from, if that decides.
    pub(super) origin: Option<String>,
    /// Bytes of its text.
    pub(super) length: u32,
    pub(super) id: String,
    pub(super) exact_digest: [u8; 16],
    bands: Option<Vec<u8>>,
    minhash: Option<Vec<u16>>,
}

impl Member {
    /// Reads one row of signatures.
    ///
    /// # Errors
    /// If a column is missing.
    pub(super) fn read(batch: &RecordBatch, row: usize, prefer: &[String], earlier: bool) -> Result<Self, StageError> {
        let source = text_column(batch, "source")?.value(row);
        let rank = prefer.iter().position(|name| name == source).unwrap_or(prefer.len());
        let bytes = |name: &str| batch.column_by_name(name).map(AsArray::as_fixed_size_binary);
        let valid = |name: &str| bytes(name).filter(|column| column.is_valid(row)).map(|column| column.value(row));
        let mut exact_digest = [0; 16];
        if let Some(value) = valid("exact_digest") {
            exact_digest.copy_from_slice(value);
        }
        let lanes = |bytes: &[u8]| bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let priority = batch.column_by_name("priority").map(AsArray::as_primitive::<Float64Type>);
        Ok(Self {
            earlier,
            rank,
            priority: priority.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
            origin: optional_text(batch, "origin", row).map(str::to_owned),
            length: batch.column_by_name("length").map_or(0, |column| column.as_primitive::<UInt32Type>().value(row)),
            id: text_column(batch, "id")?.value(row).to_owned(),
            exact_digest,
            bands: valid("bands").map(<[u8]>::to_vec),
            minhash: valid("minhash").map(lanes),
        })
    }

    /// The document that is kept is the smallest of its cluster: of an earlier corpus, of the preferred source, as `keep`
    /// says, the longest text, the smallest id.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let unknown = |member: &Self| member.priority.is_none();
        other
            .earlier
            .cmp(&self.earlier)
            .then(self.rank.cmp(&other.rank))
            .then(unknown(self).cmp(&unknown(other)))
            .then_with(|| match (self.priority, other.priority) {
                (Some(a), Some(b)) => b.total_cmp(&a),
                _ => Ordering::Equal,
            })
            .then_with(|| match (&self.origin, &other.origin) {
                (Some(a), Some(b)) => natural_cmp(a, b),
                (a, b) => a.cmp(b),
            })
            .then_with(|| Reverse(self.length).cmp(&Reverse(other.length)))
            .then_with(|| self.id.cmp(&other.id))
            .then_with(|| self.exact_digest.cmp(&other.exact_digest))
    }

    /// Whether both have the same text.
    pub(super) fn is_exact(&self, other: &Self) -> bool {
        self.exact_digest == other.exact_digest
    }

    /// Whether the signatures have a band in common.
    pub(super) fn shares_band(&self, other: &Self) -> bool {
        match (&self.bands, &other.bands) {
            (Some(a), Some(b)) => a.chunks_exact(8).zip(b.chunks_exact(8)).any(|(a, b)| a == b),
            _ => false,
        }
    }

    /// 1 for equal texts, otherwise the Jaccard similarity that the signatures estimate.
    pub(super) fn estimate(&self, other: &Self) -> f64 {
        match (&self.minhash, &other.minhash) {
            _ if self.is_exact(other) => 1.0,
            (Some(a), Some(b)) => estimate_jaccard(a, b),
            _ => 0.0,
        }
    }
}

/// Compares texts with their numbers by value: `b.jsonl#9` is before `b.jsonl#10`. Texts that differ only in leading
/// zeros are compared by bytes.
fn natural_cmp(a: &str, b: &str) -> Ordering {
    /// The digits at the start without leading zeros, and the rest.
    fn number(text: &str) -> (&str, &str) {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        (digits.trim_start_matches('0'), rest)
    }
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((x, after_x), (y, after_y)) = (number(left), number(right));
            match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                Ordering::Equal => (left, right) = (after_x, after_y),
                other => return other,
            }
        } else if x == y {
            (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_compared_by_value() {
        let sorted = ["", "a", "a#9", "a#10", "a#010", "a#10b", "a#11", "a10/2", "b", "é"];
        let mut texts = sorted;
        texts.reverse();
        texts.sort_by(|a, b| natural_cmp(a, b));
        // "a#010" and "a#10" differ in bytes only.
        assert_eq!(texts, ["", "a", "a#9", "a#010", "a#10", "a#10b", "a#11", "a10/2", "b", "é"]);
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in prop::collection::vec("[a0-2#]{0,5}", 3)) {
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
            prop_assert_eq!(natural_cmp(a, b), natural_cmp(b, a).reverse());
            prop_assert_eq!(natural_cmp(a, b) == Ordering::Equal, a == b);
            if natural_cmp(a, b).is_le() && natural_cmp(b, c).is_le() {
                prop_assert!(natural_cmp(a, c).is_le());
            }
        }
    }
}
