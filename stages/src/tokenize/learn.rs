//! A tokenizer learned from word counts, as the `tokenizer.json` that the Hugging Face libraries read.
//!
//! Byte-level BPE with the pre-tokenizer of Llama 3: any text can be written, and read back byte for byte. Ids: the control
//! tokens first (so the end of a document is 0 in every vocabulary size), then the 256 bytes in the order of their
//! characters, then merged tokens in the order learned, the most frequent first.
//!
//! Invariant: equal counts and settings give equal bytes of `tokenizer.json`.

use corpusmill_shards::tokenizer_json::END_NAMES;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::alphabet::{characters, spell};
use super::merges::{Learned, learn_merges};
use super::special::SPECIAL_TOKENS;
use super::split::{PATTERN, words};

/// What to learn.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LearnSettings {
    /// Tokens in the vocabulary, special tokens and the 256 bytes included; fewer if the counts hold no more pairs. 32,768 by
    /// default, as nanochat's: half of what two bytes a token can number.
    pub vocab_size: u32,
    /// The least number of occurrences for a pair to become a token; 2 by default: what occurs once is chance.
    pub min_frequency: u64,
    /// Special tokens, in the order of their ids from 0. One of them must end documents: `<|endoftext|>`, or another of the
    /// known names.
    pub special_tokens: Vec<String>,
}

impl Default for LearnSettings {
    fn default() -> Self {
        Self { vocab_size: 32_768, min_frequency: 2, special_tokens: SPECIAL_TOKENS.map(str::to_owned).to_vec() }
    }
}

/// Why nothing can be learned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LearnError {
    /// Not even the bytes fit.
    #[error("vocab-size {given} is too small: the special tokens and the 256 bytes alone are {least}")]
    VocabularyTooSmall {
        /// As set.
        given: u32,
        /// The least that works.
        least: usize,
    },
    /// A special token could be learned as a word, or stands twice.
    #[error(
        "special-tokens: {token:?} stands twice or is a word that text can spell: give each special token a name of its own, like \"<|name|>\""
    )]
    BadSpecialToken {
        /// The token.
        token: String,
    },
    /// No special token ends documents.
    #[error("special-tokens: none of them ends a document; add {:?} (known are {END_NAMES:?})", END_NAMES[0])]
    NoEndOfDocument,
    /// There is nothing to learn from.
    #[error(
        "no words were counted: the corpus that reaches the tokenizer is empty; see what the stages before it rejected"
    )]
    NoWords,
    /// The writer of JSON failed.
    #[error("tokenizer.json could not be written: {0}")]
    Json(String),
}

/// Learns a byte-level BPE vocabulary from words and their counts and gives its `tokenizer.json`.
///
/// Words may come in any order, and more than once. Time grows with distinct words, not with text: a minute or so for ten
/// million.
///
/// # Errors
/// The settings make no vocabulary, or there are no words.
pub fn learn<Word: AsRef<str>>(
    counts: impl IntoIterator<Item = (Word, u64)>,
    settings: &LearnSettings,
) -> Result<String, LearnError> {
    let specials = &settings.special_tokens;
    check(settings)?;
    let counts: Vec<(Word, u64)> = counts.into_iter().collect();
    if counts.is_empty() {
        return Err(LearnError::NoWords);
    }
    let mut order: [u8; 256] = std::array::from_fn(|byte| u8::try_from(byte).unwrap_or_default());
    order.sort_unstable_by_key(|&byte| characters()[byte as usize]);
    let bytes = counts.iter().map(|(word, count)| (word.as_ref().as_bytes(), *count));
    let learned = learn_merges(bytes, &order, settings.vocab_size as usize - specials.len(), settings.min_frequency);
    // A spelling is the text itself for ASCII only, where `check` rules this out; elsewhere it may be anything.
    if let Some(token) = learned.tokens.iter().map(|token| spell(token)).find(|token| specials.contains(token)) {
        return Err(LearnError::BadSpecialToken { token });
    }
    let file = TokenizerFile::new(specials, &learned);
    let mut json = serde_json::to_string_pretty(&file).map_err(|error| LearnError::Json(error.to_string()))?;
    json.push('\n');
    Ok(json)
}

