//! The weights of the toxicity judge and the format that they are stored in.
//!
//! Format, little endian: `CMTOX001`, then the number of buckets (u32), then slope and intercept (f64), then one signed byte a bucket.
//! A byte `q` stands for the weight `q·|q|`: fine steps near zero, where most weights are, and a range of ±16,129.
//! A window's evidence is the sum of its features' weights divided by the square root of their number; the logistic
//! function of `slope · evidence + intercept` is its score.
//!
//! Invariant: sums are integers, division and root are exact by IEEE 754 and the exponential is libm's, so that every
//! machine gives the same score.

/// Opens a file of weights.
const MAGIC: &[u8; 8] = b"CMTOX001";
const HEADER_BYTES: usize = 28;

/// Why a file of weights was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WeightsError {
    /// Not such a file, or one of another version.
    #[error(
        "these are no toxicity weights of this version (they open with CMTOX001): make them anew with the example train_toxicity"
    )]
    Magic,
    /// The file was cut or damaged.
    #[error(
        "the toxicity weights hold {found} bytes where their header promises {promised}: make them anew with the example train_toxicity"
    )]
    Length {
        /// Bytes by the header.
        promised: usize,
        /// Bytes in the file.
        found: usize,
    },
}

/// A linear model over hashed features.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Of the logistic function.
    pub slope: f64,
    /// Of the logistic function.
    pub intercept: f64,
    /// One a bucket; `q` stands for `q·|q|`.
    pub buckets: Vec<i8>,
}

/// The bucket of a feature among `count`.
pub fn bucket(hash: u64, count: usize) -> usize {
    // Multiply-shift (Lemire 2019): the upper half of a product, which is below `count`.
    let wide = u128::from(hash) * u128::from(u64::try_from(count).unwrap_or(u64::MAX));
    usize::try_from(wide >> 64).unwrap_or(0)
}

impl Weights {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// [`WeightsError`] if the bytes are no such file or a cut one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let (Some(header), true) = (bytes.get(..HEADER_BYTES), bytes.starts_with(MAGIC)) else {
            return Err(WeightsError::Magic);
        };
        let number =
            |from: usize| <[u8; 8]>::try_from(&header[from..from + 8]).map(f64::from_le_bytes).unwrap_or_default();
        let count = header[8..12].iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        if bytes.len() != HEADER_BYTES + count || count == 0 {
            return Err(WeightsError::Length { promised: HEADER_BYTES + count.max(1), found: bytes.len() });
        }
        let buckets = bytes[HEADER_BYTES..].iter().map(|byte| i8::from_le_bytes([*byte])).collect();
        Ok(Self { slope: number(12), intercept: number(20), buckets })
    }

    /// The file of these weights.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u32::try_from(self.buckets.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(self.slope.to_le_bytes());
        bytes.extend(self.intercept.to_le_bytes());
        bytes.extend(self.buckets.iter().flat_map(|weight| weight.to_le_bytes()));
        bytes
    }

    /// The weight of a feature.
    pub fn weight(&self, hash: u64) -> i32 {
        let weight = i32::from(self.buckets[bucket(hash, self.buckets.len())]);
        weight * weight.abs()
    }

    /// The evidence of `features` features whose weights sum to `sum`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a window has far fewer than 2^52 features and its sum is far smaller than 2^52"
    )]
    pub fn evidence(sum: i64, features: u64) -> f64 {
        sum as f64 / (features.max(1) as f64).sqrt()
    }

    /// The score of a window, 0 to 1.
    pub fn probability(&self, evidence: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-(self.slope * evidence + self.intercept)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back() {
        let weights = Weights { slope: 0.5, intercept: -2.0, buckets: vec![-3, 0, 127] };
        let bytes = weights.to_bytes();
        assert_eq!(Weights::from_bytes(&bytes), Ok(weights));
        assert_eq!(Weights::from_bytes(&bytes[..30]), Err(WeightsError::Length { promised: 31, found: 30 }));
        assert_eq!(Weights::from_bytes(b"nothing"), Err(WeightsError::Magic));
    }

    #[test]
    fn more_evidence_is_a_higher_score() {
        let weights = Weights { slope: 0.5, intercept: -2.0, buckets: vec![1] };
        assert!(weights.probability(Weights::evidence(40, 4)) > weights.probability(Weights::evidence(40, 16)));
        assert!((weights.probability(4.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn buckets_stay_in_range() {
        proptest::proptest!(|(hash: u64, count in 1_usize..1_000_000)| { assert!(bucket(hash, count) < count); });
    }
}
