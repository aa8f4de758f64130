//! Filters: measure documents and reject those that cross a threshold.
//!
//! Runs after extraction, before deduplication and mixing. Measuring and rejecting are separate: a [`RuleGroup`]
//! measures a document into one optional number per rule, which the caller stores in the columns `filter.RULE`, and then
//! compares these numbers with thresholds. Measuring reads no threshold, so a changed threshold does not re-measure
//! anything.
//!
//! Invariant: every measured value is finite, depends only on the document and
//! [`rules::RuleTable::measurement_settings`], and is `None` where the rule does not apply (a language without a
//! stop-word list, a text without words). `None` never rejects. Shares are in 0..=1.

pub mod fasttext;
pub mod language;
pub mod licence;
pub mod lines;
pub mod redact;
pub mod rules;
mod settings;
pub mod stages;
pub mod toxicity;

pub use rules::{DocumentView, RuleGroup};
pub use settings::FilterSettings;
