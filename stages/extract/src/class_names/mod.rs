//! What the `class` and `id` names of elements mean: which ones say that an element is no content, and which group it is in.
//!
//! Invariant: names are matched word by word, so that `shareholder` is not `share`.

pub(crate) mod cache;
pub(crate) mod groups;
pub(crate) mod rules;
