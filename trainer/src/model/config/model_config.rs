//! The sizes and options of a decoder, and what follows from them.
//!
//! Invariant: equal configurations describe equal models; no other value affects a shape.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::family::{Activation, Family};
use super::layers::LayerKind;
use super::rope::Rope;

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
