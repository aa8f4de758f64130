//! Converts the tokenizer of a GGUF file to the files of a Hugging Face folder.

use std::path::Path;

use serde_json::json;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::header::{Header, MetadataValue};
use crate::checkpoint_io::error::CheckpointError;
use crate::model::ModelConfig;

/// Pre-tokenizer pattern of Llama 3; `{digits}` is replaced by the pattern of digit groups.
const LLAMA3_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|{digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A tokenizer with its companion files.
#[derive(Debug, Clone)]
pub struct TokenizerFiles {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// `tokenizer.json`.
    json: String,
    /// `tokenizer_config.json`.
    settings: String,
    /// `chat_template.jinja`.
    chat_template: Option<String>,
}

impl TokenizerFiles {
    /// The content of `tokenizer.json`.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json` and, if there is a chat template, `chat_template.jinja`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), CheckpointError> {
        fs_err::write(folder.join("tokenizer.json"), &self.json)?;
        fs_err::write(folder.join("tokenizer_config.json"), &self.settings)?;
        if let Some(template) = &self.chat_template {
            fs_err::write(folder.join("chat_template.jinja"), template)?;
        }
        Ok(())
    }
}

/// Converts the tokenizer.
pub(super) fn convert(header: &Header, config: &ModelConfig) -> Result<TokenizerFiles, String> {
    let model =
        header.text("tokenizer.ggml.model").ok_or("`tokenizer.ggml.model` is missing; the file has no tokenizer")?;
    if model != "gpt2" {
        return Err(format!(
            "tokenizer kind `{model}` is not gpt2 (byte-level BPE); use tokenizer.json of the original model"
        ));
    }
    let tokens = string_array(header, "tokenizer.ggml.tokens")?;
    let pairs = string_array(header, "tokenizer.ggml.merges")?;
    let merges = pairs.iter().map(|pair| match pair.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(format!("merge `{pair}` is not a pair of tokens")),
    });
    let merges = merges.collect::<Result<Vec<_>, _>>()?;
    let ids = (0..).zip(&tokens).map(|(id, token)| (token.clone(), id));
    let kind = header.text("tokenizer.ggml.pre").unwrap_or("default");
    let bpe = BPE::builder().vocab_and_merges(ids.collect::<Vocab>(), merges);
    let bpe = bpe.ignore_merges(kind == "llama-bpe").build().map_err(|error| error.to_string())?;
    let mut tokenizer = Tokenizer::new(bpe);
    set_pre_tokenizer(&mut tokenizer, kind)?;
    tokenizer.with_decoder(Some(ByteLevel::default()));
    add_special(&mut tokenizer, header, &tokens)?;
    let named = |id: Option<u32>| id.and_then(|id| tokens.get(id as usize));
    let (bos, eos) = (named(config.special.bos), named(config.special.eos.first().copied()));
    if let (Some(bos), Some(id), Some(true)) = (bos, config.special.bos, header.flag("tokenizer.ggml.add_bos_token")) {
        let mut template = TemplateProcessing::builder();
        template.try_single(format!("{bos} $A"))?.try_pair(format!("{bos} $A {bos} $B"))?;
        let template = template.special_tokens(vec![(bos.clone(), id)]).build().map_err(|error| error.to_string())?;
        tokenizer.with_post_processor(Some(template));
    }
    let settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
        "bos_token": bos, "eos_token": eos, "pad_token": named(config.special.pad),
        "model_max_length": config.max_position_embeddings,
    });
    Ok(TokenizerFiles {
        json: tokenizer.to_string(true).map_err(|error| error.to_string())?,
        tokenizer,
        settings: format!("{settings:#}\n"),
        chat_template: header.text("tokenizer.chat_template").map(str::to_owned),
    })
}

fn string_array(header: &Header, key: &str) -> Result<Vec<String>, String> {
    let text = |value: &MetadataValue| match value {
        MetadataValue::Text(text) => Some(text.clone()),
        _ => None,
    };
    let list = header.list(key).and_then(|list| list.iter().map(text).collect());
    list.ok_or_else(|| format!("`{key}` is missing or not an array of strings"))
}

/// Sets the pre-tokenizer by its llama.cpp name.
pub(super) fn set_pre_tokenizer(tokenizer: &mut Tokenizer, kind: &str) -> Result<(), String> {
    let pieces = |digits: &str| -> Result<PreTokenizerWrapper, String> {
        let pattern = SplitPattern::Regex(LLAMA3_PATTERN.replace("{digits}", digits));
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(|error| error.to_string())?;
        Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into())
    };
    let by_words = ByteLevel::new(false, true, true);
    let pre: PreTokenizerWrapper = match kind {
        "default" | "gpt-2" | "gpt2" => by_words.into(),
        "smollm" | "starcoder" | "refact" | "command-r" => {
            Sequence::new(vec![Digits::new(true).into(), by_words.into()]).into()
        }
        "llama-bpe" | "llama3" | "llama-v3" => pieces(r"\p{N}{1,3}")?,
        "qwen2" => {
            tokenizer.with_normalizer(Some(NFC)).map_err(|error| error.to_string())?;
            pieces(r"\p{N}")?
        }
        other => {
            return Err(format!(
                "pre-tokenizer `{other}` is not gpt-2, smollm, llama-bpe or qwen2; use tokenizer.json of the original model"
            ));
        }
    };
    tokenizer.with_pre_tokenizer(Some(pre));
    Ok(())
}

/// Adds the tokens that are not results of merges: control tokens (type 3) and user-defined tokens (type 4).
fn add_special(tokenizer: &mut Tokenizer, header: &Header, tokens: &[String]) -> Result<(), String> {
    let kinds = header.list("tokenizer.ggml.token_type").unwrap_or_default();
    for (token, kind) in tokens.iter().zip(kinds) {
        let special = match kind {
            MetadataValue::Integer(3) => true,
            MetadataValue::Integer(4) => false,
            _ => continue,
        };
        let added = AddedToken::from(token.clone(), special).normalized(false);
        tokenizer.add_tokens([added]).map_err(|error| error.to_string())?;
    }
    Ok(())
}
