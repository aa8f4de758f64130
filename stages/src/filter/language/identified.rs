//! The result of language identification.
//!
//! Invariant: a score is in 0..=1.

/// An identified language and its certainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdentifiedLanguage {
    /// ISO 639-3 code.
    pub language: &'static str,
    /// Certainty, from 0 (a guess) to 1 (no other language is close).
    pub score: f64,
}
