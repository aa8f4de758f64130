//! Converts a [`ModelConfig`] to the `config.json` of transformers 5.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::error::ConfigError;
use super::family::{Activation, Family};
use super::model_config::ModelConfig;
use super::rope;

/// The version of transformers whose format is written and tested against.
const TRANSFORMERS: &str = "5.23.0";

impl ModelConfig {
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

    /// Returns the JSON of `config.json`; `dtype` is the type of the weights, such as `float32`.
    pub fn to_json(&self, dtype: &str) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| {
            map.insert(key.into(), value);
        };
        put("architectures", json!([self.family.architecture()]));
        put("model_type", json!(self.family.model_type()));
        put("dtype", json!(dtype));
        put("transformers_version", json!(TRANSFORMERS));
        put("vocab_size", json!(self.vocab_size));
        put("hidden_size", json!(self.hidden_size));
        put("intermediate_size", json!(self.intermediate_size));
        put("num_hidden_layers", json!(self.num_hidden_layers));
        put("num_attention_heads", json!(self.num_attention_heads));
        put("num_key_value_heads", json!(self.num_key_value_heads));
        put("head_dim", json!(self.head_dim));
        put("rms_norm_eps", json!(self.rms_norm_eps));
        put("max_position_embeddings", json!(self.max_position_embeddings));
        put("tie_word_embeddings", json!(self.tie_word_embeddings));
        put("initializer_range", json!(self.initializer_range));
        put("attention_dropout", json!(0.0));
        put("use_cache", json!(true));
        put("bos_token_id", json!(self.special.bos));
        put("pad_token_id", json!(self.special.pad));
        put(
            "eos_token_id",
            match self.special.eos.as_slice() {
                [] => Value::Null,
                [one] => json!(one),
                many => json!(many),
            },
        );
        self.put_activation(&mut map);
        self.put_attention(&mut map);
        Value::Object(map)
    }

    fn put_activation(&self, map: &mut Map<String, Value>) {
        let key = match self.family {
            Family::Gemma2 | Family::Gemma3 => "hidden_activation",
            _ => "hidden_act",
        };
        let name = match self.activation {
            Activation::Silu => "silu",
            Activation::GeluTanh => "gelu_pytorch_tanh",
        };
        map.insert(key.into(), json!(name));
    }

    fn put_attention(&self, map: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Value| {
            map.insert(key.into(), value);
        };
        let rope_settings = match &self.local_rope {
            Some(local) => {
                json!({ "full_attention": rope::to_json(&self.rope), "sliding_attention": rope::to_json(local) })
            }
            None => rope::to_json(&self.rope),
        };
        put("rope_parameters", rope_settings);
        let kinds = json!(self.layer_kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>());
        match self.family {
            Family::Llama | Family::Gemma => {}
            Family::Mistral => put("sliding_window", json!(self.sliding_window)),
            Family::Qwen2 | Family::Qwen3 => {
                put("use_sliding_window", json!(self.sliding_window.is_some()));
                put("sliding_window", json!(self.sliding_window));
                put("layer_types", kinds);
            }
            Family::Gemma2 | Family::Gemma3 => {
                put("sliding_window", json!(self.sliding_window.unwrap_or(4096)));
                put("layer_types", kinds);
                put("query_pre_attn_scalar", integer_if_whole(self.query_scale));
                put("attn_logit_softcapping", json!(self.attention_softcap));
                put("final_logit_softcapping", json!(self.logit_softcap));
            }
        }
        if !matches!(self.family, Family::Mistral | Family::Qwen2) {
            put("attention_bias", json!(self.output_bias));
        }
    }
}

/// Converts whole numbers to JSON integers: transformers checks the type.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers far below 2^53 are cast")]
fn integer_if_whole(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

impl From<ModelConfig> for Value {
    fn from(config: ModelConfig) -> Self {
        config.to_json("float32")
    }
}
