//! Seeded permutations, by a rule that other languages can reproduce.
//!
//! A key is xxh3-64 of fields of fixed width and the source's name; it seeds [`SplitMix64`], whose draws drive the
//! Fisher–Yates shuffle from the last index down, bounded without bias.
//!
//! Invariant: the result depends on the key and the length only; the rule is part of the shard
//! format and changes with its version.

use xxhash_rust::xxh3::xxh3_64;

use crate::random::SplitMix64;

/// What a permutation is for; the byte is part of the key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The order of a source's row groups in one epoch.
    RowGroups = 1,
    /// The order of the documents of one row group in one epoch.
    Documents = 2,
}

/// The key of one permutation: xxh3-64 over purpose (1 byte), seed, epoch, group (8 bytes each, little-endian), source
/// name (UTF-8).
pub(super) fn permutation_seed(purpose: Purpose, seed: u64, epoch: u64, group: u64, source: &str) -> u64 {
    let mut bytes = Vec::with_capacity(25 + source.len());
    bytes.push(purpose as u8);
    for number in [seed, epoch, group] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(source.as_bytes());
    xxh3_64(&bytes)
}

/// The numbers 0..length in an order determined by `key`.
pub(super) fn permutation(key: u64, length: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..length).collect();
    let mut random = SplitMix64::new(key);
    for last in (1..order.len()).rev() {
        let other = random.below(last as u64 + 1);
        order.swap(last, usize::try_from(other).unwrap_or(last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{Purpose, permutation, permutation_seed};
    use proptest::prelude::*;

    #[test]
    fn every_place_is_equally_likely() {
        // 24,000 shuffles of 4: each of 24 orders 1,000 times; chi-squared with 23 degrees of
        // freedom stays below 49.7 at p = 0.001.
        let mut seen = std::collections::BTreeMap::<Vec<u32>, f64>::new();
        for seed in 0..24_000 {
            *seen.entry(permutation(permutation_seed(Purpose::Documents, seed, 0, 0, "s"), 4)).or_default() += 1.0;
        }
        let chi: f64 = seen.values().map(|count| (count - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(seen.len(), 24);
        assert!(chi < 49.7, "{chi}");
    }

    #[test]
    fn every_field_of_the_key_matters() {
        let keys = [
            permutation_seed(Purpose::Documents, 0, 0, 0, "s"),
            permutation_seed(Purpose::RowGroups, 0, 0, 0, "s"),
            permutation_seed(Purpose::Documents, 1, 0, 0, "s"),
            permutation_seed(Purpose::Documents, 0, 1, 0, "s"),
            permutation_seed(Purpose::Documents, 0, 0, 1, "s"),
            permutation_seed(Purpose::Documents, 0, 0, 0, "t"),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    proptest! {
        #[test]
        fn each_number_comes_once(key: u64, length in 0u32..3000) {
            let mut order = permutation(key, length);
            prop_assert_eq!(&order, &permutation(key, length));
            order.sort_unstable();
            prop_assert_eq!(order, (0..length).collect::<Vec<_>>());
        }
    }
}
