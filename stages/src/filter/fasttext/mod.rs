//! Reads supervised fastText models (`.bin`, and `.ftz`, which is quantised) and classifies texts with them.
//!
//! Sources: Joulin and others 2017, *Bag of Tricks for Efficient Text Classification*; Joulin and others 2016,
//! *FastText.zip*; the file format is that of fastText 0.9.3, versions 11 and 12. Classifiers of the field have this
//! format, such as those of Dolma (toxicity by sentence) and DCLM (quality).
//!
//! A text is read as one line: fastText ends a line at a line feed, so line feeds count as spaces. Words that look like
//! labels (`__label__…`) are not read as words.
//!
//! | module | subject |
//! |---|---|
//! | `bytes` | numbers and texts of the file, with their places in errors |
//! | `dictionary` | words, labels, and the rows of a line's features |
//! | `matrix` | dense and product-quantised matrices |
//! | `output` | from the hidden layer to the probabilities of labels |
//!
//! Invariant: every sum has the order of fastText and is in single precision, exponentials and logarithms are libm's: a
//! text has the same probabilities on every machine. No file causes a panic; a model takes about twice the memory of its
//! file while it is read.

mod bytes;
mod dictionary;
mod matrix;
mod output;
#[cfg(test)]
mod tests;

use corpusmill_pipeline::Digest;

use bytes::Bytes;
use dictionary::Dictionary;
use matrix::Matrix;
use output::OutputLayer;

/// The first bytes of a fastText file, little-endian.
const MAGIC: i32 = 793_712_314;
/// The versions that are read.
const VERSIONS: [i32; 2] = [11, 12];
/// The value of `model` in the arguments of a supervised model.
const SUPERVISED: i32 = 3;

/// Why a file is not a model that can classify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FastTextError {
    /// The file does not start as a fastText file does.
    #[error("not a fastText model: it does not begin with fastText's magic number")]
    Magic,
    /// Another version of the format.
    #[error("version {0} of the fastText format is not supported: the supported ones are 11 and 12")]
    Version(i32),
    /// Word vectors, for example.
    #[error("the model is not supervised: it has word vectors, but no labels")]
    NotSupervised,
    /// The file ends early.
    #[error("the file ends within {0}: it is truncated")]
    Truncated(&'static str),
    /// A weight is no number, or beyond a million.
    #[error("{0} has a weight that is not a number or beyond a million: the file is damaged")]
    NoWeight(&'static str),
    /// A number is impossible.
    #[error("{name} has the impossible value {value}: the file is damaged")]
    Impossible {
        /// What the number counts.
        name: &'static str,
        /// The number.
        value: i64,
    },
    /// The model lacks a label.
    #[error("the model has no label \"{label}\"; it has {known}")]
    NoLabel {
        /// The label asked for.
        label: String,
        /// Its labels, joined with commas, at most 20.
        known: String,
    },
}

/// Maximum length of n-grams, of words or characters; fastText's own defaults are 1 and 6.
const MAX_NGRAM: usize = 64;

/// Settings of the training that prediction depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arguments {
    /// Length of a hidden vector.
    dim: usize,
    /// Maximum number of words of an n-gram.
    word_ngrams: usize,
    loss: output::Loss,
    /// Number of buckets of hashed n-grams.
    bucket: u64,
    /// Minimum length of a subword in characters.
    minn: usize,
    /// Maximum length of a subword in characters; 0 without subwords.
    maxn: usize,
}

