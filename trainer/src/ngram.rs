//! A 5-gram model with modified Kneser–Ney smoothing: the baseline that a neural model must beat.
//!
//! Chen and Goodman 1998, "An empirical study of smoothing techniques for language modeling", section 3: interpolated,
//! with three discounts per order, estimated from counts of counts. It is trained on the same pieces of documents as
//! the model; each piece starts with a start symbol. Lower orders count the distinct contexts that a token follows;
//! n-grams that begin with the start symbol keep their raw counts, since nothing precedes them. Below unigrams is the
//! uniform distribution over the vocabulary.
//!
//! Tables are sorted arrays, 20 bytes per n-gram. Invariant: after any history the probabilities of all tokens sum to
//! one; equal pieces in any order give equal tables.

use std::ops::Range;

/// The longest n-gram.
pub const ORDER: usize = 5;

/// Bits of one symbol in a key; five fit in 128.
const SYMBOL_BITS: usize = 25;

/// The vocabulary does not fit in keys.
#[derive(Debug, thiserror::Error)]
#[error("the vocabulary has {0} token ids; an n-gram model supports fewer than 2^25")]
pub struct VocabularyError(u32);

/// Collects n-gram counts from pieces.
#[derive(Debug)]
pub struct NgramCounter {
    vocabulary: u32,
    /// Per order: the n-grams that begin a piece; for the highest order, all n-grams.
    keys: [Vec<u128>; ORDER],
}

/// The estimated model.
#[derive(Debug)]
pub struct NgramModel {
    vocabulary: u32,
    orders: Vec<Order>,
}

/// The n-grams of one length.
#[derive(Debug)]
struct Order {
    keys: Vec<u128>,
    counts: Vec<u32>,
    histories: Vec<u128>,
    statistics: Vec<HistoryStatistics>,
    /// Discounts of n-grams with counts 1, 2 and 3 or more.
    discounts: [f64; 3],
}

/// Statistics of the tokens that follow one history.
#[derive(Debug, Clone, Copy, Default)]
struct HistoryStatistics {
    sum: u64,
    /// Number of tokens that follow once, twice, and three times or more.
    followers: [u32; 3],
}

impl NgramCounter {
    /// Creates empty counts over `vocabulary` token ids.
    ///
    /// # Errors
    /// When there are 2^25 token ids or more.
    pub fn new(vocabulary: u32) -> Result<Self, VocabularyError> {
        if vocabulary >= 1 << SYMBOL_BITS {
            return Err(VocabularyError(vocabulary));
        }
        Ok(Self { vocabulary, keys: std::array::from_fn(|_| Vec::new()) })
    }

    /// Adds a piece of a document.
    pub fn add(&mut self, tokens: &[u32]) {
        let mut key = u128::from(self.vocabulary);
        for (position, &token) in tokens.iter().enumerate() {
            key = key << SYMBOL_BITS | u128::from(token);
            key &= mask(ORDER);
            // The start symbol and `position` + 1 tokens, of which the last five symbols count.
            self.keys[(position + 2).min(ORDER) - 1].push(key);
        }
    }

    /// Estimates the model.
    pub fn finish(mut self) -> NgramModel {
        let mut orders: Vec<Order> = Vec::with_capacity(ORDER);
        for length in (1..=ORDER).rev() {
            let mut keys = std::mem::take(&mut self.keys[length - 1]);
            // Number of distinct contexts: each n-gram that is longer by one adds one.
            keys.extend(orders.last().into_iter().flat_map(|longer| &longer.keys).map(|key| key & mask(length)));
            keys.sort_unstable();
            orders.push(Order::new(&keys));
        }
        orders.reverse();
        NgramModel { vocabulary: self.vocabulary, orders }
    }
}

/// A mask of the low bits of `symbols` symbols.
fn mask(symbols: usize) -> u128 {
    (1 << (SYMBOL_BITS * symbols)) - 1
}

impl Order {
    fn new(sorted: &[u128]) -> Self {
        let (mut keys, mut counts) = (Vec::new(), Vec::new());
        for run in sorted.chunk_by(|left, right| left == right) {
            keys.push(run[0]);
            counts.push(u32::try_from(run.len()).unwrap_or(u32::MAX));
        }
        let discounts = discounts(&counts);
        let (mut histories, mut statistics) = (Vec::new(), Vec::<HistoryStatistics>::new());
        for (key, &count) in keys.iter().zip(&counts) {
            let history = key >> SYMBOL_BITS;
            if histories.last() != Some(&history) {
                histories.push(history);
                statistics.push(HistoryStatistics::default());
            }
            if let Some(last) = statistics.last_mut() {
                last.sum += u64::from(count);
                last.followers[discount_index(count)] += 1;
            }
        }
        Self { keys, counts, histories, statistics, discounts }
    }

    /// The discounted probability of a token at this order, and the interpolation weight of shorter histories; `None`
    /// for an unseen history.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn probability_and_backoff(&self, key: u128) -> Option<(f64, f64)> {
        let history = self.histories.binary_search(&(key >> SYMBOL_BITS)).ok()?;
        let HistoryStatistics { sum, followers } = self.statistics[history];
        let backoff: f64 =
            followers.iter().zip(self.discounts).map(|(&count, discount)| f64::from(count) * discount).sum();
        let count = self.keys.binary_search(&key).map_or(0, |position| self.counts[position]);
        let discounted =
            if count == 0 { 0.0 } else { (f64::from(count) - self.discounts[discount_index(count)]).max(0.0) };
        Some((discounted / sum as f64, backoff / sum as f64))
    }
}

