//! Scores documents with a model: the one of the program, one that `corpusmill filter train toxicity` made, or a
//! supervised fastText model.
//!
//! Invariant: a score is in 0..=1, and `None` for a text in a language that the model does not cover.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::{Weights, WeightsError};
use super::spans::{ScoredUnit, spans};
use super::{ToxicityModel, coverage};
use crate::filter::fasttext::{FastTextError, FastTextModel};
use crate::filter::language;
use crate::language_code;

/// How the scores of a document's spans become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreAggregation {
    /// The mean of the ⌊√n⌋ highest of n scores.
    #[default]
    Top,
    /// The highest score.
    Max,
    /// The mean of all scores.
    Mean,
    /// The share of spans with a score of at least 0.5.
    Share,
}

/// Score from which a span counts for [`ScoreAggregation::Share`].
const SPAN_THRESHOLD: f64 = 0.5;

impl ScoreAggregation {
    /// The score of a document whose spans have `scores`; 0 without spans.
    #[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 spans")]
    pub fn apply(self, scores: &[f64]) -> f64 {
        let mean = |scores: &[f64]| scores.iter().fold(0.0, |sum, score| sum + score) / scores.len().max(1) as f64;
        match self {
            Self::Mean => mean(scores),
            Self::Max => scores.iter().copied().fold(0.0, f64::max),
            Self::Share => {
                scores.iter().filter(|score| **score >= SPAN_THRESHOLD).count() as f64 / scores.len().max(1) as f64
            }
            Self::Top => {
                let mut sorted = scores.to_vec();
                sorted.sort_unstable_by(|first, second| second.total_cmp(first));
                mean(&sorted[..sorted.len().isqrt().max(1).min(sorted.len())])
            }
        }
    }
}

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A damaged file of weights, or an unknown one.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A fastText file that cannot classify.
    #[error(transparent)]
    FastText(#[from] FastTextError),
}

/// A model that scores one span.
#[derive(Debug)]
enum SpanClassifier {
    Embedded,
    Linear(ToxicityModel),
    FastText { model: Box<FastTextModel>, label: usize },
}

/// A model that scores documents. Clones share the model.
#[derive(Debug, Clone)]
pub struct ToxicityScorer {
    classifier: Arc<SpanClassifier>,
    digest: Arc<str>,
}

impl Default for ToxicityScorer {
    /// The model of the program.
    fn default() -> Self {
        Self { classifier: Arc::new(SpanClassifier::Embedded), digest: ToxicityModel::embedded_digest().into() }
    }
}

impl PartialEq for ToxicityScorer {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl ToxicityScorer {
    /// Reads a model file; `label` is the label of a fastText model whose probability is the score.
    ///
    /// # Errors
    /// [`ModelError`] if the file cannot be read, is damaged, or is no model.
    pub fn read(path: &Path, label: &str) -> Result<Self, ModelError> {
        let bytes = fs_err::read(path)?;
        let (classifier, digest) = if FastTextModel::is_model(&bytes) {
            let model = Box::new(FastTextModel::from_bytes(&bytes)?);
            let (digest, label) = (format!("{}:{label}", model.digest()), model.label(label)?);
            (SpanClassifier::FastText { model, label }, digest)
        } else {
            let model = ToxicityModel::new(Weights::from_bytes(&bytes)?);
            let digest = model.digest();
            (SpanClassifier::Linear(model), digest)
        };
        Ok(Self { classifier: Arc::new(classifier), digest: digest.into() })
    }

    /// Whether the model has labels.
    pub fn has_labels(&self) -> bool {
        matches!(*self.classifier, SpanClassifier::FastText { .. })
    }

    /// Digest of all that a score depends on besides the text.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The score of `text`, from 0 to 1, or `None` if its language is not covered: English by the model of the program,
    /// `languages` by another, or every language if the list is empty.
    ///
    /// `language` is the text's ISO 639 code, if known. Without it, the beginning of the text decides whether the text is
    /// English, where a short text in Latin script counts as English; a list of other languages covers no such text.
    ///
    /// ```
    /// # use corpusmill_stages::filter::toxicity::{scorer::{ScoreAggregation, ToxicityScorer}, spans::ScoredUnit};
    /// let score = |text, language| {
    ///     ToxicityScorer::default().score(text, language, &[], ScoredUnit::Window, ScoreAggregation::Top)
    /// };
    /// assert!(score("Thank you, that was a great help.", None) < Some(0.2));
    /// assert_eq!(score("Vielen Dank für alles.", Some("deu")), None);
    /// ```
    pub fn score(
        &self,
        text: &str,
        language: Option<&str>,
        languages: &[String],
        unit: ScoredUnit,
        aggregate: ScoreAggregation,
    ) -> Option<f64> {
        let spans = self.span_scores(text, language, languages, unit)?;
        let scores: Vec<f64> = spans.into_iter().map(|(_, score)| score).collect();
        Some(aggregate.apply(&scores))
    }

    /// The spans of `text` with their scores, in order, or `None` if its language is not covered.
    pub fn span_scores(
        &self,
        text: &str,
        language: Option<&str>,
        languages: &[String],
        unit: ScoredUnit,
    ) -> Option<Vec<(Range<usize>, f64)>> {
        let covered = if matches!(*self.classifier, SpanClassifier::Embedded) {
            coverage::covers(text, language)
        } else {
            // Documents may have a code such as `en` or `en-GB`.
            let listed = |code: &str| {
                let code = language_code::iso639_3(code).unwrap_or(code);
                languages.iter().any(|listed| language::matches_code(listed, code))
            };
            languages.is_empty() || language.is_some_and(listed)
        };
        if !covered {
            return None;
        }
        let scored = |span: Range<usize>| (span.clone(), self.span_score(&text[span]));
        Some(spans(text, unit).into_iter().map(scored).collect())
    }

    /// The score of one span.
    fn span_score(&self, span: &str) -> f64 {
        match &*self.classifier {
            SpanClassifier::Embedded => ToxicityModel::embedded().span_score(span),
            SpanClassifier::Linear(model) => model.span_score(span),
            SpanClassifier::FastText { model, label } => {
                model.probabilities(span).get(*label).map_or(0.0, |score| f64::from(*score).clamp(0.0, 1.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_aggregated() {
        let scores = [0.1, 0.9, 0.5, 0.3];
        for (aggregate, expected) in [
            (ScoreAggregation::Top, 0.7),
            (ScoreAggregation::Max, 0.9),
            (ScoreAggregation::Mean, 0.45),
            (ScoreAggregation::Share, 0.5),
        ] {
            let score = aggregate.apply(&scores);
            assert!((score - expected).abs() < 1e-12, "{aggregate:?}: {score}");
        }
        assert_eq!(ScoreAggregation::Top.apply(&[]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn files_that_are_no_models_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.bin");
        assert!(matches!(ToxicityScorer::read(&path, "x"), Err(ModelError::Io(_))));
        fs_err::write(&path, b"nothing").unwrap();
        assert!(matches!(ToxicityScorer::read(&path, "x"), Err(ModelError::Weights(WeightsError::Magic))));
        let weights = Weights { slope: 1.0, intercept: 1.0, buckets: vec![0; 8] };
        fs_err::write(&path, weights.to_bytes()).unwrap();
        let model = ToxicityScorer::read(&path, "x").unwrap();
        let score = |language, languages: &[String]| {
            model.score("bonjour", language, languages, ScoredUnit::Document, ScoreAggregation::Max)
        };
        assert!(score(Some("fra"), &[]).is_some_and(|score| score > 0.7));
        assert_eq!(score(Some("fra"), &["eng".to_owned()]), None);
    }
}
