//! What a decoder looks like: the content of a Hugging Face `config.json`.
//!
//! A checkpoint begins here: `read` turns the file into a [`ModelConfig`] whose every value was checked, the model
//! is built from it, and `write` gives the file back in the form of transformers 5. Invariant: a `ModelConfig` that
//! was read describes a model that this crate computes exactly; anything that it cannot compute is an error.

mod family;
mod layers;
mod raw;
mod rope;
mod write;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use family::{Activation, Family};
pub use layers::LayerKind;
pub use rope::{Rope, RopeScaling};

/// Why a `config.json` was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The file is not the JSON that is expected.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A key is missing, or its value is one that this crate does not compute.
    #[error("{path}: `{key}`: {what}")]
    Key {
        /// The file, or what stands for it.
        path: String,
        /// The key.
        key: &'static str,
        /// What is wrong and what is allowed.
        what: String,
    },
}

/// A fault of one key, before the file's name is known.
#[derive(Debug)]
pub(crate) struct Fault {
    key: &'static str,
    what: String,
}

impl Fault {
    fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into() }
    }

    fn at(self, path: impl Into<String>) -> ConfigError {
        ConfigError::Key { path: path.into(), key: self.key, what: self.what }
    }
}

/// Ids of the tokens that begin, end and pad a text; `eos` may be several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Stands before a text.
    pub bos: Option<u32>,
    /// Any of these ends a text.
    pub eos: Vec<u32>,
    /// Fills a row.
    pub pad: Option<u32>,
}

/// The sizes and habits of one decoder.
///
/// Serialises as the JSON of a `config.json`, and parses from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct ModelConfig {
    /// The architecture.
    pub family: Family,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward part.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads of the query.
    pub num_attention_heads: usize,
    /// Heads of key and value; divides the heads of the query.
    pub num_key_value_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// The function on the gate.
    pub activation: Activation,
    /// Added to the mean square in every norm.
    pub rms_norm_eps: f64,
    /// Tokens that the model was made for.
    pub max_position_embeddings: usize,
    /// Whether the head shares the embedding's weights.
    pub tie_word_embeddings: bool,
    /// Whether q, k and v have a bias.
    pub qkv_bias: bool,
    /// Whether the projection out of attention has a bias.
    pub output_bias: bool,
    /// The rotation of positions.
    pub rope: Rope,
    /// The rotation in layers with a sliding window, when it differs (Gemma 3).
    pub local_rope: Option<Rope>,
    /// Tokens that a layer with a window sees, itself included.
    pub sliding_window: Option<usize>,
    /// The kind of each layer; as long as there are layers.
    pub layer_kinds: Vec<LayerKind>,
    /// Scores are divided by the root of this; the width of a head where the family has no setting.
    pub query_scale: f64,
    /// Scores are soft-capped at this.
    pub attention_softcap: Option<f64>,
    /// Logits are soft-capped at this.
    pub logit_softcap: Option<f64>,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// Tokens with a meaning.
    pub special: SpecialTokens,
}

impl ModelConfig {
    /// A Llama of the given sizes, with tied embeddings and full attention; the rest is as Llama 3 has it.
    pub fn llama(vocab_size: usize, hidden_size: usize, layers: usize, heads: usize, kv_heads: usize) -> Self {
        Self {
            family: Family::Llama,
            vocab_size,
            hidden_size,
            intermediate_size: hidden_size * 3,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            head_dim: hidden_size / heads.max(1),
            activation: Activation::Silu,
            rms_norm_eps: 1e-5,
            max_position_embeddings: 2048,
            tie_word_embeddings: true,
            qkv_bias: false,
            output_bias: false,
            rope: Rope::new(10_000.0),
            local_rope: None,
            sliding_window: None,
            layer_kinds: vec![LayerKind::Full; layers],
            query_scale: (hidden_size / heads.max(1)) as f64,
            attention_softcap: None,
            logit_softcap: None,
            initializer_range: 0.02,
            special: SpecialTokens::default(),
        }
    }

