//! Converts the metadata of a GGUF file to a model configuration, with the defaults of llama.cpp (`load_hparams` in
//! `llama-model.cpp`).
//!
//! Invariant: a key that changes the results has its effect, or is an error that names it.

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
    attention(header, architecture, family, &mut map)?;
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
    if let Some(value) = header.optional_integer(&format!("{architecture}.attention.head_count_kv"))? {
        map.insert("num_key_value_heads".into(), json!(value));
    }
    // The vocabulary size comes from the embedding: the metadata key is often missing.
    let embedding = header.tensors.get("token_embd.weight").ok_or("tensor `token_embd.weight` is missing")?;
    map.insert("vocab_size".into(), json!(embedding.shape().first().copied().unwrap_or(0)));
    map.insert("tie_word_embeddings".into(), json!(!header.tensors.contains_key("output.weight")));
    let key = format!("{architecture}.attention.layer_norm_rms_epsilon");
    let epsilon = header.optional_real(&key)?.ok_or_else(|| format!("`{key}` is missing"))?;
    map.insert("rms_norm_eps".into(), json!(epsilon));
    Ok(())
}

fn attention(header: &Header, architecture: &str, family: Family, map: &mut Map<String, Value>) -> Result<(), String> {
    let hidden = map["hidden_size"].as_u64().unwrap_or(0);
    let heads = map["num_attention_heads"].as_u64().unwrap_or(0).max(1);
    let width = header.optional_integer(&format!("{architecture}.attention.key_length"))?.unwrap_or(hidden / heads);
    map.insert("head_dim".into(), json!(width));
    if let Some(window) = header.optional_integer(&format!("{architecture}.attention.sliding_window"))? {
        map.insert("sliding_window".into(), json!(window));
    }
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if let Some(cap) = header.optional_real(&format!("{architecture}.{key}"))? {
            map.insert(key.into(), json!(cap));
        }
    }
    if let Some(causal) = header.flag(&format!("{architecture}.attention.causal")) {
        map.insert("is_causal".into(), json!(causal));
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
    Ok(())
}

fn rotation(
    header: &Header,
    architecture: &str,
    divisors: Option<&[f32]>,
    map: &mut Map<String, Value>,
) -> Result<(), String> {
    let key = |name: &str| format!("{architecture}.rope.{name}");
    let theta = header.optional_real(&key("freq_base"))?.unwrap_or(10_000.0);
    map.insert("rope_theta".into(), json!(theta));
    let (width, rotated) = (map["head_dim"].as_u64(), header.optional_integer(&key("dimension_count"))?);
    if let (Some(width), Some(rotated)) = (width, rotated.filter(|rotated| Some(*rotated) != width)) {
        let key = key("dimension_count");
        return Err(format!("`{key}` is {rotated}, but a head has {width}; partial rotation is not supported"));
    }
    if let Some(factor) = header.optional_real(&key("scaling.attn_factor"))?.filter(|factor| !is_one(*factor)) {
        return Err(format!("`{}` is {factor}; only 1 is supported", key("scaling.attn_factor")));
    }
    // The old key of the factor, of files of 2023.
    let factor = match header.optional_real(&key("scaling.factor"))? {
        None => header.optional_real(&key("scale_linear"))?,
        factor => factor,
    };
    // 0 means no scaling, and so does 1.
    let factor = factor.filter(|factor| *factor != 0.0 && !is_one(*factor));
    let linear = match header.optional_text(&key("scaling.type"))?.unwrap_or("linear") {
        "none" => None,
        "linear" => factor,
        other => return Err(format!("RoPE scaling `{other}` is not supported; use none, linear or llama3")),
    };
    match (divisors, linear) {
        (None, None) => Ok(()),
        (None, Some(factor)) => {
            map.insert("rope_scaling".into(), json!({ "rope_type": "linear", "factor": factor }));
            Ok(())
        }
        (Some(divisors), None) => llama3(divisors, theta, map),
        (Some(_), Some(factor)) => Err(format!(
            "the file has RoPE divisors (`rope_freqs.weight`) and a linear factor of {factor}; only one is supported"
        )),
    }
}

fn is_one(factor: f64) -> bool {
    factor.to_bits() == 1.0_f64.to_bits()
}

/// Adds the scaling of Llama 3.1: every Llama since has its factors, and only the largest divisor varies.
fn llama3(divisors: &[f32], theta: f64, map: &mut Map<String, Value>) -> Result<(), String> {
    let factor = divisors.iter().copied().fold(1.0_f32, f32::max);
    map.insert(
        "rope_scaling".into(),
        json!({ "rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192 }),
    );
    check_divisors(divisors, f64::from(factor), theta)
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
        let difference = (expected / f64::from(stored) - 1.0).abs();
        if difference.is_nan() || difference > 1e-3 {
            return Err(format!("RoPE divisor {pair} is {stored}, but Llama 3.1 has {expected:.4}"));
        }
    }
    Ok(())
}
