//! The rules of the filter: a table per group, and the list of all rules.
//!
//! [`RuleGroup::measure`] runs in the stage `filter-measure`, [`RuleGroup::apply_thresholds`] in the stage `filter`.
//!
//! A name says what is wrong with a document: `too-few-THINGS` and `too-many-THINGS` for counts and shares of things,
//! `too-much-STUFF` for what cannot be counted, `THING-too-short` and `THING-too-long` for lengths, `SCORE-too-low` for
//! scores. A bare noun means one occurrence or a kind of document: `lorem-ipsum`, `minified`. Where two groups measure
//! the same, the published rule has the plain name and the other has its group in front: `length-too-few-words`. A rule
//! that edits is named after what it cuts. No two names differ only in singular and plural.
//!
//! Invariant: one row of a table binds a rule, its value in a measurement and its threshold.

pub mod c4;
mod catalogue;
pub mod code;
mod duplicates;
pub mod fineweb;
pub mod gopher_quality;
pub mod gopher_repetition;
pub mod length;
mod ngrams;
mod numbering;
pub(super) mod numbers;
pub(super) mod table;
#[cfg(test)]
mod tests;
pub mod toxicity;

pub use catalogue::{CatalogueEntry, CatalogueGroup, catalogue};
pub use table::{
    BrokenRule, DocumentView, LanguageThresholds, RuleGroup, RuleRow, RuleTable, SharedMeasurements, UnknownRule,
};
