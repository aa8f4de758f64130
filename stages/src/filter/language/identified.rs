//! The result of language identification.
//!
//! Invariant: a score is in 0..=1.

/// An identified language, and how well the text fits it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdentifiedLanguage {
    /// ISO 639-3 code.
    pub language: &'static str,
    /// From 0 (nothing speaks for the language) to 1 (the text is as prose in it is).
    pub score: f64,
}
