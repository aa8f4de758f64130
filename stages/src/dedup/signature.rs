//! Computes MinHash signatures and their bands, which select the candidates of near-duplicate removal.
//!
//! Lane l of a signature is the minimum of the permutation x ↦ aₗ·x + bₗ mod 2³² (aₗ odd) over the high halves of a
//! text's shingle hashes (Broder 1997; bands after Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, 3.4).
//! Two texts of Jaccard similarity J share a lane with probability J, and at least one of b bands of r rows with
//! probability 1 − (1 − Jʳ)ᵇ. With FineWeb's 14 × 8, the probability is one half at J ≈ 0.72. 32-bit multiply-add
//! preserves this curve at every size (see the tests) and autovectorises.
//!
//! Invariant: a lane depends only on the *set* of shingles, the seed and the lane number, so more bands extend a
//! signature without changing its first lanes.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::shingle::{SHINGLE_WORDS, Shingler};

/// Version of signatures and bands. Incremented when equal text would give other values, or the columns change.
pub const SIGNATURE_VERSION: u32 = 2;

/// Number of lanes that one pass over the shingles keeps in registers: four of AVX2, so that the latency of a minimum is
/// hidden. The lane count is padded to a multiple of it.
const LANE_BLOCK: usize = 32;
/// Number of shingles buffered before the lanes are updated: 4 KiB, so the passes stay in the L1 cache.
const SHINGLE_BATCH: usize = 1024;
/// The sign bit. Minimums are stored as signed numbers, since SSE2 can only compare those.
const SIGN: u32 = 1 << 31;

/// The numbers of bands and rows are out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{bands} bands of {rows} rows: each must be at least 1 and their product at most {} (FineWeb: 14 and 8)",
    MinHasher::MAX_LANES
)]
pub struct SignatureError {
    /// The requested number of bands.
    pub bands: usize,
    /// The requested number of rows per band.
    pub rows: usize,
}

/// The MinHash signature of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The minimum permuted hash of each lane, at index `band * rows + row`.
    pub values: Vec<u32>,
    /// Number of shingles of the text, including repeats.
    pub shingles: u32,
}

/// Computes signatures. Reuses its buffers from one text to the next: less than 100 KB plus twice the longest text.
#[derive(Debug)]
pub struct MinHasher {
    bands: usize,
    rows: usize,
    shingler: Shingler,
    multipliers: Vec<u32>,
    addends: Vec<u32>,
    minimums: Vec<i32>,
    batch: Vec<u32>,
}

impl MinHasher {
    /// Maximum number of lanes (bands × rows) of a signature.
    pub const MAX_LANES: usize = 65_536;

    /// A hasher for signatures of `bands` × `rows` lanes over word 5-grams, with permutations drawn from `seed`.
    ///
    /// # Errors
    /// If a number is 0, or if there are more than [`Self::MAX_LANES`] lanes.
    pub fn new(seed: u64, bands: usize, rows: usize) -> Result<Self, SignatureError> {
        let lanes = bands
            .checked_mul(rows)
            .filter(|lanes| (1..=Self::MAX_LANES).contains(lanes))
            .ok_or(SignatureError { bands, rows })?;
        let padded = lanes.next_multiple_of(LANE_BLOCK);
        let drawn = |lane: usize| split_mix(seed, lane as u64);
        Ok(Self {
            bands,
            rows,
            shingler: Shingler::new(SHINGLE_WORDS),
            multipliers: (0..padded).map(|lane| high(drawn(lane)) | 1).collect(),
            addends: (0..padded).map(|lane| low(drawn(lane)) ^ SIGN).collect(),
            minimums: vec![i32::MAX; padded],
            batch: Vec::with_capacity(SHINGLE_BATCH),
        })
    }

    /// The number of lanes.
    pub fn lanes(&self) -> usize {
        self.bands * self.rows
    }

    /// The signature of `text`, or `None` if it has fewer than five words and therefore no shingle.
    pub fn signature(&mut self, text: &str) -> Option<Signature> {
        let Self { shingler, multipliers, addends, minimums, batch, .. } = self;
        minimums.fill(i32::MAX);
        batch.clear();
        let mut shingles = 0_usize;
        shingler.for_each(text, |shingle| {
            batch.push(high(shingle));
            if batch.len() == SHINGLE_BATCH {
                shingles += SHINGLE_BATCH;
                update_minimums(minimums, multipliers, addends, batch);
                batch.clear();
            }
        });
        shingles += batch.len();
        update_minimums(minimums, multipliers, addends, batch);
        self.finish(shingles)
    }

