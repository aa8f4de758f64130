//! Parses the keys of `config.json` and validates them into a [`ModelConfig`].

use serde::{Deserialize, Deserializer};

use super::rope::{RawRope, RawRopeParameters, rope_settings};
use super::{Activation, Family, InvalidKey, LayerKind, ModelConfig, SpecialTokens, layers::layers};

/// Maximum number of blocks.
const MAX_LAYERS: usize = 1 << 12;

/// The keys that this crate reads; others are ignored.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawConfig {
    model_type: Option<String>,
    vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    hidden_activation: Option<String>,
    rms_norm_eps: Option<f64>,
    max_position_embeddings: Option<usize>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    use_bidirectional_attention: Option<bool>,
    quantization_config: Option<serde_json::Value>,
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
    query_pre_attn_scalar: Option<f64>,
    #[serde(default)]
    attn_logit_softcapping: NullableKey<f64>,
    #[serde(default)]
    final_logit_softcapping: NullableKey<f64>,
    initializer_range: Option<f64>,
    bos_token_id: Option<TokenIds>,
    eos_token_id: Option<TokenIds>,
    pad_token_id: Option<TokenIds>,
}

/// One token id, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum TokenIds {
    One(i64),
    Many(Vec<i64>),
}

impl TokenIds {
    /// Returns the ids; negative ids mean none in old files.
    fn list(ids: Option<&Self>) -> Vec<u32> {
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

impl ModelConfig {
    pub(super) fn from_raw(raw: &RawConfig) -> Result<Self, InvalidKey> {
        let family = family(raw)?;
        reject_unsupported(raw)?;
        let hidden_size = require(raw.hidden_size, "hidden_size")?;
        let heads = require(raw.num_attention_heads, "num_attention_heads")?;
        let num_hidden_layers = require(raw.num_hidden_layers, "num_hidden_layers")?;
        // Checked first: it bounds the length of `layer_kinds`.
        if num_hidden_layers > MAX_LAYERS {
            let what = format!("{num_hidden_layers} is out of range; use 1 to {MAX_LAYERS}");
            return Err(InvalidKey::new("num_hidden_layers", what));
        }
        let head_dim = match (raw.head_dim, family) {
            (Some(width), _) => width,
            (None, Family::Gemma | Family::Gemma2 | Family::Gemma3) => 256,
            (None, Family::Qwen3) => 128,
            (None, _) => hidden_size / heads.max(1),
        };
        let attention_bias = raw.attention_bias.unwrap_or(false) && family != Family::Mistral;
        let (sliding_window, layer_kinds) = layers(raw, family, num_hidden_layers)?;
        let (rope, local_rope) = rope_settings(raw, family)?;
        let gemma2 = family == Family::Gemma2;
        let scaled = matches!(family, Family::Gemma2 | Family::Gemma3);
        let config = Self {
            family,
            vocab_size: require(raw.vocab_size, "vocab_size")?,
            hidden_size,
            intermediate_size: require(raw.intermediate_size, "intermediate_size")?,
            num_hidden_layers,
            num_attention_heads: heads,
            num_key_value_heads: raw.num_key_value_heads.unwrap_or(heads),
            head_dim,
            activation: activation(raw, family)?,
            rms_norm_eps: raw.rms_norm_eps.unwrap_or(1e-6),
            max_position_embeddings: raw.max_position_embeddings.unwrap_or(2048),
            tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(family.is_gemma()),
            qkv_bias: attention_bias || family == Family::Qwen2,
            output_bias: attention_bias && family != Family::Qwen2,
            rope,
            local_rope,
            sliding_window,
            layer_kinds,
            query_scale: if scaled { raw.query_pre_attn_scalar.unwrap_or(256.0) } else { head_dim as f64 },
            attention_softcap: raw.attn_logit_softcapping.or(gemma2.then_some(50.0)).filter(|_| scaled),
            logit_softcap: raw.final_logit_softcapping.or(gemma2.then_some(30.0)).filter(|_| scaled),
            initializer_range: raw.initializer_range.unwrap_or(0.02),
            special: SpecialTokens {
                bos: TokenIds::list(raw.bos_token_id.as_ref()).first().copied(),
                eos: TokenIds::list(raw.eos_token_id.as_ref()),
                pad: TokenIds::list(raw.pad_token_id.as_ref()).first().copied(),
            },
        };
        config.check()?;
        Ok(config)
    }

    /// Checks that values are consistent and that products of sizes cannot overflow.
    pub(super) fn check(&self) -> Result<(), InvalidKey> {
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 26),
            ("hidden_size", self.hidden_size, 1 << 18),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_hidden_layers", self.num_hidden_layers, MAX_LAYERS),
            ("num_attention_heads", self.num_attention_heads, 1 << 12),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 12),
            ("head_dim", self.head_dim, 1 << 12),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 30),
        ];
        for (key, size, max) in sizes {
            if size == 0 || size > max {
                return Err(InvalidKey::new(key, format!("{size} is out of range; use 1 to {max}")));
            }
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let what = format!(
                "{} does not divide num_attention_heads = {}",
                self.num_key_value_heads, self.num_attention_heads
            );
            return Err(InvalidKey::new("num_key_value_heads", what));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(InvalidKey::new("head_dim", format!("{} is odd; RoPE needs an even number", self.head_dim)));
        }
        if self.layer_kinds.len() != self.num_hidden_layers {
            let what = format!("{} layers, but num_hidden_layers = {}", self.layer_kinds.len(), self.num_hidden_layers);
            return Err(InvalidKey::new("layer_types", what));
        }
        if self.layer_kinds.contains(&LayerKind::Sliding) && self.sliding_window.unwrap_or(0) == 0 {
            return Err(InvalidKey::new("sliding_window", "is missing or 0, but a layer has sliding attention"));
        }
        self.check_reals()
    }

    fn check_reals(&self) -> Result<(), InvalidKey> {
        let reals = [
            ("rms_norm_eps", Some(self.rms_norm_eps)),
            ("query_pre_attn_scalar", Some(self.query_scale)),
            ("attn_logit_softcapping", self.attention_softcap),
            ("final_logit_softcapping", self.logit_softcap),
        ];
        for (key, value) in reals {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                return Err(InvalidKey::new(key, format!("{} is not a positive number", value.unwrap_or_default())));
            }
        }
        Ok(())
    }
}

