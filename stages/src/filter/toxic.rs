//! The toxicity rule: compares the score of [`super::toxicity::ToxicityModel`] with a threshold.
//!
//! Invariant: a document in a language that the model does not cover has no score, so this rule does not reject it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toxicity::ToxicityModel;
use super::{DocumentView, FilterRule, LanguageThresholds, RuleGroup};

/// Settings of the toxicity rule. Both are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Toxicity {
    /// Maximum toxicity score, 0 to 1. At 0.5 the model considers toxic and harmless equally likely.
    pub max_score: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

impl Default for Toxicity {
    fn default() -> Self {
        Self { max_score: Some(0.5), languages: LanguageThresholds::new() }
    }
}

const RULES: [FilterRule; 1] = [FilterRule::max("toxic", "score", "toxicity score, 0 to 1")];

impl RuleGroup for Toxicity {
    fn name(&self) -> &'static str {
        "toxicity"
    }

    fn rules(&self) -> &'static [FilterRule] {
        &RULES
    }

    fn measure(&self, document: &DocumentView<'_>, values: &mut Vec<Option<f64>>) {
        values.push(ToxicityModel::embedded().score(document.text, document.language));
    }

    fn base_threshold(&self, _index: usize) -> Option<f64> {
        self.max_score
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }

    fn measurement_settings(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncovered_language_has_no_score() {
        let document =
            DocumentView {
                text: "这是一段普通的中文文本。", language: Some("cmn"), ..DocumentView::default()
            };
        let mut values = Vec::new();
        Toxicity::default().measure(&document, &mut values);
        assert_eq!(values, [None]);
        assert_eq!(Toxicity::default().apply_thresholds(Some("cmn"), &values), None);
    }
}
