//! Tables of measured rules, and the view of them that the stages use.
//!
//! The author of a group writes a [`RuleTable`]; every table is a [`RuleGroup`], which `filter-measure` and `filter` use
//! without knowing the settings of the group.
//!
//! Invariant: values have the order of the rows, and only the rows map a rule to its value and threshold.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

use super::duplicates::Duplicates;
use super::numbers;
use crate::rule::{Bound, Rule, Source};
use crate::words;

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
    /// What several groups measure of the text; without it, each group measures by itself.
    pub shared: Option<&'a SharedMeasurements>,
}

/// Measurements of one text that several groups use. The first group that needs one makes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedMeasurements {
    duplicate_lines: OnceCell<Duplicates>,
    is_mostly_unspaced: OnceCell<bool>,
}

impl DocumentView<'_> {
    /// The lines that repeat an earlier one.
    pub(super) fn duplicate_lines(&self) -> Duplicates {
        let count = || Duplicates::count(words::lines(self.text));
        self.shared.map_or_else(count, |shared| *shared.duplicate_lines.get_or_init(count))
    }

    /// Whether most words of the text are single characters of scripts without spaces.
    pub(super) fn is_mostly_unspaced(&self) -> bool {
        let decide = || numbers::is_mostly_unspaced(self.text);
        self.shared.map_or_else(decide, |shared| *shared.is_mostly_unspaced.get_or_init(decide))
    }
}

/// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
pub type LanguageThresholds = BTreeMap<String, BTreeMap<String, Option<f64>>>;

/// Why a document is rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokenRule {
    /// Name of the first broken rule, in the order of the table.
    pub rule: &'static str,
    /// The measured value.
    pub value: f64,
    /// The threshold that the value crosses.
    pub threshold: f64,
}

/// An override names a rule that its group lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`languages.{language}.{rule}`: {group} has no such rule")]
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

/// One row of a table: a rule, its value in a measurement `M`, and its threshold in the settings `G`.
pub struct RuleRow<G, M> {
    rule: Rule,
    value: fn(&M) -> Option<f64>,
    threshold: fn(&G) -> Option<f64>,
}

impl<G, M> RuleRow<G, M> {
    /// A rule that rejects values below its threshold.
    pub(super) const fn min(
        name: &'static str,
        setting: &'static str,
        unit: &'static str,
        description: &'static str,
        source: Source,
        value: fn(&M) -> Option<f64>,
        threshold: fn(&G) -> Option<f64>,
    ) -> Self {
        let rule = Rule { name, bound: Bound::Min, setting: Some(setting), unit, description, source };
        Self { rule, value, threshold }
    }

    /// A rule that rejects values above its threshold.
    pub(super) const fn max(
        name: &'static str,
        setting: &'static str,
        unit: &'static str,
        description: &'static str,
        source: Source,
        value: fn(&M) -> Option<f64>,
        threshold: fn(&G) -> Option<f64>,
    ) -> Self {
        let rule = Rule { name, bound: Bound::Max, setting: Some(setting), unit, description, source };
        Self { rule, value, threshold }
    }
}

/// A group of rules that are measured together. The implementing struct holds their settings.
pub trait RuleTable: Debug + Clone + Default + Serialize + Send + Sync + 'static {
    /// The numbers of one document, from which each row takes its value.
    type Measurement: 'static;

    /// Kebab-case name of the group, which is its key in the settings of the filter.
    const NAME: &'static str;

    /// The rules, in the order in which their thresholds apply.
    const ROWS: &'static [RuleRow<Self, Self::Measurement>];

    /// Measures a document. Reads no threshold.
    fn measurement(&self, document: &DocumentView<'_>) -> Self::Measurement;

    /// Thresholds that replace those of the rows, per language.
    fn language_thresholds(&self) -> &LanguageThresholds;

    /// A copy that keeps only the settings that [`RuleTable::measurement`] reads; all others have their defaults. The
    /// key of a stored measurement covers this copy. A group that has only thresholds keeps this default.
    #[must_use]
    fn measurement_settings(&self) -> Self {
        Self::default()
    }
}

