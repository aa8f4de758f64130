//! The toxicity rule: compares the score of a model with a threshold.
//!
//! Invariant: a document in a language that the model does not cover has no score, so this rule does not reject it.

use std::path::PathBuf;
use std::sync::OnceLock;

use corpusmill_pipeline::UserError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{DocumentView, LanguageThresholds, RuleGroup, RuleRow, RuleTable};
use crate::filter::toxicity::scorer::{ModelError, ScoreAggregation, ToxicityScorer};
use crate::filter::toxicity::spans::ScoredUnit;
use crate::rule::{DAVIDSON, EditRule};

/// Settings of the toxicity rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Toxicity {
    /// Maximum toxicity score, 0 to 1. By the program's model and with the defaults of the other settings, fewer than 1 in
    /// 1,000 ordinary paragraphs reach 0.5.
    pub max_score: Option<f64>,
    /// Model file, instead of the program's model: made by `corpusmill filter train toxicity`, or a supervised fastText
    /// model (`.bin`, `.ftz`). Relative to the working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// With a fastText model: the label whose probability is the score.
    pub label: String,
    /// With `model`: languages that it scores, as ISO 639-3 codes; all if empty. A document without a language is then not
    /// scored. The program's model scores English.
    pub model_languages: Vec<String>,
    /// What is scored: windows of 32 to 64 words, sentences, or the whole document.
    pub unit: ScoredUnit,
    /// How the scores of the parts become the score of the document: the mean of the ⌊√n⌋ highest of n scores (`top`),
    /// the highest score, the mean, or the share of parts with at least 0.5.
    pub aggregate: ScoreAggregation,
    /// What happens above `max-score`: the document is rejected, or each window or sentence is masked or dropped.
    pub action: ToxicityAction,
    /// The text in place of a masked part.
    pub mask: String,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
    /// The model that scores; [`Toxicity::load`] reads it.
    #[serde(skip)]
    scorer: Option<ToxicityScorer>,
}

impl Default for Toxicity {
    fn default() -> Self {
        Self {
            max_score: Some(0.5),
            model: None,
            label: "__label__toxic".to_owned(),
            model_languages: Vec::new(),
            unit: ScoredUnit::default(),
            aggregate: ScoreAggregation::default(),
            action: ToxicityAction::default(),
            mask: "[removed]".to_owned(),
            languages: LanguageThresholds::new(),
            scorer: None,
        }
    }
}

/// What happens to text above the threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ToxicityAction {
    /// Reject the document.
    #[default]
    Reject,
    /// Put `mask` in place of the window or sentence.
    Mask,
    /// Drop the window or sentence.
    Drop,
}

/// A part of a document that was masked or dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToxicSpan {
    /// Its score.
    pub score: f64,
    /// Its size without the white space at its end.
    pub bytes: u64,
}

/// Name of the rule that masks or drops a part of a document.
pub const TOXIC_SPAN: &str = "toxic-span";

/// The rule of `action: mask` and `action: drop`.
pub const TOXIC_SPAN_RULE: EditRule = EditRule {
    name: TOXIC_SPAN,
    setting: "action",
    unit: "spans",
    description: "windows or sentences with a score above `max-score`",
    source: DAVIDSON,
};

impl Toxicity {
    /// Whether parts of documents are masked or dropped, instead of documents rejected.
    pub fn edits(&self) -> bool {
        self.action != ToxicityAction::Reject
    }

    /// Masks or drops the spans of `text` with a score above the threshold. Returns the edited text, if there are any,
    /// and the spans. The white space at the end of a masked span stays.
    pub fn cut_spans(&self, text: &str, language: Option<&str>) -> (Option<String>, Vec<ToxicSpan>) {
        let scores = self.scorer().span_scores(text, language, &self.model_languages, self.unit);
        let (Some(scores), Some(threshold)) = (scores, RuleGroup::threshold(self, 0, language)) else {
            return (None, Vec::new());
        };
        let mut edited = String::with_capacity(text.len());
        let mut cut = Vec::new();
        for (span, score) in scores {
            let span = &text[span];
            if score <= threshold {
                edited.push_str(span);
                continue;
            }
            let kept = span.trim_end();
            cut.push(ToxicSpan { score, bytes: kept.len() as u64 });
            if self.action == ToxicityAction::Mask {
                edited.push_str(&self.mask);
                edited.push_str(&span[kept.len()..]);
            }
        }
        ((!cut.is_empty()).then_some(edited), cut)
    }

