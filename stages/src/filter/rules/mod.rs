//! The rules of the filter: a table per group, and the list of all rules.
//!
//! On a document's path: [`RuleGroup::measure`] runs in `filter-measure`, [`RuleGroup::apply_thresholds`] in `filter`.
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
pub(super) mod numbers;
pub(super) mod table;
#[cfg(test)]
mod tests;
pub mod toxicity;

pub use catalogue::{CatalogueEntry, CatalogueGroup, catalogue};
pub use table::{BrokenRule, DocumentView, LanguageThresholds, RuleGroup, RuleRow, RuleTable, UnknownRule};
