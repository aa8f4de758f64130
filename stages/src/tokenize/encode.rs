//! Text to token ids, and back.
//!
//! A tokenizer of the very pipeline that `learn.rs` writes (Llama 3's pattern, byte level, BPE) is encoded by the scanner of
//! `split.rs` and the merges of `bpe.rs`; any other by the `tokenizers` crate. The two give equal ids (tests).
//!
//! Invariant: text of a document never becomes a special token: `<|endoftext|>` in a text is encoded as its characters.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use corpusmill_shards::tokenizer_json::{END_NAMES, check_merges, looks_like_control};
use serde_json::Value;
use thiserror::Error;
use tokenizers::{AddedToken, Tokenizer};

use super::alphabet;
use super::bpe::{BytePairs, Scratch};
use super::cache::{Cache, Key, SHORT_BYTES};
use super::split::{PATTERN, words};

/// Why a tokenizer cannot be used.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// It is not JSON.
    #[error("tokenizer.json is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The `tokenizers` crate cannot read it.
    #[error("tokenizer.json cannot be read by tokenizers 0.23 (a newer layout? save it again with that version): {0}")]
    Tokenizer(String),
    /// The `tokenizers` crate would read a merge out of bounds.
    #[error("tokenizer.json: {0}")]
    Merges(String),
    /// It has no end-of-document token.
    #[error(
        "tokenizer.json has no token that ends a document; known names are {END_NAMES:?}: add one of them to its added_tokens"
    )]
    NoEndOfDocument,
    /// The `tokenizers` crate failed on a text.
    #[error("tokenizers could not encode or decode: {0}")]
    Failed(String),
}

/// A tokenizer ready to encode; may be shared by threads.
#[derive(Debug)]
pub struct Encoder {
    path: Path,
    vocab_size: usize,
    end_of_document: u32,
    digest: String,
}

#[derive(Debug)]
enum Path {
    Fast(Box<Fast>),
    General(Box<Tokenizer>),
}

#[derive(Debug)]
struct Fast {
    pairs: BytePairs,
    /// The bytes of each token, by id; empty where an id is not used.
    tokens: Vec<Vec<u8>>,
    /// Buffers that wait for the next text: as many as there were threads at once.
    workers: Mutex<Vec<Worker>>,
}

#[derive(Debug)]
struct Worker {
    cache: Cache,
    scratch: Scratch,
}

impl Encoder {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// It is not JSON, not a tokenizer, or has no token that ends a document.
    pub fn from_json(json: &str) -> Result<Self, EncodeError> {
        let value: Value = serde_json::from_str(json)?;
        let ids = Ids::read(&value);
        let path = match Fast::new(&value) {
            Some(fast) => Path::Fast(Box::new(fast)),
            None => Path::General(Box::new(general(json, &value)?)),
        };
        let (vocab_size, end_of_document) = match &path {
            Path::Fast(_) => (ids.size, ids.end),
            // Other models than BPE keep their vocabulary elsewhere in the file: use the library.
            Path::General(tokenizer) => {
                let largest = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
                (largest, END_NAMES.iter().find_map(|name| tokenizer.token_to_id(name)))
            }
        };
        let end_of_document = end_of_document.ok_or(EncodeError::NoEndOfDocument)?;
        Ok(Self { path, vocab_size, end_of_document, digest: digest(&value) })
    }

