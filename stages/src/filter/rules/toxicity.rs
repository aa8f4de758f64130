//! The toxicity rule: compares the score of a model with a threshold.
//!
//! Invariant: a document in a language that the model does not cover has no score, so this rule does not reject it.

use std::path::PathBuf;

use corpusmill_pipeline::UserError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::filter::toxicity::scorer::{Aggregate, Classifiers, ModelError};
use crate::filter::toxicity::spans::Unit;
use crate::rule::DAVIDSON;

/// Settings of the toxicity rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Toxicity {
    /// Maximum toxicity score, 0 to 1. Of ordinary paragraphs, 1 in 2,000 reaches 0.5 by the program's model.
    pub max_score: Option<f64>,
    /// Model file, instead of the program's model: made by `corpusmill filter train toxicity`, or a supervised fastText
    /// model (`.bin`, `.ftz`). Relative to the working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// With a fastText model: the label whose probability is the score.
    pub label: String,
    /// With `model`: languages that it scores, as ISO 639-3 codes; all if empty. The program's model scores English.
    pub model_languages: Vec<String>,
    /// What is scored: windows of 32 to 64 words, sentences, or the whole document.
    pub unit: Unit,
    /// How the scores of the parts become the score of the document: the mean of the ⌊√n⌋ highest of n scores (`top`),
    /// the highest score, the mean, or the share of parts with at least 0.5.
    pub aggregate: Aggregate,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
    /// The model that scores; [`Toxicity::load`] reads it.
    #[serde(skip)]
    classifiers: Classifiers,
}

impl Default for Toxicity {
    fn default() -> Self {
        Self {
            max_score: Some(0.5),
            model: None,
            label: "__label__toxic".to_owned(),
            model_languages: Vec::new(),
            unit: Unit::default(),
            aggregate: Aggregate::default(),
            languages: LanguageThresholds::new(),
            classifiers: Classifiers::default(),
        }
    }
}

impl Toxicity {
    /// Reads the file `model`, if there is one; without this, the program's model scores. Then forgets its path, since
    /// the digest of the file says all.
    ///
    /// # Errors
    /// If the file cannot be read or is no model, or if a setting needs a model file and there is none.
    pub fn load(&mut self) -> Result<(), UserError> {
        let Some(path) = self.model.take() else {
            let default = Self::default();
            if self.label != default.label || self.model_languages != default.model_languages {
                let error = UserError::new("filter: toxicity: `label` and `model-languages` need `model`");
                return Err(error.with_hint("name a model file, or remove them"));
            }
            return Ok(());
        };
        let problem =
            |error: ModelError| UserError::new(format!("filter: toxicity: model {}: {error}", path.display()));
        self.classifiers = Classifiers::read(&path, &self.label).map_err(problem)?;
        Ok(())
    }

    /// The score of a text, 0 to 1, or `None` if the model does not cover its language.
    pub fn score(&self, text: &str, language: Option<&str>) -> Option<f64> {
        self.classifiers.score(text, language, &self.model_languages, self.unit, self.aggregate)
    }

    /// Digest of the model that scores.
    pub fn model_digest(&self) -> String {
        self.classifiers.digest()
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
        self.score(document.text, document.language)
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }

    fn measurement_settings(&self) -> Self {
        Self { max_score: Self::default().max_score, languages: LanguageThresholds::new(), ..self.clone() }
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
