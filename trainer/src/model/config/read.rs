//! Reads a `config.json` into a [`ModelConfig`], by the rules of each family in transformers.
//!
//! Invariant: a value that changes the result and is not supported is an error that names its key.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

use super::check::MAX_LAYERS;
use super::error::{ConfigError, InvalidKey};
use super::family::{Activation, Family};
use super::layers::layers;
use super::model_config::{ModelConfig, SpecialTokens};
use super::raw::{RawConfig, TokenIds};
use super::rope::rope_settings;

impl ModelConfig {
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
        let raw = RawConfig::deserialize(value)
            .map_err(|source| ConfigError::Json { path: PathBuf::from("model config"), source })?;
        Self::from_raw(&raw).map_err(|error| error.at("model config"))
    }

    fn from_raw(raw: &RawConfig) -> Result<Self, InvalidKey> {
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
}

impl TryFrom<Value> for ModelConfig {
    type Error = ConfigError;

    fn try_from(value: Value) -> Result<Self, ConfigError> {
        Self::from_json(&value)
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
    // Embedding models made of Llama or Qwen have it; transformers then attends in both directions.
    if raw.is_causal == Some(false) {
        return Err(InvalidKey::new("is_causal", "false (attention in both directions) is not supported"));
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