    /// Reads the file `model`, or takes the program's model. Then forgets the path, since the digest of the file says
    /// all. Does nothing if that is done.
    ///
    /// # Errors
    /// If the file cannot be read or is no model, or if a setting needs a model file and there is none.
    pub fn load(&mut self) -> Result<(), UserError> {
        if self.scorer.is_some() {
            return Ok(());
        }
        self.check_settings()?;
        let scorer = match self.model.take() {
            None => ToxicityScorer::default(),
            Some(path) => {
                let problem = |error| match error {
                    // The error names the path.
                    ModelError::Io(error) => UserError::new(format!("filter: toxicity: model: {error}")),
                    other => UserError::new(format!("filter: toxicity: model {}: {other}", path.display())),
                };
                ToxicityScorer::read(&path, &self.label).map_err(problem)?
            }
        };
        if self.label != Self::default().label && !scorer.has_labels() {
            let error = UserError::new("filter: toxicity: the model has no labels");
            return Err(error.with_hint("remove `label`, which selects a label of a fastText model"));
        }
        self.scorer = Some(scorer);
        Ok(())
    }

    /// Checks the settings without reading the model: that they do not exclude each other, and that the file exists.
    ///
    /// # Errors
    /// If a setting needs another, or the file does not exist.
    pub fn check_settings(&self) -> Result<(), UserError> {
        let default = Self::default();
        if self.edits() && self.unit == ScoredUnit::Document {
            let error = UserError::new("filter: toxicity: `action: mask` and `action: drop` need parts of a document");
            return Err(error.with_hint("set `unit` to `window` or `sentence`, or `action` to `reject`"));
        }
        if let Some(code) = self.model_languages.iter().find(|code| !is_language_code(code)) {
            let error = UserError::new(format!("filter: toxicity: model-languages: \"{code}\" is no ISO 639-3 code"));
            return Err(error.with_hint("codes have three letters, such as `eng`"));
        }
        match &self.model {
            None if self.scorer.is_none()
                && (self.label != default.label || self.model_languages != default.model_languages) =>
            {
                let error = UserError::new("filter: toxicity: `label` and `model-languages` need `model`");
                Err(error.with_hint("name a model file, or remove them"))
            }
            Some(path) if !path.is_file() => {
                let error = UserError::new(format!("filter: toxicity: model: no such file: {}", path.display()));
                Err(error.with_hint("the path is relative to the working folder"))
            }
            _ => Ok(()),
        }
    }

    /// The model that scores: the loaded one, or the program's.
    fn scorer(&self) -> &ToxicityScorer {
        static PROGRAM: OnceLock<ToxicityScorer> = OnceLock::new();
        self.scorer.as_ref().unwrap_or_else(|| PROGRAM.get_or_init(ToxicityScorer::default))
    }

    /// The score of a text, 0 to 1, or `None` if the model does not cover its language.
    pub fn score(&self, text: &str, language: Option<&str>) -> Option<f64> {
        self.scorer().score(text, language, &self.model_languages, self.unit, self.aggregate)
    }

    /// Digest of the model that scores.
    pub fn model_digest(&self) -> &str {
        self.scorer().digest()
    }
}

/// Name of the rule; a rejection by it lists the words that it can show.
pub const TOXIC: &str = "toxic";

fn is_language_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase())
}

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

    #[test]
    fn toxic_sentences_are_masked_or_dropped() {
        let text = "Good morning to all.\nYou are a stupid idiot and a liar!  The shop opens at nine.";
        let with = |action| Toxicity { action, unit: ScoredUnit::Sentence, ..Toxicity::default() };
        let (masked, spans) = with(ToxicityAction::Mask).cut_spans(text, Some("eng"));
        assert_eq!(masked.as_deref(), Some("Good morning to all.\n[removed]  The shop opens at nine."));
        assert!(matches!(spans[..], [ToxicSpan { score, bytes: 34 }] if score > 0.5), "{spans:?}");
        let (dropped, _) = with(ToxicityAction::Drop).cut_spans(text, Some("eng"));
        assert_eq!(dropped.as_deref(), Some("Good morning to all.\n The shop opens at nine."));
        assert_eq!(with(ToxicityAction::Drop).cut_spans("Good morning to all.", Some("eng")), (None, Vec::new()));
        assert_eq!(with(ToxicityAction::Drop).cut_spans(text, Some("fra")), (None, Vec::new()));
        let mut whole = Toxicity { action: ToxicityAction::Mask, unit: ScoredUnit::Document, ..Toxicity::default() };
        assert!(whole.load().unwrap_err().to_string().contains("need parts of a document"));
    }

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
