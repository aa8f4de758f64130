//! Assigns each document to training or validation.
//!
//! Invariant: the split depends on the text alone, so equal texts are never in both splits, and a document keeps its
//! split when others are added or removed.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Separates this hash from others over the same text (the ASCII bytes `split---`).
const SEED: u64 = u64::from_le_bytes(*b"split---");

/// A split of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The data that a model is trained on.
    Train,
    /// The data that it is evaluated on, never repeated and never mixed.
    Validation,
}

impl Split {
    /// Both splits, in the order of the manifest and of the corpus digest.
    pub const ALL: [Self; 2] = [Self::Train, Self::Validation];

    /// The split of a document: validation when xxh3-64 of its text, as a fraction of 2^64, is below `share`.
    ///
    /// `share` is in 0..1; at 0 or below, no document is held out.
    ///
    /// ```
    /// use corpusmill_shards::Split;
    ///
    /// assert_eq!(Split::of_text("fn main() {}", 0.0), Split::Train);
    /// assert_eq!(Split::of_text("fn main() {}", 0.5), Split::of_text("fn main() {}", 0.5));
    /// ```
    pub fn of_text(text: &str, share: f64) -> Self {
        Self::of_hash(Self::hash(text), share)
    }

    /// The hash of a text that decides its split.
    pub fn hash(text: &str) -> u64 {
        xxh3_64_with_seed(text.as_bytes(), SEED)
    }

    /// The split of a document whose text has this [`Split::hash`].
    pub fn of_hash(hash: u64, share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float-to-int cast saturates; the share's 53 bits decide"
        )]
        // 2^53
        let threshold = (share * 9_007_199_254_740_992.0) as u64;
        if hash >> 11 < threshold { Self::Validation } else { Self::Train }
    }

    /// The name of the folder in `shards/`, and the value in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Split;

    fn held_out(share: f64) -> usize {
        (0..10_000).filter(|index| Split::of_text(&format!("document {index}"), share) == Split::Validation).count()
    }

    #[test]
    fn the_share_is_met() {
        assert_eq!(held_out(0.0), 0);
        assert_eq!(held_out(f64::NAN), 0);
        assert_eq!(held_out(1.0), 10_000);
        // Binomial: 3 standard deviations of 10,000 draws at 1 % are 30.
        assert!((70..=130).contains(&held_out(0.01)), "{}", held_out(0.01));
    }

    #[test]
    fn a_larger_share_keeps_what_was_held_out() {
        for index in 0..1000 {
            let text = format!("{index}");
            if Split::of_text(&text, 0.02) == Split::Validation {
                assert_eq!(Split::of_text(&text, 0.1), Split::Validation);
            }
        }
    }
}
