//! The toxicity rule: compares the score of [`crate::filter::toxicity::ToxicityModel`] with a threshold.
//!
//! Invariant: a document in a language that the model does not cover has no score, so this rule does not reject it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::filter::toxicity::ToxicityModel;
use crate::rule::DAVIDSON;

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

/// Name of the rule; a rejection by it lists the words that it can show.
pub const TOXIC: &str = "toxic";

impl RuleTable for Toxicity {
    type Measurement = Option<f64>;

    const NAME: &'static str = "toxicity";

    const ROWS: &'static [RuleRow<Self, Option<f64>>] =
        &[RuleRow::max(TOXIC, "max-score", "score", "toxicity score, 0 to 1", DAVIDSON, |m| *m, |s| s.max_score)];

    fn measurement(&self, document: &DocumentView<'_>) -> Option<f64> {
        ToxicityModel::embedded().score(document.text, document.language)
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::table::RuleGroup;

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