    /// The signature of a set of well-mixed 64-bit shingle hashes, or `None` if the set is empty.
    pub fn signature_of(&mut self, shingles: &[u64]) -> Option<Signature> {
        self.minimums.fill(i32::MAX);
        let halves: Vec<u32> = shingles.iter().map(|&shingle| high(shingle)).collect();
        update_minimums(&mut self.minimums, &self.multipliers, &self.addends, &halves);
        self.finish(shingles.len())
    }

    /// One hash per band, in band order: XXH3-64 of the band's lanes (little-endian), seeded with the band's number.
    ///
    /// A signature with fewer lanes, from another hasher, gives fewer bands.
    pub fn bands(&self, signature: &Signature) -> impl Iterator<Item = u64> {
        let mut bytes = Vec::with_capacity(self.rows * 4);
        signature.values.chunks_exact(self.rows).take(self.bands).zip(0..).map(move |(rows, band)| {
            bytes.clear();
            bytes.extend(rows.iter().flat_map(|minimum| minimum.to_le_bytes()));
            xxh3_64_with_seed(&bytes, band)
        })
    }

    fn finish(&self, shingles: usize) -> Option<Signature> {
        (shingles > 0).then(|| Signature {
            values: self.minimums[..self.lanes()].iter().map(|&minimum| minimum.cast_unsigned() ^ SIGN).collect(),
            shingles: u32::try_from(shingles).unwrap_or(u32::MAX),
        })
    }
}

/// Updates the minimum of each lane with its permutation of `values`. The vector width is selected at run time, since the
/// baseline of x86-64 multiplies and compares 32-bit numbers an order of magnitude more slowly than AVX2.
fn update_minimums(minimums: &mut [i32], multipliers: &[u32], addends: &[u32], values: &[u32]) {
    pulp::Arch::new().dispatch(|| update_minimums_portable(minimums, multipliers, addends, values));
}

#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `pulp` selects")]
#[inline(always)]
fn update_minimums_portable(minimums: &mut [i32], multipliers: &[u32], addends: &[u32], values: &[u32]) {
    let (minimums, _) = minimums.as_chunks_mut::<LANE_BLOCK>();
    let (multipliers, _) = multipliers.as_chunks::<LANE_BLOCK>();
    let (addends, _) = addends.as_chunks::<LANE_BLOCK>();
    for ((minimums, multipliers), addends) in minimums.iter_mut().zip(multipliers).zip(addends) {
        let mut block = *minimums;
        for &value in values {
            for lane in 0..LANE_BLOCK {
                let permuted = multipliers[lane].wrapping_mul(value).wrapping_add(addends[lane]).cast_signed();
                block[lane] = block[lane].min(permuted);
            }
        }
        *minimums = block;
    }
}

/// The low 16 bits of each lane, for estimates of similarity: 224 bytes for 14 × 8 lanes (b-bit minwise hashing, Li &
/// König 2010). Not the high bits, since those of a minimum over many shingles are nearly all zero.
pub(super) fn truncated(signature: &Signature) -> Vec<u16> {
    signature.values.iter().map(|&minimum| (minimum & 0xFFFF) as u16).collect()
}

/// The estimated Jaccard similarity of two truncated signatures: the share of equal lanes, corrected for the 2⁻¹⁶ that
/// are equal by chance.
///
/// Signatures of different lengths are compared over the shorter length. 0 if one is empty. The standard error is
/// √(J(1 − J)/lanes).
pub(super) fn estimate_jaccard(a: &[u16], b: &[u16]) -> f64 {
    const CHANCE: f64 = 1.0 / 65_536.0;
    let lanes = u32::try_from(a.len().min(b.len())).unwrap_or(u32::MAX);
    if lanes == 0 {
        return 0.0;
    }
    let equal = u32::try_from(a.iter().zip(b).filter(|(a, b)| a == b).count()).unwrap_or(u32::MAX);
    let share = f64::from(equal) / f64::from(lanes);
    ((share - CHANCE) / (1.0 - CHANCE)).max(0.0)
}

/// Number `index` of the SplitMix64 stream of `seed` (Steele, Lea & Flood 2014).
pub(super) fn split_mix(seed: u64, index: u64) -> u64 {
    let mut state = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

#[inline]
fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

#[inline]
fn low(value: u64) -> u32 {
    (value & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The instructions that this processor gets give what the portable code gives.
        #[test]
        fn every_path_gives_equal_minimums(values in prop::collection::vec(any::<u32>(), 0..70), seed in any::<u64>()) {
            let hasher = MinHasher::new(seed, 9, 7).unwrap();
            let (mut fast, mut portable) = (hasher.minimums.clone(), hasher.minimums.clone());
            update_minimums(&mut fast, &hasher.multipliers, &hasher.addends, &values);
            update_minimums_portable(&mut portable, &hasher.multipliers, &hasher.addends, &values);
            prop_assert_eq!(fast, portable);
        }
    }
}