    /// Reads a `config.json`.
    ///
    /// # Errors
    /// Names the file and the key: not JSON, a key that is missing, a `model_type`, scaling or activation that this
    /// crate does not compute, sizes that do not fit each other.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs_err::read_to_string(path)?;
        let raw = serde_json::from_str(&text).map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
        Self::from_raw(&raw).map_err(|fault| fault.at(path.display().to_string()))
    }

    /// Parses the JSON of a `config.json`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_json(value: &Value) -> Result<Self, ConfigError> {
        let raw = raw::Raw::deserialize(value)
            .map_err(|source| ConfigError::Json { path: PathBuf::from("model config"), source })?;
        Self::from_raw(&raw).map_err(|fault| fault.at("model config"))
    }

    /// Writes a `config.json` that transformers 5 loads; `dtype` is that of the weights beside it, such as `float32`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path, dtype: &str) -> Result<(), ConfigError> {
        let mut text = serde_json::to_string_pretty(&self.to_json(dtype))
            .map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
        text.push('\n');
        fs_err::write(path, text)?;
        Ok(())
    }

    /// Checks a configuration made in code, as [`Self::read`] checks a file.
    ///
    /// # Errors
    /// Names the key of the first value that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check().map_err(|fault| fault.at("model config"))
    }

    /// The number of weights; a tied head counts once.
    pub fn parameters(&self) -> u64 {
        let hidden = self.hidden_size as u64;
        let embedding = self.vocab_size as u64 * hidden;
        let head = if self.tie_word_embeddings { 0 } else { embedding };
        embedding + head + hidden + self.num_hidden_layers as u64 * self.block_parameters()
    }

    /// The number of weights of one block.
    fn block_parameters(&self) -> u64 {
        let (hidden, head) = (self.hidden_size as u64, self.head_dim as u64);
        let query = self.num_attention_heads as u64 * head;
        let qkv = self.qkv_width() as u64;
        let bias = if self.qkv_bias { qkv } else { 0 } + if self.output_bias { hidden } else { 0 };
        let norms = hidden * if self.has_post_norms() { 4 } else { 2 };
        let head_norms = if self.has_head_norms() { 2 * head } else { 0 };
        hidden * qkv + query * hidden + bias + norms + head_norms + 3 * hidden * self.intermediate_size as u64
    }

    /// Columns of q, k and v together.
    pub fn qkv_width(&self) -> usize {
        (self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim
    }

    /// Columns of all heads of the query together.
    pub fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Columns of all heads of the key together.
    pub fn key_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Whether q and k are normed in each head (Qwen 3, Gemma 3).
    pub fn has_head_norms(&self) -> bool {
        matches!(self.family, Family::Qwen3 | Family::Gemma3)
    }

    /// Whether attention and feed-forward are also normed at their end (Gemma 2 and 3).
    pub fn has_post_norms(&self) -> bool {
        matches!(self.family, Family::Gemma2 | Family::Gemma3)
    }

    /// What embeddings are multiplied with: the root of the width in Gemma, one elsewhere.
    pub fn embedding_scale(&self) -> f64 {
        if self.family.is_gemma() { (self.hidden_size as f64).sqrt() } else { 1.0 }
    }

    /// What norm weights are added to: one in Gemma, zero elsewhere.
    pub fn norm_offset(&self) -> f64 {
        if self.family.is_gemma() { 1.0 } else { 0.0 }
    }

    /// The rotation of a layer of this kind.
    pub fn rope_of(&self, kind: LayerKind) -> &Rope {
        match (kind, &self.local_rope) {
            (LayerKind::Sliding, Some(local)) => local,
            _ => &self.rope,
        }
    }
}

impl TryFrom<Value> for ModelConfig {
    type Error = ConfigError;

    fn try_from(value: Value) -> Result<Self, ConfigError> {
        Self::from_json(&value)
    }
}

impl From<ModelConfig> for Value {
    fn from(config: ModelConfig) -> Self {
        config.to_json("float32")
    }
}

#[cfg(test)]
mod tests;
