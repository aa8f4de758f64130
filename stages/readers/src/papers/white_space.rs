//! White space of papers.
//!
//! Invariant: the words of a text and their order are kept.

/// Collapses white space of any kind and length to one space.
pub(super) fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
