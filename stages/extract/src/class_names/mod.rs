//! What the `class` and `id` names of elements mean: which ones say that an element is not content, and which group it
//! is in.
//!
//! Invariant: rules and groups match names word by word, so that `shareholder` is not `share`.

pub(crate) mod cache;
pub(crate) mod exact;
pub(crate) mod groups;
pub(crate) mod rules;
