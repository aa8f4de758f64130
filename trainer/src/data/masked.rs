//! Which tokens the masked objective hides, and behind what (BERT, Devlin et al. 2018, section 3.1).
//!
//! Invariant: what is hidden in a sequence depends on the seed and the sequence's number only, so a resumed run hides
//! the same, with any number of ranks.

use super::batch::Prediction;

/// For each token: what is shown instead, where it is to be predicted.
///
/// 80 % of the hidden are replaced by the mask token, 10 % by a random one, and 10 % stay as they are.
pub(super) fn hide(index: u64, tokens: &[u32], share: f64, prediction: &Prediction) -> Vec<Option<u32>> {
    let mut random = SplitMix64(prediction.seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17));
    let mut show = |token: u32| {
        if random.unit() >= share {
            return None;
        }
        let kind = random.unit();
        Some(if kind < 0.8 {
            prediction.mask_token
        } else if kind < 0.9 {
            random.below(prediction.vocabulary)
        } else {
            token
        })
    };
    tokens.iter().map(|&token| show(token)).collect()
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1, with 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 to below `bound`; the bias of at most 2^-32 does not matter here.
    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(bound) * (self.next() >> 32)) >> 32) as u32
    }
}