    /// The same, always by the `tokenizers` crate: what the fast path is checked against.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn reference(json: &str) -> Result<Self, EncodeError> {
        let encoder = Self::from_json(json)?;
        Ok(Self { path: Path::General(Box::new(general(json, &serde_json::from_str(json)?)?)), ..encoder })
    }

    /// Appends the token ids of `text` to `out`: no beginning or end token, nothing cut off.
    ///
    /// # Errors
    /// The `tokenizers` crate failed; never on the fast path.
    pub fn encode(&self, text: &str, out: &mut Vec<u32>) -> Result<(), EncodeError> {
        match &self.path {
            Path::Fast(fast) => fast.encode(text, out),
            Path::General(tokenizer) => {
                let encoding =
                    tokenizer.encode_fast(text, false).map_err(|error| EncodeError::Failed(error.to_string()))?;
                out.extend_from_slice(encoding.get_ids());
            }
        }
        Ok(())
    }

    /// The text of token ids, special tokens included; bytes that are no UTF-8 become U+FFFD, ids without a token nothing.
    ///
    /// # Errors
    /// The `tokenizers` crate failed; never on the fast path.
    pub fn decode(&self, ids: &[u32]) -> Result<String, EncodeError> {
        match &self.path {
            Path::Fast(fast) => {
                let tokens = ids.iter().filter_map(|&id| fast.tokens.get(id as usize));
                let bytes: Vec<u8> = tokens.flatten().copied().collect();
                Ok(String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
            }
            Path::General(tokenizer) => {
                tokenizer.decode(ids, false).map_err(|error| EncodeError::Failed(error.to_string()))
            }
        }
    }

    /// One more than the largest id: the rows that an embedding needs. Up to 65,536, ids fit in two bytes.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The token that ends a document.
    pub fn end_of_document(&self) -> u32 {
        self.end_of_document
    }

    /// BLAKE3 (hex) of the file's JSON in canonical form: keys sorted, no white space. So a file keeps its digest when it is
    /// written anew.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether texts are encoded here rather than by the `tokenizers` crate.
    pub fn is_fast(&self) -> bool {
        matches!(self.path, Path::Fast(_))
    }
}

impl Fast {
    /// The fast form of a tokenizer; `None` if the file uses a feature that the fast form does not support.
    fn new(file: &Value) -> Option<Self> {
        let model = &file["model"];
        let empty = |value: &Value| value.is_null() || value == "" || value == false;
        let plain = ["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"];
        if model["type"] != "BPE"
            || !plain.iter().all(|key| empty(&model[*key]))
            || !file["normalizer"].is_null()
            || !is_our_split(&file["pre_tokenizer"])
        {
            return None;
        }
        let added = added_tokens(file);
        if !added.iter().all(|token| token.control) {
            return None;
        }
        let mut vocabulary = HashMap::new();
        for (token, id) in model["vocab"].as_object()? {
            vocabulary.insert(token.as_str(), id.as_u64().and_then(|id| u32::try_from(id).ok())?);
        }
        let merges = model["merges"].as_array()?.iter().map(merge).collect::<Option<Vec<_>>>()?;
        let mut tokens = Vec::new();
        let spelled = vocabulary
            .iter()
            .map(|(token, &id)| (id, alphabet::bytes(token).unwrap_or_else(|| token.as_bytes().to_vec())));
        for (id, bytes) in spelled.chain(added.iter().map(|token| (token.id, token.content.as_bytes().to_vec()))) {
            let id = id as usize;
            // A vocabulary with gaps this large is invalid; the library reports it.
            if id > (1 << 24) {
                return None;
            }
            if tokens.len() <= id {
                tokens.resize(id + 1, Vec::new());
            }
            tokens[id] = bytes;
        }
        for token in &added {
            vocabulary.remove(token.content);
        }
        let pairs = BytePairs::new(&vocabulary, &merges, model["ignore_merges"] == true)?;
        Some(Self { pairs, tokens, workers: Mutex::new(Vec::new()) })
    }

    fn encode(&self, text: &str, out: &mut Vec<u32>) {
        let idle = self.workers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = idle.unwrap_or_else(|| Worker { cache: Cache::new(), scratch: Scratch::default() });
        let Worker { cache, scratch } = &mut worker;
        let bytes = text.as_bytes();
        let mut start = 0;
        for word in words(text) {
            let end = start + word.len();
            let encode = |out: &mut Vec<u32>| self.pairs.encode_word(word.as_bytes(), scratch, out);
            if word.len() <= SHORT_BYTES {
                cache.short(Key::new(bytes, start, end), out, encode);
            } else {
                cache.long(word.as_bytes(), out, encode);
            }
            start = end;
        }
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }
}

