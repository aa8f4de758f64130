//! Converts the metadata of a GGUF file to a model configuration.

use serde_json::{Map, Value, json};

use super::header::Header;
use crate::model::ModelConfig;
use crate::model::config::Family;

/// Returns the configuration; `divisors` is the tensor `rope_freqs.weight`, which divides the RoPE frequencies of
/// Llama 3.1.
pub(super) fn config(header: &Header, divisors: Option<&[f32]>) -> Result<ModelConfig, String> {
    let architecture = header.text("general.architecture").ok_or("`general.architecture` is missing")?;
    let family = match architecture {
        "gemma3" => Family::Gemma3,
        other => Family::ALL.into_iter().find(|family| family.model_type() == other).ok_or_else(|| {
            format!("architecture `{other}` is not supported; use llama, qwen2, qwen3, gemma, gemma2 or gemma3")
        })?,
    };
    let mut map = Map::new();
    map.insert("model_type".into(), json!(family.model_type()));
    sizes(header, architecture, &mut map)?;
    attention(header, architecture, family, &mut map);
    rotation(header, architecture, divisors, &mut map)?;
    for (ours, theirs) in
        [("bos_token_id", "bos_token_id"), ("eos_token_id", "eos_token_id"), ("pad_token_id", "padding_token_id")]
    {
        if let Some(id) = header.integer(&format!("tokenizer.ggml.{theirs}")) {
            map.insert(ours.into(), json!(id));
        }
    }
    ModelConfig::from_json(&Value::Object(map)).map_err(|error| error.to_string())
}

fn sizes(header: &Header, architecture: &str, map: &mut Map<String, Value>) -> Result<(), String> {
    let keys = [
        ("hidden_size", "embedding_length"),
        ("intermediate_size", "feed_forward_length"),
        ("num_hidden_layers", "block_count"),
        ("num_attention_heads", "attention.head_count"),
        ("max_position_embeddings", "context_length"),
    ];
    for (ours, theirs) in keys {
        let key = format!("{architecture}.{theirs}");
        let value = header
            .integer(&key)
            .ok_or_else(|| format!("`{key}` is missing, not an integer, or differs between layers"))?;
        map.insert(ours.into(), json!(value));
    }
    let key = format!("{architecture}.attention.head_count_kv");
    if header.metadata.contains_key(&key) {
        let value =
            header.integer(&key).ok_or_else(|| format!("`{key}` is not an integer, or differs between layers"))?;
        map.insert("num_key_value_heads".into(), json!(value));
    }
    // The vocabulary size comes from the embedding: the metadata key is often missing.
    let embedding = header.tensors.get("token_embd.weight").ok_or("tensor `token_embd.weight` is missing")?;
    map.insert("vocab_size".into(), json!(embedding.shape().first().copied().unwrap_or(0)));
    map.insert("tie_word_embeddings".into(), json!(!header.tensors.contains_key("output.weight")));
    let epsilon = header.real(&format!("{architecture}.attention.layer_norm_rms_epsilon"));
    map.insert("rms_norm_eps".into(), json!(epsilon.unwrap_or(1e-5)));
    Ok(())
}

fn attention(header: &Header, architecture: &str, family: Family, map: &mut Map<String, Value>) {
    let hidden = map["hidden_size"].as_u64().unwrap_or(0);
    let heads = map["num_attention_heads"].as_u64().unwrap_or(0).max(1);
    let width = header.integer(&format!("{architecture}.attention.key_length")).unwrap_or(hidden / heads);
    map.insert("head_dim".into(), json!(width));
    if let Some(window) = header.integer(&format!("{architecture}.attention.sliding_window")) {
        map.insert("sliding_window".into(), json!(window));
    }
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if let Some(cap) = header.real(&format!("{architecture}.{key}")) {
            map.insert(key.into(), json!(cap));
        }
    }
    let layers = map["num_hidden_layers"].as_u64().unwrap_or(0);
    // The file has no such key; llama.cpp identifies the largest models of both families by their number of layers.
    let scale = match (family, layers) {
        (Family::Gemma2, 46) | (Family::Gemma3, 62) => hidden / heads,
        _ => width,
    };
    map.insert("query_pre_attn_scalar".into(), json!(scale));
    if family == Family::Llama && header.tensors.contains_key("blk.0.attn_q.bias") {
        map.insert("attention_bias".into(), json!(true));
    }
}

fn rotation(
    header: &Header,
    architecture: &str,
    divisors: Option<&[f32]>,
    map: &mut Map<String, Value>,
) -> Result<(), String> {
    let theta = header.real(&format!("{architecture}.rope.freq_base")).unwrap_or(10_000.0);
    map.insert("rope_theta".into(), json!(theta));
    let kind = header.text(&format!("{architecture}.rope.scaling.type")).unwrap_or("none");
    let factor = header.real(&format!("{architecture}.rope.scaling.factor"));
    if let Some(divisors) = divisors {
        let factor = divisors.iter().copied().fold(1.0_f32, f32::max);
        // Every Llama since 3.1 has these factors; only the largest divisor varies.
        map.insert(
            "rope_scaling".into(),
            json!({ "rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192 }),
        );
        return check_divisors(divisors, f64::from(factor), theta);
    }
    match (kind, factor) {
        ("none", _) | ("linear", None) => {}
        ("linear", Some(factor)) => {
            map.insert("rope_scaling".into(), json!({ "rope_type": "linear", "factor": factor }));
        }
        (other, _) => return Err(format!("RoPE scaling `{other}` is not supported; use none, linear or llama3")),
    }
    Ok(())
}

/// Checks the stored divisors against the rule of Llama 3.1.
#[expect(clippy::cast_precision_loss, reason = "a head has few pairs")]
fn check_divisors(divisors: &[f32], factor: f64, theta: f64) -> Result<(), String> {
    use std::f64::consts::TAU;
    let (low, high, original) = (1.0, 4.0, 8192.0);
    for (pair, &stored) in divisors.iter().enumerate() {
        let wavelength = TAU * libm::pow(theta, pair as f64 / divisors.len() as f64);
        let expected = if wavelength < original / high {
            1.0
        } else if wavelength > original / low {
            factor
        } else {
            let smooth = (original / wavelength - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        };
        if (expected / f64::from(stored) - 1.0).abs() > 1e-3 {
            return Err(format!("RoPE divisor {pair} is {stored}, but Llama 3.1 has {expected:.4}"));
        }
    }
    Ok(())
}
