//! Scores how toxic a text is, with a small linear model over words, subwords and a lexicon. English only.
//!
//! Part of the filter stage, which compares the score with the recipe's threshold and lists the words from
//! [`reportable_words`] in the rejection's detail. `MODEL_CARD.md` in this folder describes the training data, the limits
//! and the quality of the model. To rebuild the weights:
//!
//! ```text
//! cargo run --release -p corpusmill-tools --bin train_toxicity -- \
//!     --train davidson.train.jsonl --clean clean.jsonl --output stages/src/filter/toxicity/weights.bin
//! ```
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
mod token;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use features::{FeatureSink, extract};
use lexicon::Lexicon;
use model::Weights;

/// Minimum number of words after which a window ends with its sentence.
const WINDOW_WORDS: u32 = 32;
/// Maximum number of words of a window.
const MAX_WINDOW_WORDS: u32 = 64;
/// Minimum number of words of the last window; a shorter one is merged with the window before it.
const MIN_WINDOW_WORDS: u32 = 12;

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
    /// in Latin script counts as English. The score is calibrated on short posts, of which about half are toxic, and
    /// shifted so that fewer than 3 in 1,000 paragraphs of documentation reach 0.5.
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
        Some(self.combine(&self.windows(text)))
    }

    /// The evidence of each window of `text`, in order. Positive values indicate toxicity.
    pub fn windows(&self, text: &str) -> Vec<f64> {
        let mut windows = Windows { weights: &self.weights, open: Window::default(), closed: Vec::new() };
        extract(text, &mut windows);
        windows.finish().into_iter().map(Window::evidence).collect()
    }

    /// A text's score from the evidence of its windows: the mean of the ⌊√n⌋ highest of n window scores.
    pub fn combine(&self, windows: &[f64]) -> f64 {
        let mut scores: Vec<f64> = windows.iter().map(|evidence| self.weights.probability(*evidence)).collect();
        scores.sort_unstable_by(|first, second| second.total_cmp(first));
        let count = scores.len().isqrt().max(1);
        let sum: f64 = scores.iter().take(count).sum();
        #[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 windows")]
        let mean = sum / count as f64;
        mean
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Window {
    sum: i64,
    features: u64,
    words: u32,
}

impl Window {
    fn evidence(self) -> f64 {
        Weights::evidence(self.sum, self.features)
    }
}

struct Windows<'a> {
    weights: &'a Weights,
    open: Window,
    closed: Vec<Window>,
}

impl Windows<'_> {
    fn close(&mut self) {
        self.closed.push(std::mem::take(&mut self.open));
    }

    fn finish(mut self) -> Vec<Window> {
        match self.closed.last_mut() {
            Some(last) if self.open.words < MIN_WINDOW_WORDS => {
                last.sum += self.open.sum;
                last.features += self.open.features;
                last.words += self.open.words;
            }
            _ => self.close(),
        }
        self.closed
    }
}

impl FeatureSink for Windows<'_> {
    fn feature(&mut self, hash: u64) {
        self.open.sum += i64::from(self.weights.weight(hash));
        self.open.features += 1;
    }

    fn word(&mut self) {
        self.open.words += 1;
        if self.open.words >= MAX_WINDOW_WORDS {
            self.close();
        }
    }

    fn boundary(&mut self) {
        if self.open.words >= WINDOW_WORDS {
            self.close();
        }
    }
}