/// Size of the vocabulary and end of document as a BPE file states them.
struct Ids {
    size: usize,
    end: Option<u32>,
}

impl Ids {
    fn read(file: &Value) -> Self {
        let added = added_tokens(file);
        let vocab = file["model"]["vocab"].as_object();
        let all = vocab
            .into_iter()
            .flatten()
            .filter_map(|(token, id)| Some((token.as_str(), u32::try_from(id.as_u64()?).ok()?)));
        let all: HashMap<&str, u32> = all.chain(added.iter().map(|token| (token.content, token.id))).collect();
        let size = all.values().max().map_or(0, |&id| id as usize + 1);
        Self { size, end: END_NAMES.iter().find_map(|name| all.get(name).copied()) }
    }
}

struct Added<'a> {
    id: u32,
    content: &'a str,
    control: bool,
}

fn added_tokens(file: &Value) -> Vec<Added<'_>> {
    let read = |token: &'_ Value| -> Option<(u32, bool)> {
        Some((u32::try_from(token["id"].as_u64()?).ok()?, token["special"] == true))
    };
    let list = file["added_tokens"].as_array().map_or(&[][..], Vec::as_slice);
    let added = list.iter().filter_map(|token| {
        let ((id, special), content) = (read(token)?, token["content"].as_str()?);
        Some(Added { id, content, control: special || looks_like_control(content) })
    });
    added.collect()
}

/// A merge as `left right` or `[left, right]`: the two layouts there are.
fn merge(value: &Value) -> Option<(&str, &str)> {
    match value {
        Value::String(pair) => pair.split_once(' '),
        Value::Array(pair) => Some((pair.first()?.as_str()?, pair.get(1)?.as_str()?)),
        _ => None,
    }
}

/// Whether a pre-tokenizer is the pattern of `split.rs` followed by the byte level, and nothing else.
fn is_our_split(steps: &Value) -> bool {
    let Some([split, bytes]) = steps["pretokenizers"].as_array().map(Vec::as_slice) else {
        return false;
    };
    steps["type"] == "Sequence"
        && split["type"] == "Split"
        && split["pattern"]["Regex"] == PATTERN
        && split["behavior"] == "Isolated"
        && split["invert"] == false
        && bytes["type"] == "ByteLevel"
        && bytes["add_prefix_space"] == false
        && bytes["use_regex"] == false
}

/// The tokenizer of the `tokenizers` crate, with special tokens out of reach of text, and neither truncation nor
/// padding. `file` is the parsed `json`.
fn general(json: &str, file: &Value) -> Result<Tokenizer, EncodeError> {
    let failed = |error: tokenizers::Error| EncodeError::Tokenizer(error.to_string());
    check_merges(file).map_err(EncodeError::Merges)?;
    let mut tokenizer = Tokenizer::from_str(json).map_err(failed)?;
    let known = tokenizer.get_added_tokens_decoder();
    let control = added_tokens(file).into_iter().filter(|token| looks_like_control(token.content));
    let found = control.filter_map(|token| known.get(&tokenizer.token_to_id(token.content)?));
    // Some vocabularies do not flag all of their special tokens.
    let unflagged: Vec<AddedToken> =
        found.filter(|token| !token.special).map(|token| token.clone().special(true)).collect();
    if !unflagged.is_empty() {
        tokenizer.add_tokens(unflagged).map_err(failed)?;
    }
    tokenizer.with_padding(None).with_truncation(None).map_err(failed)?;
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// BLAKE3 of the canonical form.
fn digest(value: &Value) -> String {
    let mut canonical = String::new();
    write_canonical(value, &mut canonical);
    blake3::hash(canonical.as_bytes()).to_hex().to_string()
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(item, out);
            }
            out.push('}');
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}
