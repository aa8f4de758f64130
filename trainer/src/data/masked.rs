//! Selects the tokens to predict for the masked objective, and their replacements (BERT, Devlin et al. 2018, section
//! 3.1).
//!
//! Invariant: the masks of a sequence depend only on the seed and the sequence's number, so a resumed run masks the
//! same tokens, with any number of ranks.

use corpusmill_shards::random::SplitMix64;

use super::prediction::Prediction;

/// Returns, for each token to predict, the token to show in its place; `None` for all others.
///
/// 80 % of the selected tokens are replaced by the mask token, 10 % by a random one, and 10 % stay unchanged.
pub(super) fn replacements(index: u64, tokens: &[u32], share: f64, prediction: &Prediction) -> Vec<Option<u32>> {
    let mut random = SplitMix64::new(prediction.seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17));
    let mut show = |token: u32| {
        if random.next_f64() >= share {
            return None;
        }
        let kind = random.next_f64();
        Some(if kind < 0.8 {
            prediction.mask_token
        } else if kind < 0.9 {
            u32::try_from(random.below(prediction.vocabulary.into())).unwrap_or(token)
        } else {
            token
        })
    };
    tokens.iter().map(|&token| show(token)).collect()
}
