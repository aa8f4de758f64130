//! Chooses the blocks to keep, given the probability that each is content.
//!
//! The choice maximises the expected F1 of the kept words. On a page where most blocks are certain, it keeps the likely
//! ones; on a page where few are, it also keeps less likely blocks, since otherwise nothing would remain (Lewis 1995;
//! Lipton, Elkan and Naryanaswamy 2014: the best threshold is half of the F1 that it reaches). That F1 is the page's
//! confidence.
//!
//! Invariant: the choice is a prefix of the blocks by probability, ties in document order; it does not depend on the
//! order of summation, since sums are over integers.

/// The chosen blocks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Choice {
    /// Whether to keep each block.
    pub(crate) keep: Vec<bool>,
    /// The expected F1 of the words kept, 0 to 1.
    pub(crate) confidence: f64,
}

/// Chooses the blocks to keep; `probabilities` is each block's probability in thousandths, `words` its number of words.
pub(crate) fn decide(probabilities: &[i16], words: &[u32]) -> Choice {
    let chance = |at: usize| u64::from(probabilities[at].unsigned_abs()) * u64::from(words[at]);
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(probabilities[*at]));
    let expected: u64 = order.iter().map(|at| chance(*at)).sum();
    let (mut hits, mut kept) = (0_u64, 0_u64);
    let (mut best, mut length) = (0.0, 0);
    for (index, at) in order.iter().enumerate() {
        hits += chance(*at);
        kept += u64::from(words[*at]) * 1000;
        #[expect(clippy::cast_precision_loss, reason = "thousandths of the words of one page are below 2^52")]
        let f1 = if kept == 0 { 0.0 } else { 2.0 * hits as f64 / (kept + expected) as f64 };
        if f1 > best {
            (best, length) = (f1, index + 1);
        }
    }
    let mut keep = vec![false; probabilities.len()];
    for at in &order[..length] {
        keep[*at] = true;
    }
    Choice { keep, confidence: best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threshold_is_half_of_the_best_f1() {
        // Certain content: 0.4 is not worth its words.
        let sure = decide(&[1000, 1000, 400, 0], &[50, 50, 30, 10]);
        assert_eq!(sure.keep, [true, true, false, false]);
        assert!(sure.confidence > 0.9);
        // Nothing is likely: the same 0.4 is the best available.
        let unsure = decide(&[400, 300, 50], &[30, 30, 30]);
        assert_eq!(unsure.keep, [true, true, false]);
        assert!(unsure.confidence < 0.7);
        assert_eq!(decide(&[], &[]), Choice::default());
        assert_eq!(decide(&[0, 0], &[1, 1]).keep, [false, false]);
    }
}
