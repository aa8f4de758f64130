//! Scores how toxic a text is, with a small linear model over words, subwords and a lexicon. English only.
//!
//! Part of the filter stage, which compares the score with the recipe's threshold and lists the words from
//! [`reportable_words`] in the rejection's detail. `MODEL_CARD.md` in this folder describes the training data, the limits
//! and the quality of the model; [`training`] makes the weights.
//!
//! A text is split into spans, such as windows of 32 to 64 words, each with a score ([`spans`]), and the scores become
//! one ([`scorer`]). By default that is the mean of the ⌊√n⌋ highest of n window scores: one window for a post or a few
//! paragraphs, ten of the hundred windows of a long article. So the surrounding text does not hide a passage of abuse,
//! and one quoted insult does not make a book toxic.
//!
//! Invariant: each name of a group in `identity.txt` has the same effect on a score, and a text has the same score on
//! every machine.

mod coverage;
mod features;
mod lexicon;
mod model;
pub mod scorer;
pub mod spans;
mod token;
pub mod training;

#[cfg(test)]
mod tests;

pub use model::{Weights, WeightsError};

use std::sync::OnceLock;

use features::{FeatureKind, FeatureSink, extract};
use lexicon::Lexicon;
use model::Evidence;

/// Scores the toxicity of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct ToxicityModel {
    weights: Weights,
}

impl ToxicityModel {
    /// The model embedded in the program.
    ///
    /// # Panics
    /// If the embedded `weights.bin` is damaged. A test reads it.
    pub fn embedded() -> &'static Self {
        static MODEL: OnceLock<ToxicityModel> = OnceLock::new();
        MODEL.get_or_init(|| {
            let weights = Weights::from_bytes(include_bytes!("weights.bin"));
            Self::new(weights.expect("weights.bin is embedded and a test reads it"))
        })
    }

    /// Digest of everything that a score depends on besides the text: the weights, whose file names the word lists and
    /// the version of the features.
    pub fn digest(&self) -> String {
        corpusmill_pipeline::Digest::of(&self.weights.to_bytes()).to_string()
    }

    /// [`ToxicityModel::digest`] of the embedded model.
    pub fn embedded_digest() -> &'static str {
        static DIGEST: OnceLock<String> = OnceLock::new();
        DIGEST.get_or_init(|| Self::embedded().digest())
    }

    /// A model with other weights.
    pub fn new(weights: Weights) -> Self {
        Self { weights }
    }

    /// The score of one window or sentence, from 0 to 1, in any language.
    pub fn span_score(&self, span: &str) -> f64 {
        self.weights.probability(self.evidence(span))
    }

    /// The evidence of a span. Positive values indicate toxicity.
    fn evidence(&self, span: &str) -> f64 {
        let mut sum = SpanEvidence { weights: &self.weights, evidence: Evidence::default() };
        extract(span, &mut sum);
        sum.evidence.value()
    }
}

struct SpanEvidence<'a> {
    weights: &'a Weights,
    evidence: Evidence,
}

impl FeatureSink for SpanEvidence<'_> {
    fn feature(&mut self, kind: FeatureKind, hash: u64) {
        self.evidence.add(kind, self.weights.weight(hash));
    }
}

/// The first offensive words of `text` to show to users, in the lexicon's form, without repeats, at most `limit`.
pub fn reportable_words(text: &str, limit: usize) -> Vec<&'static str> {
    let mut words = Vec::new();
    token::tokenize(text, Lexicon::embedded(), |token| {
        if let token::Token::Word(_, Some((class, entry))) = token
            && Lexicon::is_reportable(class)
            && words.len() < limit
            && !words.contains(&entry)
        {
            words.push(entry);
        }
    });
    words
}
