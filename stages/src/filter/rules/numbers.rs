//! Counts and shares as values, and the scale of texts without spaces between words.
//!
//! Every group of rules measures with these functions.
//!
//! Invariant: every result is finite, and a share is in 0..=1 if its part is not more than its whole.

/// Characters of a script without spaces that count as one word, for thresholds that were derived from text with
/// spaces: Chinese words have 1.5 to 2 characters in running text.
pub(crate) const CHARACTERS_PER_WORD: usize = 2;

/// Whether most words of `text` are single characters of scripts without spaces.
pub(crate) fn is_mostly_unspaced(text: &str) -> bool {
    let (mut single, mut all) = (0_usize, 0_usize);
    if text.is_ascii() {
        return false;
    }
    for word in crate::words::spans(text) {
        all += 1;
        single += usize::from(word.single);
    }
    single * 2 > all
}

/// A count as a value. Exact below 2³², the maximum length of one Arrow string.
pub(crate) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// `part / whole`, or 0 if `whole` is 0.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { count(part) / count(whole) }
}

/// `part / whole`, or `None` if `whole` is 0.
pub(crate) fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| share(part, whole))
}