fn check(settings: &LearnSettings) -> Result<(), LearnError> {
    let specials = &settings.special_tokens;
    for (index, token) in specials.iter().enumerate() {
        if words(token).nth(1).is_none() || specials[..index].contains(token) {
            return Err(LearnError::BadSpecialToken { token: token.clone() });
        }
    }
    if !specials.iter().any(|token| END_NAMES.contains(&token.as_str())) {
        return Err(LearnError::NoEndOfDocument);
    }
    let least = specials.len() + 256;
    if (settings.vocab_size as usize) < least {
        return Err(LearnError::VocabularyTooSmall { given: settings.vocab_size, least });
    }
    Ok(())
}

/// The layout of `tokenizer.json`, version 1.0, in the order in which `tokenizers` writes it.
#[derive(Serialize)]
struct TokenizerFile<'a> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: Vec<AddedToken<'a>>,
    normalizer: Option<()>,
    pre_tokenizer: PreTokenizer,
    post_processor: Option<()>,
    decoder: Step,
    model: Model<'a>,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the layout of the file")]
struct AddedToken<'a> {
    id: usize,
    content: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

#[derive(Serialize)]
struct PreTokenizer {
    r#type: &'static str,
    pretokenizers: [Step; 2],
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Step {
    Split { pattern: Pattern, behavior: &'static str, invert: bool },
    ByteLevel { add_prefix_space: bool, trim_offsets: bool, use_regex: bool },
}

#[derive(Serialize)]
enum Pattern {
    Regex(&'static str),
}

#[derive(Serialize)]
struct Model<'a> {
    r#type: &'static str,
    dropout: Option<f32>,
    unk_token: Option<&'static str>,
    continuing_subword_prefix: Option<&'static str>,
    end_of_word_suffix: Option<&'static str>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    vocab: Vocabulary<'a>,
    merges: Merges<'a>,
}

/// Tokens in the order of their ids.
struct Vocabulary<'a> {
    specials: &'a [String],
    learned: &'a Learned,
}

/// Merges as `left right`, which every version of the libraries reads.
struct Merges<'a>(&'a Learned);

impl Serialize for Vocabulary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tokens = self.specials.iter().cloned().chain(self.learned.tokens.iter().map(|token| spell(token)));
        let mut map = serializer.serialize_map(Some(self.specials.len() + self.learned.tokens.len()))?;
        for (id, token) in tokens.enumerate() {
            map.serialize_entry(&token, &id)?;
        }
        map.end()
    }
}

impl Serialize for Merges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Learned { tokens, merges } = self.0;
        let mut list = serializer.serialize_seq(Some(merges.len()))?;
        for &(left, right) in merges {
            list.serialize_element(&format!("{} {}", spell(&tokens[left as usize]), spell(&tokens[right as usize])))?;
        }
        list.end()
    }
}

impl<'a> TokenizerFile<'a> {
    fn new(specials: &'a [String], learned: &'a Learned) -> Self {
        let added = |(id, content)| AddedToken {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        };
        Self {
            version: "1.0",
            truncation: None,
            padding: None,
            added_tokens: specials.iter().map(String::as_str).enumerate().map(added).collect(),
            normalizer: None,
            pre_tokenizer: PreTokenizer {
                r#type: "Sequence",
                pretokenizers: [
                    Step::Split { pattern: Pattern::Regex(PATTERN), behavior: "Isolated", invert: false },
                    Step::ByteLevel { add_prefix_space: false, trim_offsets: true, use_regex: false },
                ],
            },
            post_processor: None,
            decoder: Step::ByteLevel { add_prefix_space: true, trim_offsets: true, use_regex: true },
            model: Model {
                r#type: "BPE",
                dropout: None,
                unk_token: None,
                continuing_subword_prefix: None,
                end_of_word_suffix: None,
                fuse_unk: false,
                byte_fallback: false,
                ignore_merges: false,
                vocab: Vocabulary { specials, learned },
                merges: Merges(learned),
            },
        }
    }
}