fn require(value: Option<usize>, key: &'static str) -> Result<usize, InvalidKey> {
    value.ok_or_else(|| InvalidKey::new(key, "is missing"))
}

fn family(raw: &RawConfig) -> Result<Family, InvalidKey> {
    let names = || Family::ALL.map(Family::model_type).join(", ");
    let name = raw
        .model_type
        .as_deref()
        .ok_or_else(|| InvalidKey::new("model_type", format!("is missing; use one of {}", names())))?;
    let found = Family::ALL.into_iter().find(|family| family.model_type() == name);
    found.ok_or_else(|| InvalidKey::new("model_type", format!("`{name}` is not supported; use one of {}", names())))
}

/// Rejects options that change the result and are not supported.
fn reject_unsupported(raw: &RawConfig) -> Result<(), InvalidKey> {
    if raw.mlp_bias == Some(true) {
        return Err(InvalidKey::new("mlp_bias", "a bias in the feed-forward part is not supported"));
    }
    if raw.use_bidirectional_attention == Some(true) {
        return Err(InvalidKey::new("use_bidirectional_attention", "is not supported"));
    }
    if raw.quantization_config.as_ref().is_some_and(|value| !value.is_null()) {
        return Err(InvalidKey::new(
            "quantization_config",
            "quantised checkpoints are not supported; use a checkpoint in F32, F16 or BF16, or a GGUF file",
        ));
    }
    Ok(())
}

fn activation(raw: &RawConfig, family: Family) -> Result<Activation, InvalidKey> {
    let given = if family.is_gemma() {
        raw.hidden_activation.as_deref().or(raw.hidden_act.as_deref()).unwrap_or("gelu_pytorch_tanh")
    } else {
        raw.hidden_act.as_deref().unwrap_or("silu")
    };
    match given {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        // The first Gemma checkpoints name `gelu` but use the approximation.
        "gelu" if family.is_gemma() => Ok(Activation::GeluTanh),
        other => {
            Err(InvalidKey::new("hidden_act", format!("`{other}` is not supported; use silu or gelu_pytorch_tanh")))
        }
    }
}
