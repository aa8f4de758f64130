//! Numbers for readers, with a comma between groups of three digits.
//!
//! Invariant: the digits are those of the number, rounded to a whole one.

use corpusmill_terminal::HumanCount;

/// A number that is not negative, rounded to a whole one: `18,966`.
pub(crate) fn grouped(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a speed or a position on an axis")]
    HumanCount(number.round() as u64).to_string()
}
