//! What the tests of the finders share.
//!
//! Invariant: the values are random letters, generated for these tests.

use super::matches::Match;

/// A value of mixed letters.
pub(super) const VALUE: &str = "k3J9xQ2mZ8vB4nL7tR1wP6sY";
/// Hexadecimal digits.
pub(super) const HEX: &str = "c90473a088b24b19c7d148dbbfddc66a";
/// A line of a private key.
pub(super) const LINE: &str = "k3J9xQ2mZ8vB4nL7tR1wP6sY5dF0gHcK2eMu9TzVqXo4WbN8jLpR3yGfAiCsD7hE";

/// What a finder finds in a text.
pub(super) fn found(find: impl Fn(&str, &mut Vec<Match>), text: &str) -> Vec<&str> {
    let mut matches = Vec::new();
    find(text, &mut matches);
    matches.into_iter().map(|find| &text[find.range]).collect()
}