/// A group of rules without its settings: what the stages need of a [`RuleTable`].
pub trait RuleGroup: Debug + Send + Sync {
    /// Kebab-case name of the group.
    fn name(&self) -> &'static str;

    /// The rules, in the order of the measured values.
    fn rules(&self) -> Vec<&'static Rule>;

    /// Appends one value per rule to `values`. Reads no threshold.
    fn measure(&self, document: &DocumentView<'_>, values: &mut Vec<Option<f64>>);

    /// Threshold of the rule at `index` for a document in `language`, or `None` if the rule is off.
    fn threshold(&self, index: usize, language: Option<&str>) -> Option<f64>;

    /// The first rule that the measured `values` break.
    fn apply_thresholds(&self, language: Option<&str>, values: &[Option<f64>]) -> Option<BrokenRule>;

    /// Checks that the overrides name only rules of this group.
    ///
    /// # Errors
    /// [`UnknownRule`] for the first name that is not a rule of this group.
    fn check(&self) -> Result<(), UnknownRule>;

    /// The first threshold that no value can reach, as a key in the settings, with the reason.
    fn impossible_threshold(&self) -> Option<(String, String)>;
}

impl<G: RuleTable> RuleGroup for G {
    fn name(&self) -> &'static str {
        G::NAME
    }

    fn rules(&self) -> Vec<&'static Rule> {
        G::ROWS.iter().map(|row| &row.rule).collect()
    }

    fn measure(&self, document: &DocumentView<'_>, values: &mut Vec<Option<f64>>) {
        let measurement = self.measurement(document);
        values.extend(G::ROWS.iter().map(|row| (row.value)(&measurement)));
    }

    fn threshold(&self, index: usize, language: Option<&str>) -> Option<f64> {
        let row = G::ROWS.get(index)?;
        language
            .and_then(|code| self.language_thresholds().get(code))
            .and_then(|rules| rules.get(row.rule.name))
            .map_or_else(|| (row.threshold)(self), |threshold| *threshold)
    }

    fn apply_thresholds(&self, language: Option<&str>, values: &[Option<f64>]) -> Option<BrokenRule> {
        G::ROWS.iter().zip(values).enumerate().find_map(|(index, (row, value))| {
            let (value, threshold) = ((*value)?, self.threshold(index, language)?);
            row.rule.rejects(value, threshold).then_some(BrokenRule { rule: row.rule.name, value, threshold })
        })
    }

    fn check(&self) -> Result<(), UnknownRule> {
        let is_known = |name: &String| G::ROWS.iter().any(|row| row.rule.name == *name);
        for (language, rules) in self.language_thresholds() {
            if let Some(rule) = rules.keys().find(|name| !is_known(name)) {
                return Err(UnknownRule {
                    group: G::NAME,
                    language: language.clone(),
                    rule: rule.clone(),
                    known: G::ROWS.iter().map(|row| row.rule.name).collect::<Vec<_>>().join(", "),
                });
            }
        }
        Ok(())
    }

    fn impossible_threshold(&self) -> Option<(String, String)> {
        let general = G::ROWS.iter().filter_map(|row| {
            let key = row.rule.setting.unwrap_or(row.rule.name);
            Some((key.to_owned(), row, (row.threshold)(self)?))
        });
        let by_language = self.language_thresholds().iter().flat_map(|(language, rules)| {
            G::ROWS.iter().filter_map(move |row| {
                let threshold = (*rules.get(row.rule.name)?)?;
                Some((format!("languages.{language}.{}", row.rule.name), row, threshold))
            })
        });
        general.chain(by_language).find_map(|(key, row, threshold)| {
            let reason = row.rule.impossible(threshold)?;
            Some((format!("{}.{key}", G::NAME), format!("the threshold is {threshold}, but {reason}")))
        })
    }
}
