//! Reads and writes `config.json` in the formats of transformers 4 and 5.

use serde_json::{Value, json};

use super::*;
use crate::model::tests::{FIXTURES, fixture};

#[test]
fn config_round_trips() {
    for name in FIXTURES {
        let config = ModelConfig::read(&fixture(name).join("config.json")).unwrap();
        assert_eq!(ModelConfig::from_json(&config.to_json("float32")).unwrap(), config, "{name}");
    }
}

#[test]
fn written_keys_match_transformers() {
    // Keys that do not affect the model, or that have a different default in transformers.
    let passed_over = ["_sliding_window_pattern", "pretraining_tp", "mlp_bias", "max_window_layers"];
    for name in FIXTURES {
        let path = fixture(name).join("config.json");
        let theirs: Value = serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        let ours = ModelConfig::read(&path).unwrap().to_json("float32");
        for (key, value) in theirs.as_object().unwrap() {
            if value.is_null() || passed_over.contains(&key.as_str()) || key == "use_bidirectional_attention" {
                continue;
            }
            let whole = |value: &Value| value.as_f64().map_or(value.clone(), |number| json!(number));
            assert_eq!(whole(&ours[key]), whole(value), "{name}: {key}");
        }
    }
}

#[test]
fn reads_transformers_4_keys() {
    let old = json!({
        "model_type": "llama", "vocab_size": 128_256, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
        "rope_theta": 500_000.0, "tie_word_embeddings": false, "eos_token_id": [128_001, 128_008],
        "rope_scaling": {
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"
        }
    });
    let config = ModelConfig::from_json(&old).unwrap();
    assert_eq!(config.rope.theta.to_bits(), 500_000.0_f64.to_bits());
    assert!(matches!(config.rope.scaling, RopeScaling::Llama3 { .. }));
    assert_eq!(config.special.eos, [128_001, 128_008]);
    // Llama 3.1 8B.
    assert_eq!(config.parameters(), 8_030_261_248);
}

#[test]
fn gemma_3_has_two_ropes_and_a_layer_pattern() {
    let old = json!({
        "model_type": "gemma3_text", "vocab_size": 262_144, "hidden_size": 1152, "intermediate_size": 6912,
        "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
        "rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window": 512, "sliding_window_pattern": 6,
        "rope_scaling": { "type": "linear", "factor": 8.0 }
    });
    let config = ModelConfig::from_json(&old).unwrap();
    assert_eq!(config.rope.scaling, RopeScaling::Linear { factor: 8.0 });
    assert_eq!(config.local_rope, Some(Rope::new(1e4)));
    assert_eq!(config.layer_kinds.iter().filter(|&&kind| kind == LayerKind::Full).count(), 4);
    assert_eq!(config.layer_kinds[5], LayerKind::Full);
    // Gemma 3 1B, text only.
    assert_eq!(config.parameters(), 999_885_952);
}

#[test]
fn null_window_differs_from_missing() {
    let sizes = |window: Value| {
        let mut value = json!({
            "model_type": "mistral", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1
        });
        if window != json!("missing") {
            value["sliding_window"] = window;
        }
        ModelConfig::from_json(&value).unwrap().sliding_window
    };
    assert_eq!([sizes(json!("missing")), sizes(json!(null)), sizes(json!(16))], [Some(4096), None, Some(16)]);
}

#[test]
fn attention_in_both_directions_is_rejected_by_key() {
    let sizes = |key: &str, value: bool| {
        ModelConfig::from_json(&json!({
            "model_type": "qwen2", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, key: value
        }))
    };
    for (key, value) in [("is_causal", false), ("use_bidirectional_attention", true)] {
        let message = sizes(key, value).unwrap_err().to_string();
        assert!(message.contains(&format!("`{key}`")) && message.contains("not supported"), "{message}");
        sizes(key, !value).unwrap();
    }
}
