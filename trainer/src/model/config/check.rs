//! Validates a [`ModelConfig`], from a file or built in code.
//!
//! Invariant: after it, values are consistent and products of sizes cannot overflow.

use super::error::{ConfigError, InvalidKey};
use super::layers::LayerKind;
use super::model_config::ModelConfig;

/// Maximum number of blocks.
pub(super) const MAX_LAYERS: usize = 1 << 12;

impl ModelConfig {
    /// Validates a configuration built in code, as [`Self::read`] validates a file.
    ///
    /// # Errors
    /// If a value is invalid; the error names the key of the first one.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check().map_err(|error| error.at("model config"))
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
