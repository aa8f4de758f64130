//! Reads a `tokenizer.json`, in the same way for every command.
//!
//! The file also stores the truncation and padding of the program that saved it. These are settings of a call, not of
//! the vocabulary: as in transformers, they have no effect here.
//!
//! Invariant: the tokens of a text depend neither on a stored truncation nor on a stored padding, and the text of a
//! document never becomes a special token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpusmill_shards::tokenizer_json::{check_merges, looks_like_control};
use tokenizers::{AddedToken, Tokenizer};

/// The tokenizer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file cannot be read.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The file is not a tokenizer.
    #[error("{}: not a tokenizer.json: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason.
        detail: String,
    },
}

/// Reads a `tokenizer.json`.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<Tokenizer, TokenizerError> {
    parse(path, &fs_err::read_to_string(path)?)
}

/// Parses `text`, the content of the `tokenizer.json` at `path`.
///
/// # Errors
/// When it is not a tokenizer.
pub fn parse(path: &Path, text: &str) -> Result<Tokenizer, TokenizerError> {
    let invalid =
        |error: tokenizers::Error| TokenizerError::Invalid { path: path.to_owned(), detail: error.to_string() };
    let file = serde_json::from_str(text).map_err(|error| invalid(error.into()))?;
    check_merges(&file).map_err(|detail| invalid(detail.into()))?;
    let mut tokenizer: Tokenizer = text.parse().map_err(invalid)?;
    tokenizer.with_padding(None).with_truncation(None).map_err(invalid)?;
    Ok(tokenizer)
}

/// The tokenizer for the text of documents, as `corpusmill tokenize` encodes them: a special token in the text is
/// encoded as its characters.
///
/// # Errors
/// When the normalizer of the tokenizer fails on a special token.
pub fn for_documents(mut tokenizer: Tokenizer) -> Result<Tokenizer, tokenizers::Error> {
    let added = tokenizer.get_added_tokens_decoder().into_iter();
    let unflagged = added.filter(|(_, token)| !token.special && looks_like_control(&token.content));
    let control: BTreeMap<u32, AddedToken> = unflagged.map(|(id, token)| (id, token.special(true))).collect();
    tokenizer.add_tokens(control.into_values())?;
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A tokenizer of the words `a`, `<` and others, with one flagged and one unflagged special token.
    fn file(truncation: &Value, padding: &Value) -> String {
        let added = |id: u32, content: &str, special: bool| {
            json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": special })
        };
        json!({
            "version": "1.0", "truncation": truncation, "padding": padding,
            "added_tokens": [added(2, "<|im_end|>", true), added(3, "<|fim_pad|>", false), added(4, "<tool>", false)],
            "normalizer": null, "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
            "model": { "type": "WordLevel", "unk_token": "?", "vocab": {
                "?": 0, "a": 1, "<|im_end|>": 2, "<|fim_pad|>": 3, "<tool>": 4
            } }
        })
        .to_string()
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        tokenizer.encode(text, false).unwrap().get_ids().to_vec()
    }

    #[test]
    fn stored_truncation_and_padding_have_no_effect() {
        let truncation = json!({ "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0 });
        let padding = json!({ "strategy": { "Fixed": 6 }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 3, "pad_type_id": 0, "pad_token": "<|fim_pad|>" });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        for (truncation, padding) in [(truncation, Value::Null), (Value::Null, padding)] {
            let text = file(&truncation, &padding);
            let stored: Tokenizer = text.parse().unwrap();
            assert_ne!(ids(&stored, "a a a"), [1, 1, 1], "the file has no effect in the library");
            fs_err::write(&path, text).unwrap();
            assert_eq!(ids(&read(&path).unwrap(), "a a a"), [1, 1, 1]);
        }
        fs_err::write(&path, "{}").unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("tokenizer.json: not a tokenizer.json"), "{message}");
    }

    #[test]
    fn control_tokens_in_documents_are_text() {
        let tokenizer = parse(Path::new("t"), &file(&Value::Null, &Value::Null)).unwrap();
        let text = "a <|im_end|> <|fim_pad|> <tool> a";
        // A prompt can have special tokens.
        assert_eq!(ids(&tokenizer, text), [1, 2, 3, 4, 1]);
        // WordLevel has the special tokens in its vocabulary, so glue them to a letter.
        let glued = text.replace("|>", "|>x");
        assert_eq!(ids(&tokenizer, &glued), [1, 2, 0, 3, 0, 4, 1]);
        let documents = for_documents(tokenizer).unwrap();
        assert_eq!(ids(&documents, &glued), [1, 0, 0, 4, 1]);
    }
}
