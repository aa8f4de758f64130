//! The weights of the toxicity model and their file format.
//!
//! Format, little-endian: `CMTOX003`, the number of buckets (u32), slope and intercept (f64), the digest of the features
//! ([`feature_digest`], u64), then one signed byte per bucket. A byte `q` encodes the weight `q·|q|`: fine steps near
//! zero, where most weights are, and a range of ±16,129.
//! A window's evidence is, summed over the [kinds](FeatureKind) of features, the sum of the weights divided by the square
//! root of the number of features. Its score is the logistic function of `slope · evidence + intercept`.
//!
//! Invariant: sums are integers, division and square root are exact by IEEE 754, and the exponential is libm's, so
//! every machine computes the same score.

use super::features::{self, FeatureKind};
use super::lexicon::{IDENTITY_TEXT, LEXICON_TEXT};

/// Magic bytes at the start of a weights file.
const MAGIC: &[u8; 8] = b"CMTOX003";
const HEADER_BYTES: usize = 36;

/// Why a weights file is invalid.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum WeightsError {
    /// Not a weights file, or one of another version.
    #[error(
        "neither a fastText model nor toxicity weights of this version, which begin with CMTOX003: make them with \
         `corpusmill filter train toxicity`"
    )]
    Magic,
    /// Made with other word lists or features.
    #[error(
        "the toxicity weights were made by another version, with other word lists or features: train them again with \
         `corpusmill filter train toxicity`"
    )]
    OtherFeatures,
    /// Slope or intercept is no number.
    #[error("the toxicity weights are damaged: slope {slope}, intercept {intercept}")]
    NotFinite {
        /// Slope of the logistic function.
        slope: f64,
        /// Intercept of the logistic function.
        intercept: f64,
    },
    /// The file is truncated or damaged.
    #[error(
        "the toxicity weights have {found} bytes, but their header states {expected}: make them with `corpusmill filter train toxicity`"
    )]
    Length {
        /// Number of bytes according to the header.
        expected: usize,
        /// Number of bytes in the file.
        found: usize,
    },
}

/// Digest of what gives a bucket its meaning: the version of the features and the word lists.
fn feature_digest() -> u64 {
    let lists = [LEXICON_TEXT, IDENTITY_TEXT].concat();
    xxhash_rust::xxh3::xxh3_64_with_seed(lists.as_bytes(), features::VERSION)
}

/// A linear model over hashed features.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Slope of the logistic function.
    pub slope: f64,
    /// Intercept of the logistic function.
    pub intercept: f64,
    /// One byte per bucket; `q` encodes the weight `q·|q|`.
    pub buckets: Vec<i8>,
}

/// The logistic function.
pub(super) fn logistic(value: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-value))
}

/// The bucket of a feature among `count`.
pub(super) fn bucket(hash: u64, count: usize) -> usize {
    // Multiply-shift (Lemire 2019): the upper half of the product is below `count`.
    let wide = u128::from(hash) * u128::from(u64::try_from(count).unwrap_or(u64::MAX));
    usize::try_from(wide >> 64).unwrap_or(0)
}

impl Weights {
    /// Reads a weights file.
    ///
    /// # Errors
    /// [`WeightsError`] if the bytes are not a weights file or are truncated.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let (Some(header), true) = (bytes.get(..HEADER_BYTES), bytes.starts_with(MAGIC)) else {
            return Err(WeightsError::Magic);
        };
        let number =
            |from: usize| <[u8; 8]>::try_from(&header[from..from + 8]).map(f64::from_le_bytes).unwrap_or_default();
        let count = header[8..12].iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        if bytes.len() != HEADER_BYTES + count || count == 0 {
            return Err(WeightsError::Length { expected: HEADER_BYTES + count.max(1), found: bytes.len() });
        }
        let (slope, intercept) = (number(12), number(20));
        if !slope.is_finite() || !intercept.is_finite() {
            return Err(WeightsError::NotFinite { slope, intercept });
        }
        if header[28..HEADER_BYTES] != feature_digest().to_le_bytes() {
            return Err(WeightsError::OtherFeatures);
        }
        let buckets = bytes[HEADER_BYTES..].iter().map(|byte| i8::from_le_bytes([*byte])).collect();
        Ok(Self { slope, intercept, buckets })
    }

    /// The bytes of a weights file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u32::try_from(self.buckets.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(self.slope.to_le_bytes());
        bytes.extend(self.intercept.to_le_bytes());
        bytes.extend(feature_digest().to_le_bytes());
        bytes.extend(self.buckets.iter().flat_map(|weight| weight.to_le_bytes()));
        bytes
    }

    /// The weight of a feature.
    pub fn weight(&self, hash: u64) -> i32 {
        let weight = i32::from(self.buckets[bucket(hash, self.buckets.len())]);
        weight * weight.abs()
    }

    /// The score of a window, 0 to 1.
    pub fn probability(&self, evidence: f64) -> f64 {
        logistic(self.slope * evidence + self.intercept)
    }
}

/// The features of a window: for each kind, the sum of their weights and their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    sums: [i64; FeatureKind::COUNT],
    features: [u64; FeatureKind::COUNT],
}

impl Evidence {
    /// Adds a feature with its weight.
    pub(super) fn add(&mut self, kind: FeatureKind, weight: i32) {
        self.sums[kind.index()] += i64::from(weight);
        self.features[kind.index()] += 1;
    }

    /// The evidence; positive values indicate toxicity.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a window has far fewer than 2^52 features and its sum is far smaller than 2^52"
    )]
    pub(super) fn value(&self) -> f64 {
        let kinds = self.sums.iter().zip(self.features);
        kinds.map(|(sum, features)| *sum as f64 / (features.max(1) as f64).sqrt()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_a_round_trip() {
        let weights = Weights { slope: 0.5, intercept: -2.0, buckets: vec![-3, 0, 127] };
        let bytes = weights.to_bytes();
        assert_eq!(Weights::from_bytes(&bytes).as_ref(), Ok(&weights));
        assert_eq!(Weights::from_bytes(&bytes[..38]), Err(WeightsError::Length { expected: 39, found: 38 }));
        assert_eq!(Weights::from_bytes(b"nothing"), Err(WeightsError::Magic));
        let mut other = bytes.clone();
        other[30] ^= 1;
        assert_eq!(Weights::from_bytes(&other), Err(WeightsError::OtherFeatures));
        let infinite = Weights { slope: f64::INFINITY, ..Weights::from_bytes(&bytes).unwrap() };
        assert!(matches!(Weights::from_bytes(&infinite.to_bytes()), Err(WeightsError::NotFinite { .. })));
    }

    #[test]
    fn more_evidence_gives_a_higher_score() {
        let weights = Weights { slope: 0.5, intercept: -2.0, buckets: vec![1] };
        let evidence = |weight: i32, features: u32| {
            let mut evidence = Evidence::default();
            evidence.add(FeatureKind::Word, weight);
            (1..features).for_each(|_| evidence.add(FeatureKind::Word, 0));
            evidence.add(FeatureKind::Context, 0);
            evidence.value()
        };
        assert!((evidence(40, 4) - 20.0).abs() < 1e-12);
        assert!(weights.probability(evidence(40, 4)) > weights.probability(evidence(40, 16)));
        assert!((weights.probability(4.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn buckets_stay_in_range() {
        proptest::proptest!(|(hash: u64, count in 1_usize..1_000_000)| { assert!(bucket(hash, count) < count); });
    }
}
