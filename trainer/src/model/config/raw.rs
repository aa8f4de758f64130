//! The keys of `config.json` as they are in the file: those of transformers 4, and `rope_parameters` of transformers 5.
//!
//! Invariant: a key that is missing, null or given stays distinguishable where the three have different meanings.

use serde::{Deserialize, Deserializer};

/// The keys that this crate reads; others are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawConfig {
    pub(super) model_type: Option<String>,
    pub(super) vocab_size: Option<usize>,
    pub(super) hidden_size: Option<usize>,
    pub(super) intermediate_size: Option<usize>,
    pub(super) num_hidden_layers: Option<usize>,
    pub(super) num_attention_heads: Option<usize>,
    pub(super) num_key_value_heads: Option<usize>,
    pub(super) head_dim: Option<usize>,
    pub(super) hidden_act: Option<String>,
    pub(super) hidden_activation: Option<String>,
    pub(super) rms_norm_eps: Option<f64>,
    pub(super) max_position_embeddings: Option<usize>,
    pub(super) tie_word_embeddings: Option<bool>,
    pub(super) attention_bias: Option<bool>,
    pub(super) mlp_bias: Option<bool>,
    pub(super) use_bidirectional_attention: Option<bool>,
    pub(super) is_causal: Option<bool>,
    pub(super) quantization_config: Option<serde_json::Value>,
    pub(super) rope_theta: Option<f64>,
    pub(super) rope_local_base_freq: Option<f64>,
    pub(super) rope_scaling: Option<RawRope>,
    pub(super) rope_parameters: Option<RawRopeParameters>,
    pub(super) partial_rotary_factor: Option<f64>,
    /// A missing key means the default of the family; null means no window.
    #[serde(default)]
    pub(super) sliding_window: NullableKey<usize>,
    pub(super) use_sliding_window: Option<bool>,
    pub(super) max_window_layers: Option<usize>,
    #[serde(alias = "_sliding_window_pattern")]
    pub(super) sliding_window_pattern: Option<usize>,
    pub(super) layer_types: Option<Vec<String>>,
    pub(super) query_pre_attn_scalar: Option<f64>,
    #[serde(default)]
    pub(super) attn_logit_softcapping: NullableKey<f64>,
    #[serde(default)]
    pub(super) final_logit_softcapping: NullableKey<f64>,
    pub(super) initializer_range: Option<f64>,
    pub(super) bos_token_id: Option<TokenIds>,
    pub(super) eos_token_id: Option<TokenIds>,
    pub(super) pad_token_id: Option<TokenIds>,
}

/// One token id, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum TokenIds {
    One(i64),
    Many(Vec<i64>),
}

impl TokenIds {
    /// Returns the ids; negative ids mean none in old files.
    pub(super) fn list(ids: Option<&Self>) -> Vec<u32> {
        match ids {
            None => Vec::new(),
            Some(Self::One(id)) => u32::try_from(*id).into_iter().collect(),
            Some(Self::Many(ids)) => ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect(),
        }
    }
}

/// A key for which missing and null have different meanings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum NullableKey<T> {
    /// The key is missing.
    #[default]
    Missing,
    /// The key is present; `None` is null.
    Given(Option<T>),
}

impl<T> NullableKey<T> {
    /// Returns the value, or `default` if the key is missing.
    pub(super) fn or(self, default: Option<T>) -> Option<T> {
        match self {
            Self::Missing => default,
            Self::Given(value) => value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NullableKey<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::Given)
    }
}

/// RoPE settings in JSON.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RawRope {
    pub(super) rope_type: Option<String>,
    #[serde(rename = "type")]
    pub(super) old_type: Option<String>,
    pub(super) rope_theta: Option<f64>,
    pub(super) factor: Option<f64>,
    pub(super) low_freq_factor: Option<f64>,
    pub(super) high_freq_factor: Option<f64>,
    pub(super) original_max_position_embeddings: Option<f64>,
    pub(super) partial_rotary_factor: Option<f64>,
}

/// The value of `rope_parameters`: one object, or one per kind of layer (Gemma 3).
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RawRopeParameters {
    pub(super) full_attention: Option<RawRope>,
    pub(super) sliding_attention: Option<RawRope>,
    #[serde(flatten)]
    pub(super) single: RawRope,
}