impl Arguments {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, FastTextError> {
        const PLACE: &str = "its arguments";
        let version = bytes.i32(PLACE)?;
        if !VERSIONS.contains(&version) {
            return Err(FastTextError::Version(version));
        }
        let dim = bytes.count("the dimension", PLACE)?;
        // Window, epochs, minimum count, negative samples.
        for _ in 0..4 {
            bytes.i32(PLACE)?;
        }
        let word_ngrams = bytes.i32(PLACE)?;
        let loss = output::Loss::of(bytes.i32(PLACE)?)?;
        let model = bytes.i32(PLACE)?;
        if model != SUPERVISED {
            return Err(FastTextError::NotSupervised);
        }
        let bucket = bytes.i32(PLACE)?;
        if bucket < 0 {
            return Err(FastTextError::Impossible { name: "the number of buckets", value: i64::from(bucket) });
        }
        let (minn, maxn) = (bytes.i32(PLACE)?, bytes.i32(PLACE)?);
        // Updates of the learning rate, sampling threshold.
        bytes.i32(PLACE)?;
        bytes.f64(PLACE)?;
        let size = |name, value: i32, max: usize| match usize::try_from(value) {
            Ok(value) if value <= max => Ok(value),
            _ => Err(FastTextError::Impossible { name, value: i64::from(value) }),
        };
        let word_ngrams = size("the length of word n-grams", word_ngrams, MAX_NGRAM)?;
        let minn = size("the minimum length of subwords", minn, MAX_NGRAM)?;
        // Supervised models of version 11 have no subwords.
        let maxn = if version == 11 { 0 } else { size("the maximum length of subwords", maxn, MAX_NGRAM)? };
        Ok(Self { dim, word_ngrams, loss, bucket: u64::from(bucket.cast_unsigned()), minn, maxn })
    }
}

/// A supervised model.
#[derive(Debug)]
pub struct FastTextModel {
    dictionary: Dictionary,
    input: Matrix,
    output: OutputLayer,
    dim: usize,
    digest: Digest,
}

impl FastTextModel {
    /// Whether `bytes` begin as a fastText file does.
    pub fn is_model(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC.to_le_bytes())
    }

    /// Reads a `.bin` or `.ftz` file.
    ///
    /// # Errors
    /// [`FastTextError`] if the bytes are not a supervised model of a supported version, or are damaged.
    pub fn from_bytes(file: &[u8]) -> Result<Self, FastTextError> {
        if !Self::is_model(file) {
            return Err(FastTextError::Magic);
        }
        let mut bytes = Bytes::new(file);
        bytes.i32("its magic number")?;
        let arguments = Arguments::read(&mut bytes)?;
        let dictionary = Dictionary::read(&mut bytes, &arguments)?;
        let quantised = bytes.flag("the input matrix")?;
        let input = Matrix::read(&mut bytes, quantised, "the input matrix")?;
        let quantised_output = bytes.flag("the output matrix")? && quantised;
        let output = Matrix::read(&mut bytes, quantised_output, "the output matrix")?;
        let rows = i64::try_from(output.rows()).unwrap_or(i64::MAX);
        for (name, columns) in [
            ("the columns of the input matrix", input.columns()),
            ("the columns of the output matrix", output.columns()),
        ] {
            if columns != arguments.dim {
                return Err(FastTextError::Impossible { name, value: i64::try_from(columns).unwrap_or(i64::MAX) });
            }
        }
        if output.rows() == 0 || output.rows() != dictionary.labels().len() {
            return Err(FastTextError::Impossible { name: "the rows of the output matrix", value: rows });
        }
        let output = OutputLayer::new(arguments.loss, output, dictionary.label_counts());
        Ok(Self { dictionary, input, output, dim: arguments.dim, digest: Digest::of(file) })
    }

    /// The labels, most frequent first, with their prefix (`__label__toxic`).
    pub fn labels(&self) -> &[String] {
        self.dictionary.labels()
    }

    /// Digest of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The index of a label in [`FastTextModel::labels`].
    ///
    /// # Errors
    /// [`FastTextError::NoLabel`] if the model lacks it.
    pub fn label(&self, label: &str) -> Result<usize, FastTextError> {
        self.labels().iter().position(|known| known == label).ok_or_else(|| FastTextError::NoLabel {
            label: label.to_owned(),
            known: self.labels().iter().take(20).map(String::as_str).collect::<Vec<_>>().join(", "),
        })
    }

    /// The probability of each label, in the order of [`FastTextModel::labels`], 0 to 1; empty if no word or n-gram of
    /// the text is known. With one-vs-all loss, each label has a probability of its own.
    ///
    /// fastText reports each probability with 1e-5 added by its smoothed logarithm; here it is not.
    pub fn probabilities(&self, text: &str) -> Vec<f32> {
        let rows = self.dictionary.rows_of_line(text);
        if rows.is_empty() {
            return Vec::new();
        }
        let mut hidden = vec![0.0_f32; self.dim];
        for row in &rows {
            self.input.add_row(*row, &mut hidden);
        }
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as in fastText")]
        let scale = (1.0 / rows.len() as f64) as f32;
        for value in &mut hidden {
            *value *= scale;
        }
        self.output.probabilities(&hidden)
    }
}
