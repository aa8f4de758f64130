//! Scores documents with a model: the one of the program, one that `corpusmill filter train toxicity` made, or a
//! supervised fastText model.
//!
//! Invariant: a score is in 0..=1, and `None` for a text in a language that the model does not cover.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::{Weights, WeightsError};
use super::spans::{Unit, spans};
use super::{ToxicityModel, coverage};
use crate::filter::fasttext::{FastTextError, FastTextModel};

/// How the scores of a document's spans become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
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

/// Score from which a span counts for [`Aggregate::Share`].
const SPAN_THRESHOLD: f64 = 0.5;

impl Aggregate {
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
enum Classifier {
    Embedded,
    Linear(ToxicityModel),
    FastText { model: Box<FastTextModel>, label: usize },
}

/// A model file in memory.
#[derive(Debug, Clone)]
pub struct Classifiers(Arc<Classifier>);

impl Default for Classifiers {
    /// The model of the program.
    fn default() -> Self {
        Self(Arc::new(Classifier::Embedded))
    }
}

impl PartialEq for Classifiers {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Classifiers {
    /// Reads a model file; `label` is the label of a fastText model whose probability is the score.
    ///
    /// # Errors
    /// [`ModelError`] if the file cannot be read, is damaged, or is no model.
    pub fn read(path: &Path, label: &str) -> Result<Self, ModelError> {
        let bytes = fs_err::read(path)?;
        let classifier = if FastTextModel::is_model(&bytes) {
            let model = Box::new(FastTextModel::from_bytes(&bytes)?);
            let label = model.label(label)?;
            Classifier::FastText { model, label }
        } else {
            Classifier::Linear(ToxicityModel::new(Weights::from_bytes(&bytes)?))
        };
        Ok(Self(Arc::new(classifier)))
    }

    /// Digest of all that a score depends on besides the text.
    pub fn digest(&self) -> String {
        match &*self.0 {
            Classifier::Embedded => ToxicityModel::embedded().digest(),
            Classifier::Linear(model) => model.digest(),
            Classifier::FastText { model, label } => format!("{}:{label}", model.digest()),
        }
    }

    /// The score of `text`, from 0 to 1, or `None` if its language is not covered: English by the model of the program,
    /// `languages` by another, or every language if the list is empty.
    pub fn score(
        &self,
        text: &str,
        language: Option<&str>,
        languages: &[String],
        unit: Unit,
        aggregate: Aggregate,
    ) -> Option<f64> {
        let covered = match &*self.0 {
            Classifier::Embedded => coverage::covers(text, language),
            _ => languages.is_empty() || language.is_some_and(|code| languages.iter().any(|known| known == code)),
        };
        if !covered {
            return None;
        }
        let scores: Vec<f64> = spans(text, unit).into_iter().map(|span| self.span_score(&text[span])).collect();
        Some(aggregate.apply(&scores))
    }

    /// The score of one span.
    fn span_score(&self, span: &str) -> f64 {
        match &*self.0 {
            Classifier::Embedded => ToxicityModel::embedded().span_score(span),
            Classifier::Linear(model) => model.span_score(span),
            Classifier::FastText { model, label } => {
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
        for (aggregate, expected) in
            [(Aggregate::Top, 0.7), (Aggregate::Max, 0.9), (Aggregate::Mean, 0.45), (Aggregate::Share, 0.5)]
        {
            let score = aggregate.apply(&scores);
            assert!((score - expected).abs() < 1e-12, "{aggregate:?}: {score}");
        }
        assert_eq!(Aggregate::Top.apply(&[]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn files_that_are_no_models_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.bin");
        assert!(matches!(Classifiers::read(&path, "x"), Err(ModelError::Io(_))));
        fs_err::write(&path, b"nothing").unwrap();
        assert!(matches!(Classifiers::read(&path, "x"), Err(ModelError::Weights(WeightsError::Magic))));
        let weights = Weights { slope: 1.0, intercept: 1.0, buckets: vec![0; 8] };
        fs_err::write(&path, weights.to_bytes()).unwrap();
        let model = Classifiers::read(&path, "x").unwrap();
        let score = |language, languages: &[String]| {
            model.score("bonjour", language, languages, Unit::Document, Aggregate::Max)
        };
        assert!(score(Some("fra"), &[]).is_some_and(|score| score > 0.7));
        assert_eq!(score(Some("fra"), &["eng".to_owned()]), None);
    }
}
