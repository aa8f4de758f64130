//! Seeded permutations, by a rule that other languages can repeat.
//!
//! A key is xxh3-64 of fields of fixed width and the source's name; it seeds `SplitMix64` (Steele, Lea and Flood,
//! "Fast Splittable Pseudorandom Number Generators", 2014), whose draws drive the Fisher–Yates
//! shuffle from the last place down, bounded without bias by Lemire's method ("Fast Random
//! Integer Generation in an Interval", 2019).
//!
//! Invariant: the result depends on the key and the length only; the rule is part of the shard
//! format and changes with its version.

use xxhash_rust::xxh3::xxh3_64;

/// What a permutation is for; the byte enters the key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The order of a source's row groups in one epoch.
    RowGroups = 1,
    /// The order of the documents of one row group in one epoch.
    Documents = 2,
}

/// The key of one permutation: xxh3-64 over purpose (1 byte), seed, epoch, group (8 bytes each, little-endian), source name (UTF-8).
pub(super) fn key(purpose: Purpose, seed: u64, epoch: u64, group: u64, source: &str) -> u64 {
    let mut bytes = Vec::with_capacity(25 + source.len());
    bytes.push(purpose as u8);
    for number in [seed, epoch, group] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(source.as_bytes());
    xxh3_64(&bytes)
}

/// The numbers 0..length in the order that `key` gives.
pub(super) fn permutation(key: u64, length: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..length).collect();
    let mut random = SplitMix64(key);
    for last in (1..order.len()).rev() {
        let other = random.below(last as u64 + 1);
        order.swap(last, usize::try_from(other).unwrap_or(last));
    }
    order
}

struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in 0..bound, each equally likely; `bound` is at least 1.
    fn below(&mut self, bound: u64) -> u64 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next()) * u128::from(bound);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
            let [low, high] = [product as u64, (product >> 64) as u64];
            if low >= threshold {
                return high;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, SplitMix64, key, permutation};
    use proptest::prelude::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // Reference output for seed 1234567, as in the test vectors of the authors' C code.
        let mut random = SplitMix64(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| random.next()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn every_place_is_equally_likely() {
        // 24,000 shuffles of 4: each of 24 orders 1,000 times; chi-squared with 23 degrees of
        // freedom stays below 49.7 at p = 0.001.
        let mut seen = std::collections::BTreeMap::<Vec<u32>, f64>::new();
        for seed in 0..24_000 {
            *seen.entry(permutation(key(Purpose::Documents, seed, 0, 0, "s"), 4)).or_default() += 1.0;
        }
        let chi: f64 = seen.values().map(|count| (count - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(seen.len(), 24);
        assert!(chi < 49.7, "{chi}");
    }

    #[test]
    fn every_field_of_the_key_matters() {
        let keys = [
            key(Purpose::Documents, 0, 0, 0, "s"),
            key(Purpose::RowGroups, 0, 0, 0, "s"),
            key(Purpose::Documents, 1, 0, 0, "s"),
            key(Purpose::Documents, 0, 1, 0, "s"),
            key(Purpose::Documents, 0, 0, 1, "s"),
            key(Purpose::Documents, 0, 0, 0, "t"),
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
