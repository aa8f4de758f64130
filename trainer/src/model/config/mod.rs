//! Model configuration: the content of a Hugging Face `config.json`.
//!
//! Loading a checkpoint starts here: `read` parses and validates the file into a [`ModelConfig`], the model is built
//! from it, and `write` writes the file in the format of transformers 5. Invariant: a `ModelConfig` that was read
//! describes a model that this crate computes exactly; any unsupported value is an error.

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

/// Error from reading, validating or writing a `config.json`.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The file is not valid JSON, or a value has the wrong type.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A key is missing, or its value is invalid or not supported.
    #[error("{path}: `{key}`: {what}")]
    Key {
        /// The file, or `model config` for a value that is not from a file.
        path: String,
        /// The key.
        key: &'static str,
        /// What is wrong, and which values are allowed.
        what: String,
    },
}

/// An invalid key, before the name of the file is known.
#[derive(Debug)]
pub(crate) struct InvalidKey {
    key: &'static str,
    what: String,
}

impl InvalidKey {
    fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into() }
    }

    fn at(self, path: impl Into<String>) -> ConfigError {
        ConfigError::Key { path: path.into(), key: self.key, what: self.what }
    }
}

/// Ids of the special tokens that begin, end and pad a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<u32>,
    /// End a text; a model may have several.
    pub eos: Vec<u32>,
    /// Pads a row.
    pub pad: Option<u32>,
}

/// Sizes and options of a decoder.
///
/// Serialises to and from the JSON of a `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct ModelConfig {
    /// The architecture.
    pub family: Family,
    /// Number of rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Inner width of the feed-forward part.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads; divides the number of query heads.
    pub num_key_value_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Activation function of the feed-forward gate.
    pub activation: Activation,
    /// Added to the mean square in every norm.
    pub rms_norm_eps: f64,
    /// Maximum context length in tokens.
    pub max_position_embeddings: usize,
    /// Whether the output head shares the weights of the embedding.
    pub tie_word_embeddings: bool,
    /// Whether q, k and v have a bias.
    pub qkv_bias: bool,
    /// Whether the output projection of attention has a bias.
    pub output_bias: bool,
    /// Rotary position embedding (RoPE).
    pub rope: Rope,
    /// RoPE of layers with a sliding window, if it differs (Gemma 3).
    pub local_rope: Option<Rope>,
    /// Tokens that a sliding-window layer attends to, including the current one.
    pub sliding_window: Option<usize>,
    /// The kind of each layer; one entry per layer.
    pub layer_kinds: Vec<LayerKind>,
    /// Attention scores are divided by the square root of this; `head_dim` if the family has no such setting.
    pub query_scale: f64,
    /// Soft cap of the attention scores.
    pub attention_softcap: Option<f64>,
    /// Soft cap of the logits.
    pub logit_softcap: Option<f64>,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Special tokens.
    pub special: SpecialTokens,
}

impl ModelConfig {
    /// Returns a Llama of the given sizes with tied embeddings, full attention and default values for the rest.
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
    /// If the file is not JSON, a key is missing, the `model_type`, RoPE scaling or activation is not supported, or
    /// sizes are inconsistent. The error names the file and the key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs_err::read_to_string(path)?;
        let raw = serde_json::from_str(&text).map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
        Self::from_raw(&raw).map_err(|error| error.at(path.display().to_string()))
    }

    /// Parses the JSON of a `config.json`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_json(value: &Value) -> Result<Self, ConfigError> {
        let raw = raw::RawConfig::deserialize(value)
            .map_err(|source| ConfigError::Json { path: PathBuf::from("model config"), source })?;
        Self::from_raw(&raw).map_err(|error| error.at("model config"))
    }

    /// Writes a `config.json` that transformers 5 loads; `dtype` is the type of the stored weights, such as `float32`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path, dtype: &str) -> Result<(), ConfigError> {
        let mut text = serde_json::to_string_pretty(&self.to_json(dtype))
            .map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
        text.push('\n');
        fs_err::write(path, text)?;
        Ok(())
    }

    /// Validates a configuration built in code, as [`Self::read`] validates a file.
    ///
    /// # Errors
    /// If a value is invalid; the error names the key of the first one.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check().map_err(|error| error.at("model config"))
    }

    /// Number of parameters; a tied head counts once.
    pub fn parameters(&self) -> u64 {
        let hidden = self.hidden_size as u64;
        let embedding = self.vocab_size as u64 * hidden;
        let head = if self.tie_word_embeddings { 0 } else { embedding };
        embedding + head + hidden + self.num_hidden_layers as u64 * self.block_parameters()
    }

    /// Number of parameters of one block.
    fn block_parameters(&self) -> u64 {
        let (hidden, head) = (self.hidden_size as u64, self.head_dim as u64);
        let query = self.num_attention_heads as u64 * head;
        let qkv = self.qkv_width() as u64;
        let bias = if self.qkv_bias { qkv } else { 0 } + if self.output_bias { hidden } else { 0 };
        let norms = hidden * if self.has_post_norms() { 4 } else { 2 };
        let head_norms = if self.has_head_norms() { 2 * head } else { 0 };
        hidden * qkv + query * hidden + bias + norms + head_norms + 3 * hidden * self.intermediate_size as u64
    }

    /// Total width of q, k and v.
    pub fn qkv_width(&self) -> usize {
        (self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim
    }

    /// Total width of the query heads.
    pub fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Total width of the key heads.
    pub fn key_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Whether each head of q and k is normalised (Qwen 3, Gemma 3).
    pub fn has_head_norms(&self) -> bool {
        matches!(self.family, Family::Qwen3 | Family::Gemma3)
    }

    /// Whether the outputs of attention and feed-forward are also normalised (Gemma 2 and 3).
    pub fn has_post_norms(&self) -> bool {
        matches!(self.family, Family::Gemma2 | Family::Gemma3)
    }

    /// Factor of the embeddings: the square root of `hidden_size` in Gemma, 1 otherwise.
    pub fn embedding_scale(&self) -> f64 {
        if self.family.is_gemma() { (self.hidden_size as f64).sqrt() } else { 1.0 }
    }

    /// Offset added to norm weights: 1 in Gemma, 0 otherwise.
    pub fn norm_offset(&self) -> f64 {
        if self.family.is_gemma() { 1.0 } else { 0.0 }
    }

    /// RoPE of layers of this kind.
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
