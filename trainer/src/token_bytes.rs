//! Number of text bytes in each token, for comparing losses across tokenizers.
//!
//! A loss in nats per token depends on the vocabulary; divided by the bytes of the predicted tokens, it does not (bits
//! per byte, Gao et al. 2020, "The Pile", section 3.1). Invariant: special tokens have no bytes.

use std::path::Path;

use crate::tokenizer::{self, TokenizerError};

/// Bytes of each token id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBytes(Vec<u32>);

impl TokenBytes {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self, TokenizerError> {
        Self::parse(path, &fs_err::read_to_string(path)?)
    }

    /// Parses `text`, the content of the `tokenizer.json` at `path`.
    ///
    /// # Errors
    /// When it is not a tokenizer.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TokenizerError> {
        let tokenizer = tokenizer::parse(path, text)?;
        let json: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| TokenizerError::Invalid { path: path.to_owned(), detail: error.to_string() })?;
        // In byte-level vocabularies each character is one byte.
        let byte_level = [&json["decoder"], &json["pre_tokenizer"]].into_iter().any(has_byte_level);
        let special = tokenizer.get_added_tokens_decoder();
        let size = u32::try_from(tokenizer.get_vocab_size(true)).unwrap_or(u32::MAX);
        let bytes = (0..size).map(|id| match tokenizer.id_to_token(id) {
            Some(_) if special.get(&id).is_some_and(|token| token.special) => 0,
            Some(token) if byte_level && !special.contains_key(&id) => length(token.chars().count()),
            // SentencePiece writes the byte fallback as `<0xNN>`.
            Some(token) if token.len() == 6 && token.starts_with("<0x") && token.ends_with('>') => 1,
            Some(token) => length(token.replace('▁', " ").len()),
            None => 0,
        });
        Ok(Self(bytes.collect()))
    }

    /// Bytes of a token; 0 for one that is not in the vocabulary.
    pub fn of(&self, token: i32) -> u32 {
        usize::try_from(token).ok().and_then(|token| self.0.get(token)).copied().unwrap_or(0)
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn has_byte_level(part: &serde_json::Value) -> bool {
    let parts = ["pretokenizers", "decoders"].iter().filter_map(|key| part[key].as_array()).flatten();
    part["type"] == "ByteLevel" || parts.into_iter().any(has_byte_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_level_characters_are_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        // `Ġ` is a space and `Ã©` the two bytes of é, as GPT-2 writes them.
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": [{ "id": 3, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true }],
            "normalizer": null,
            "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
            "post_processor": null,
            "decoder": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
            "model": { "type": "BPE", "vocab": { "Ġthe": 0, "Ã©": 1, "a": 2, "<|end|>": 3 }, "merges": [] }
        });
        fs_err::write(&path, json.to_string()).unwrap();
        let bytes = TokenBytes::read(&path).unwrap();
        assert_eq!([0, 1, 2, 3, 4, -1].map(|token| bytes.of(token)), [4, 2, 1, 0, 0, 0]);
        fs_err::write(&path, "{}").unwrap();
        assert!(TokenBytes::read(&path).unwrap_err().to_string().contains("tokenizer.json"));
    }
}
