//! Pairs of token ids as hash table keys.
//!
//! Invariant: the order of a table's entries never affects a result: tables are only looked up, never iterated.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Two neighbouring tokens in a word, with the left one in the high half, so that pairs sort as (left, right).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pair(pub(super) u64);

impl Pair {
    #[inline]
    pub(super) fn new(left: u32, right: u32) -> Self {
        Self(u64::from(left) << 32 | u64::from(right))
    }

    pub(super) fn left(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) fn right(self) -> u32 {
        (self.0 & 0xFFFF_FFFF) as u32
    }
}

/// A hash map with pairs as keys.
pub(super) type PairMap<Value> = HashMap<Pair, Value, BuildHasherDefault<PairHasher>>;

/// Fibonacci hashing with the high half folded down (Knuth, TAOCP 3, 6.4).
#[derive(Debug, Default, Clone)]
pub(super) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value ^ 0x2545_F491_4F6C_DD1D) * 0x9E37_79B9_7F4A_7C15;
        let [low, high] = halves(product);
        self.0 = low ^ high;
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// The low and the high half of a wide number.
#[inline]
pub(super) fn halves(wide: u128) -> [u64; 2] {
    let mask = u128::from(u64::MAX);
    [wide & mask, wide >> 64].map(|half| u64::try_from(half).unwrap_or_default())
}
