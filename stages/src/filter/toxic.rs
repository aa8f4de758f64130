//! The toxicity rule: compares the score of [`super::toxicity::ToxicityModel`] with a threshold.
//!
//! Invariant: a document in a language that the model does not cover has no score, so this rule does not reject it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toxicity::ToxicityModel;
use super::{Facts, Family, Overrides, Rule};

/// Settings of the toxicity rule. Both are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Toxicity {
    /// Maximum toxicity score, 0 to 1. At 0.5 the model considers toxic and harmless equally likely.
    pub max_score: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: Overrides,
}

impl Default for Toxicity {
    fn default() -> Self {
        Self { max_score: Some(0.5), languages: Overrides::new() }
    }
}

const RULES: [Rule; 1] = [Rule::max("toxic", "score", "toxicity score, 0 to 1")];

impl Family for Toxicity {
    fn name(&self) -> &'static str {
        "toxicity"
    }

    fn rules(&self) -> &'static [Rule] {
        &RULES
    }

    fn measure(&self, facts: &Facts<'_>, values: &mut Vec<Option<f64>>) {
        values.push(ToxicityModel::embedded().score(facts.text, facts.language));
    }

    fn base_threshold(&self, _index: usize) -> Option<f64> {
        self.max_score
    }

    fn overrides(&self) -> &Overrides {
        &self.languages
    }

    fn measuring(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncovered_language_has_no_score() {
        let facts = Facts { text: "这是一段普通的中文文本。", language: Some("cmn"), ..Facts::default() };
        let mut values = Vec::new();
        Toxicity::default().measure(&facts, &mut values);
        assert_eq!(values, [None]);
        assert_eq!(Toxicity::default().judge(Some("cmn"), &values), None);
    }
}