/// Index of the discount for a count.
fn discount_index(count: u32) -> usize {
    (count.max(1) as usize - 1).min(2)
}

/// The discounts of Chen and Goodman, equation 26; 0.5, 1 and 1.5 if there are too few n-grams to estimate them.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn discounts(counts: &[u32]) -> [f64; 3] {
    let of = |wanted: u32| counts.iter().filter(|count| **count == wanted).count() as f64;
    let (once, twice, thrice, four) = (of(1), of(2), of(3), of(4));
    let ratio = once / (once + 2.0 * twice);
    let found =
        [1.0 - 2.0 * ratio * twice / once, 2.0 - 3.0 * ratio * thrice / twice, 3.0 - 4.0 * ratio * four / thrice];
    let valid = |(found, count): (&f64, f64)| *found > 0.0 && *found < count;
    if found.iter().zip([1.0, 2.0, 3.0]).all(valid) { found } else { [0.5, 1.0, 1.5] }
}

impl NgramModel {
    /// The probability of `token` after `history`, the preceding tokens of its piece.
    pub fn probability(&self, history: &[u32], token: u32) -> f64 {
        let known = history.len().min(ORDER - 1);
        let mut key = if history.len() < ORDER - 1 { u128::from(self.vocabulary) } else { 0 };
        for &token in &history[history.len() - known..] {
            key = key << SYMBOL_BITS | u128::from(token);
        }
        key = key << SYMBOL_BITS | u128::from(token);
        let longest = if history.len() < ORDER - 1 { known + 2 } else { ORDER };
        let mut probability = 1.0 / f64::from(self.vocabulary.max(1));
        for (length, order) in (1..=longest).zip(&self.orders) {
            let Some((discounted, backoff)) = order.probability_and_backoff(key & mask(length)) else { break };
            probability = discounted + backoff * probability;
        }
        probability
    }

    /// −log p in nats of the tokens of a piece in `range`, each given all tokens before it.
    pub fn nats<'a>(&'a self, piece: &'a [u32], range: Range<usize>) -> impl Iterator<Item = f64> + 'a {
        range.map(|position| -libm::log(self.probability(&piece[..position], piece[position])))
    }

    /// Number of n-grams of all lengths.
    pub fn len(&self) -> usize {
        self.orders.iter().map(|order| order.keys.len()).sum()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(vocabulary: u32, pieces: &[Vec<u32>]) -> NgramModel {
        let mut counter = NgramCounter::new(vocabulary).unwrap();
        for piece in pieces {
            counter.add(piece);
        }
        counter.finish()
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one(
            pieces in prop::collection::vec(prop::collection::vec(0u32..6, 1..30), 1..8),
            history in prop::collection::vec(0u32..6, 0..7),
        ) {
            let model = model(6, &pieces);
            let sum: f64 = (0..6).map(|token| model.probability(&history, token)).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            prop_assert!((0..6).all(|token| model.probability(&history, token) > 0.0));
        }
    }

    #[test]
    fn counts_and_discounts_are_those_of_the_paper() {
        // Bigrams: (begin 0) and (0 1) twice; (1 2), (begin 1) and (1 3) once.
        let model = model(5, &[vec![0, 1, 2], vec![1, 3], vec![0, 1]]);
        let unigrams = &model.orders[0];
        assert_eq!(unigrams.keys, [0, 1, 2, 3]);
        // 1 follows 0 and the start symbol; the others follow one symbol each.
        assert_eq!(unigrams.counts, [1, 2, 1, 1]);
        // Too few n-grams for an estimate.
        assert_eq!(format!("{:?}", unigrams.discounts), "[0.5, 1.0, 1.5]");
        // Ten once, five twice, two three times, one four times: the ratio is 10 / (10 + 2 * 5).
        let found = discounts(&[vec![1; 10], vec![2; 5], vec![3; 2], vec![4; 1]].concat());
        let expected = [1.0 - 0.5, 2.0 - 3.0 * 0.5 * 2.0 / 5.0, 3.0 - 4.0 * 0.5 / 2.0];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
        let bigrams = &model.orders[1];
        // (0 1) follows the start symbol only; (begin 0) keeps its raw count.
        let of = |first: u128, second: u128| {
            bigrams.counts[bigrams.keys.binary_search(&(first << SYMBOL_BITS | second)).unwrap()]
        };
        assert_eq!((of(0, 1), of(5, 0), of(5, 1)), (1, 2, 1));
    }

    #[test]
    fn frequent_and_longer_histories_raise_probability() {
        let piece: Vec<u32> = (0..400).map(|position| [1, 2, 3, 1, 2, 4][position % 6]).collect();
        let model = model(50, &[piece]);
        // After `1 2` either 3 or 4 follows; the tokens before it decide.
        assert!(model.probability(&[2, 4, 1, 2], 3) > 0.9);
        assert!(model.probability(&[2, 3, 1, 2], 4) > 0.9);
        // Each follows `1 2` in one context only, so it is only moderately likelier than other tokens.
        let (seen, unseen) = (model.probability(&[9, 9, 1, 2], 3), model.probability(&[9, 9, 1, 2], 40));
        assert!(seen > 2.0 * unseen, "{seen} {unseen}");
        let unseen = model.probability(&[1, 2, 3, 1], 40);
        assert!(unseen < 0.01, "{unseen}");
        assert!(NgramCounter::new(1 << 26).is_err());
    }
}
