//! Filters: measure documents and reject those that cross a threshold.
//!
//! On a document's path: after extraction, before deduplication and mixing. Measuring and rejecting are separate: a
//! [`RuleGroup`] measures a document into one optional number per rule, which the caller stores in the columns
//! `filter.RULE`, and then compares these numbers with thresholds. Measuring reads no threshold, so a changed threshold
//! does not re-measure anything.
//!
//! *Invariant*: every measured value is finite, depends only on the document and
//! [`RuleGroup::measurement_settings`], and is `None` where the rule does not apply (a language without a stop-word list, a text
//! without words). `None` never rejects. Shares are in 0..=1.

pub mod c4;
pub mod code;
mod comments;
mod edit;
mod encoded;
pub mod fineweb;
mod function_words;
pub mod gopher;
pub mod language;
pub mod length;
mod letters;
pub mod licence;
pub mod lines;
mod measure;
mod ngrams;
pub mod redact;
pub mod repetition;
pub mod step;
mod threshold;
pub mod toxic;
pub mod toxicity;

use std::collections::BTreeMap;
use std::fmt::Debug;

/// The parts of one document that a rule can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DocumentView<'a> {
    /// The text.
    pub text: &'a str,
    /// ISO 639-3 code, if the document has one.
    pub language: Option<&'a str>,
    /// Media type such as `text/x-python`, if known.
    pub media_type: Option<&'a str>,
    /// URL or archive path; its extension names a programming language where the media type does not.
    pub origin: Option<&'a str>,
}

/// The side of the threshold on which a value rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A value below the threshold rejects.
    Min,
    /// A value above the threshold rejects.
    Max,
}

/// One rule: its name, what it measures and on which side it rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterRule {
    /// Kebab-case name, unique over all groups. Rejections and the measured column are both named `filter.NAME`.
    pub name: &'static str,
    /// The side that rejects.
    pub bound: Bound,
    /// Unit of the value and the threshold: `words`, `share`, `characters` …
    pub unit: &'static str,
    /// Meaning of the value, for documentation.
    pub description: &'static str,
}

impl FilterRule {
    const fn min(name: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self { name, bound: Bound::Min, unit, description }
    }

    const fn max(name: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self { name, bound: Bound::Max, unit, description }
    }

    /// Whether `value` is on the rejecting side of `threshold`. A value equal to the threshold passes.
    pub fn rejects(&self, value: f64, threshold: f64) -> bool {
        match self.bound {
            Bound::Min => value < threshold,
            Bound::Max => value > threshold,
        }
    }
}

/// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
pub type LanguageThresholds = BTreeMap<String, BTreeMap<String, Option<f64>>>;

/// Why a document is rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokenRule {
    /// Name of the first broken rule, in the order of [`RuleGroup::rules`].
    pub rule: &'static str,
    /// The measured value.
    pub value: f64,
    /// The threshold that the value crosses.
    pub threshold: f64,
}

/// An override names a rule that its group lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`languages.{language}.{rule}`: {group} has no such rule; it has {known}")]
pub struct UnknownRule {
    /// Name of the group.
    pub group: &'static str,
    /// Language code under which the rule is listed.
    pub language: String,
    /// The unknown rule name.
    pub rule: String,
    /// The allowed names, joined with commas.
    pub known: String,
}

/// A group of rules that are measured together. The implementing struct holds their settings.
pub trait RuleGroup: Debug + Send + Sync {
    /// Kebab-case name of the group.
    fn name(&self) -> &'static str;

    /// The rules, in the order of the measured values.
    fn rules(&self) -> &'static [FilterRule];

    /// Appends one value per rule to `values`. Reads no threshold.
    fn measure(&self, document: &DocumentView<'_>, values: &mut Vec<Option<f64>>);

    /// Threshold of the rule at `index` for languages without an override, or `None` if the rule is off.
    fn base_threshold(&self, index: usize) -> Option<f64>;

    /// Thresholds that replace the base thresholds, per language.
    fn language_thresholds(&self) -> &LanguageThresholds;

    /// A copy that keeps only the settings that [`RuleGroup::measure`] reads; all others have their defaults. The key of a
    /// stored measurement covers this copy.
    #[must_use]
    fn measurement_settings(&self) -> Self
    where
        Self: Sized;

    /// Threshold of the rule at `index` for a document in `language`.
    fn threshold(&self, index: usize, language: Option<&str>) -> Option<f64> {
        let name = self.rules().get(index)?.name;
        language
            .and_then(|code| self.language_thresholds().get(code))
            .and_then(|rules| rules.get(name))
            .map_or_else(|| self.base_threshold(index), |threshold| *threshold)
    }

    /// The first rule that the measured `values` break.
    fn apply_thresholds(&self, language: Option<&str>, values: &[Option<f64>]) -> Option<BrokenRule> {
        self.rules().iter().zip(values).enumerate().find_map(|(index, (rule, value))| {
            let (value, threshold) = ((*value)?, self.threshold(index, language)?);
            rule.rejects(value, threshold).then_some(BrokenRule { rule: rule.name, value, threshold })
        })
    }

    /// Checks that the overrides name only rules of this group.
    ///
    /// # Errors
    /// [`UnknownRule`] for the first name that is not a rule of this group.
    fn check(&self) -> Result<(), UnknownRule> {
        for (language, rules) in self.language_thresholds() {
            if let Some(rule) = rules.keys().find(|name| self.rules().iter().all(|rule| rule.name != *name)) {
                return Err(UnknownRule {
                    group: self.name(),
                    language: language.clone(),
                    rule: rule.clone(),
                    known: self.rules().iter().map(|rule| rule.name).collect::<Vec<_>>().join(", "),
                });
            }
        }
        Ok(())
    }
}

/// Characters of a script without spaces that count as one word, for thresholds that were derived from text with
/// spaces: Chinese words have 1.5 to 2 characters in running text.
const CHARACTERS_PER_WORD: usize = 2;

/// Whether most words of `text` are single characters of scripts without spaces.
fn is_mostly_unspaced(text: &str) -> bool {
    let (mut single, mut all) = (0_usize, 0_usize);
    if text.is_ascii() {
        return false;
    }
    for word in crate::words::spans(text) {
        all += 1;
        single += usize::from(word.single);
    }
    single * 2 > all
}

/// A count as a value. Exact below 2³², the maximum length of one Arrow string.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// `part / whole`, or 0 if `whole` is 0.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { count(part) / count(whole) }
}

/// `part / whole`, or `None` if `whole` is 0.
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| share(part, whole))
}

#[cfg(test)]
mod tests;
