//! Scores how toxic a text is, with a small linear model over words, subwords and a lexicon. English only.
//!
//! Part of the filter stage, which compares the score with the recipe's threshold and lists the words from
//! [`reportable_words`] in the rejection's detail. `MODEL_CARD.md` in this folder describes the training data, the limits
//! and the quality of the model; [`training`] makes the weights.
//!
//! A text is split at sentence ends into windows of 32 to 64 words, each with a score. The text's score is the mean of
//! the ⌊√n⌋ highest of its n window scores: one window for a post or a few paragraphs, ten of the hundred windows of a
//! long article. So the surrounding text does not hide a passage of abuse, and one quoted insult does not make a book
//! toxic.
//!
//! Invariant: the name of a group has no weight (see `identity.txt`), and a text has the same score on every machine.

mod coverage;
pub mod features;
mod lexicon;
pub mod model;
pub mod scorer;
pub mod spans;
mod token;
pub mod training;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use features::{FeatureKind, FeatureSink, extract};
use lexicon::Lexicon;
use model::{Evidence, Weights};
use scorer::Aggregate;
use spans::{Unit, spans};

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

    /// Digest of everything that a score depends on besides the text: weights, lexicon and names of groups.
    pub fn digest(&self) -> String {
        let parts = [self.weights.to_bytes(), lexicon::LEXICON_TEXT.into(), lexicon::IDENTITY_TEXT.into()];
        corpusmill_pipeline::Digest::of_parts(parts.iter().map(Vec::as_slice)).to_string()
    }

    /// A model with other weights.
    pub fn new(weights: Weights) -> Self {
        Self { weights }
    }

    /// The toxicity of `text`, from 0 to 1, or `None` if its language is not covered.
    ///
    /// `language` is the text's ISO 639 code, if known. Otherwise the beginning of the text decides, and a short text
    /// in Latin script counts as English. The score is calibrated on posts and comments, and shifted so that 1 in 2,000
    /// ordinary paragraphs reaches 0.5.
    ///
    /// ```
    /// # use corpusmill_stages::filter::toxicity::ToxicityModel;
    /// let model = ToxicityModel::embedded();
    /// assert!(model.score("Thank you, that was a great help.", None) < Some(0.2));
    /// assert_eq!(model.score("Vielen Dank für alles.", Some("deu")), None);
    /// ```
    pub fn score(&self, text: &str, language: Option<&str>) -> Option<f64> {
        if !coverage::covers(text, language) {
            return None;
        }
        let scores: Vec<f64> = spans(text, Unit::Window).into_iter().map(|span| self.span_score(&text[span])).collect();
        Some(Aggregate::Top.apply(&scores))
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
