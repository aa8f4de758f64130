//! Counts the pieces of a text that repeat an earlier one, for the Gopher repetition rules and FineWeb.
//!
//! Invariant: a piece is a duplicate from its second occurrence on; the order of a hash map is never read.

use super::ngrams::Set;
use super::numbers::{ratio, share};

/// Duplicate counts among the pieces of a text: lines or paragraphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Duplicates {
    pieces: usize,
    repeated: usize,
    characters: usize,
    repeated_characters: usize,
}

impl Duplicates {
    pub(super) fn count<'a>(pieces: impl Iterator<Item = &'a str>) -> Self {
        let mut seen: Set<&str> = Set::default();
        let mut found = Self::default();
        for piece in pieces {
            let characters = piece.chars().count();
            found.pieces += 1;
            found.characters += characters;
            if !seen.insert(piece) {
                found.repeated += 1;
                found.repeated_characters += characters;
            }
        }
        found
    }

    /// Share of pieces that repeat an earlier one, or `None` if there are no pieces.
    pub(super) fn piece_share(&self) -> Option<f64> {
        ratio(self.repeated, self.pieces)
    }

    /// Share of characters in repeated pieces, or `None` if there are no pieces.
    pub(super) fn character_share(&self) -> Option<f64> {
        (self.pieces > 0).then(|| share(self.repeated_characters, self.characters))
    }
}
