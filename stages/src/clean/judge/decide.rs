//! Which blocks to keep, given how likely each is content.
//!
//! The choice that maximises the expected F1 of the kept words: for a page where all is certain, what is likely; for a page where
//! little is, less likely blocks too, since leaving them out would leave nothing (Lewis 1995; Lipton, Elkan and Naryanaswamy 2014: the
//! best threshold is half of the F1 that it reaches). That F1 is the page's confidence.
//!
//! Invariant: the choice is a prefix of the blocks by likelihood, ties in document order; it depends on no order of summation, since
//! sums are of whole numbers.

/// What was chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Choice {
    /// One answer a block.
    pub(crate) keep: Vec<bool>,
    /// The expected F1 of the words kept, 0 to 1.
    pub(crate) confidence: f64,
}

/// Chooses; `likely` in thousandths and `words` a block.
pub(crate) fn decide(likely: &[i16], words: &[u32]) -> Choice {
    let chance = |at: usize| u64::from(likely[at].unsigned_abs()) * u64::from(words[at]);
    let mut order: Vec<usize> = (0..likely.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(likely[*at]));
    let expected: u64 = order.iter().map(|at| chance(*at)).sum();
    let (mut hits, mut kept) = (0_u64, 0_u64);
    let (mut best, mut length) = (0.0, 0);
    for (place, at) in order.iter().enumerate() {
        hits += chance(*at);
        kept += u64::from(words[*at]) * 1000;
        #[expect(clippy::cast_precision_loss, reason = "thousandths of words of one page stay below 2^52")]
        let f1 = if kept == 0 { 0.0 } else { 2.0 * hits as f64 / (kept + expected) as f64 };
        if f1 > best {
            (best, length) = (f1, place + 1);
        }
    }
    let mut keep = vec![false; likely.len()];
    for at in &order[..length] {
        keep[*at] = true;
    }
    Choice { keep, confidence: best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_half_of_what_can_be_reached() {
        // Certain content: 0.4 is not worth its words.
        let sure = decide(&[1000, 1000, 400, 0], &[50, 50, 30, 10]);
        assert_eq!(sure.keep, [true, true, false, false]);
        assert!(sure.confidence > 0.9);
        // Nothing is likely: the same 0.4 is the best there is.
        let unsure = decide(&[400, 300, 50], &[30, 30, 30]);
        assert_eq!(unsure.keep, [true, true, false]);
        assert!(unsure.confidence < 0.7);
        assert_eq!(decide(&[], &[]), Choice::default());
        assert_eq!(decide(&[0, 0], &[1, 1]).keep, [false, false]);
    }
}
