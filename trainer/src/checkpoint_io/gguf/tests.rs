//! Reads files written by the rules of llama.cpp, blocks of gguf-py, and damaged files.

pub(crate) mod writer;

use burn::tensor::Device;
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::json;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

use self::writer::{Metadata, convert, convert_with, setting, text};
use super::*;
use crate::model::Context;
use crate::model::config::RopeScaling;
use crate::model::tests::{Reference, fixture, max_abs_diff, tokens, values};

fn open(bytes: &[u8]) -> Result<(Gguf, Decoder), CheckpointError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs_err::write(&path, bytes).unwrap();
    let mut gguf = Gguf::open(&path)?;
    let decoder = gguf.decoder(&Device::flex())?;
    Ok((gguf, decoder))
}

/// Logits of two rows of 16 tokens.
fn logits(decoder: &Decoder, config: &ModelConfig, ids: &[i64]) -> Vec<f32> {
    let device = Device::flex();
    let context = Context::causal(config, 2, 16, &device);
    values::<3>(decoder.logits(decoder.hidden(tokens(ids, 2, &device), &context)))
}

#[test]
fn converted_model_has_same_logits() {
    for (name, architecture) in [("llama", "llama"), ("qwen2", "qwen2"), ("qwen3", "qwen3"), ("gemma", "gemma")] {
        let (gguf, decoder) = open(&convert(&fixture(name), architecture)).unwrap();
        let reference = Reference::of(name);
        let found = logits(&decoder, gguf.config(), &reference.ids("input_ids"));
        let difference = max_abs_diff(&found, &reference.floats("logits"));
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

/// These fixtures have settings that GGUF cannot express, since no published model has them. The test replaces them by
/// published values and compares the GGUF file with the Hugging Face folder that it was converted from.
#[test]
fn windows_caps_and_rope_scaling_are_converted() {
    let edits = [
        ("gemma2", "gemma2", "/query_pre_attn_scalar", json!(8)),
        ("gemma3", "gemma3", "/query_pre_attn_scalar", json!(8)),
        ("llama31-rope", "llama", "/rope_parameters/original_max_position_embeddings", json!(8192)),
    ];
    for (name, architecture, key, value) in edits {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs_err::copy(fixture(name).join(file), folder.path().join(file)).unwrap();
        }
        let path = folder.path().join("config.json");
        let mut config: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        *config.pointer_mut(key).unwrap() = value;
        fs_err::write(&path, config.to_string()).unwrap();
        let (config, expected) = crate::checkpoint_io::load(folder.path(), &Device::flex()).unwrap();
        let (gguf, decoder) = open(&convert(folder.path(), architecture)).unwrap();
        assert_eq!((&gguf.config().rope, &gguf.config().local_rope), (&config.rope, &config.local_rope), "{name}");
        assert_eq!(gguf.config().layer_kinds, config.layer_kinds, "{name}");
        let ids = Reference::of(name).ids("input_ids");
        let difference = max_abs_diff(&logits(&decoder, gguf.config(), &ids), &logits(&expected, &config, &ids));
        assert!(difference < 1e-5, "{name}: {difference}");
    }
}

#[test]
fn rope_scaling_has_the_defaults_of_llama_cpp() {
    let scaling = |more: &[(&str, Metadata<'_>)]| {
        let opened = open(&convert_with(&fixture("llama"), "llama", more));
        opened.map(|(gguf, _)| gguf.config().rope.scaling.clone()).map_err(|error| error.to_string())
    };
    let linear = |factor: f64| Ok(RopeScaling::Linear { factor });
    // Without a type, a factor is linear; the old key counts if the new one is missing.
    assert_eq!(scaling(&[("rope.scaling.factor", Metadata::Real(4.0))]), linear(4.0));
    assert_eq!(scaling(&[("rope.scale_linear", Metadata::Real(4.0))]), linear(4.0));
    let both = [("rope.scale_linear", Metadata::Real(4.0)), ("rope.scaling.factor", Metadata::Real(2.0))];
    assert_eq!(scaling(&both), linear(2.0));
    let typed = |kind| [("rope.scaling.type", Metadata::Text(kind)), ("rope.scaling.factor", Metadata::Real(4.0))];
    assert_eq!(scaling(&typed("linear")), linear(4.0));
    assert_eq!(scaling(&typed("none")), Ok(RopeScaling::None));
    assert_eq!(scaling(&[("rope.scaling.factor", Metadata::Real(0.0))]), Ok(RopeScaling::None));
    assert_eq!(scaling(&[("rope.dimension_count", Metadata::Number(4))]), Ok(RopeScaling::None));
    assert!(scaling(&typed("yarn")).unwrap_err().contains("`yarn` is not supported"));
}

#[test]
fn keys_that_change_results_have_an_effect_or_are_named() {
    for (key, value) in [
        ("rope.dimension_count", Metadata::Number(2)),
        ("rope.scaling.factor", Metadata::Number(4)),
        ("rope.scaling.factor", Metadata::Real(-4.0)),
        ("rope.scaling.attn_factor", Metadata::Real(0.5)),
        ("attention.causal", Metadata::Flag(false)),
    ] {
        let message = open(&convert_with(&fixture("llama"), "llama", &[(key, value)])).unwrap_err().to_string();
        let named = key.rsplit('.').next().unwrap();
        assert!(message.contains(named), "{key}: {message}");
    }
    open(&convert_with(&fixture("llama"), "llama", &[("attention.causal", Metadata::Flag(true))])).unwrap();
}

#[test]
fn values_that_are_not_finite_are_named() {
    let mut bytes = convert(&fixture("llama"), "llama");
    // The last values of the file are those of the LM head, which the writer adds last.
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let message = open(&bytes).unwrap_err().to_string();
    assert!(message.contains("`lm_head.weight` has the value NaN at position 4319"), "{message}");
}

#[test]
fn unsupported_types_are_named() {
    let good = convert(&fixture("llama"), "llama");
    // The type of `token_embd.weight` follows its name, its rank and its two dimensions.
    let name = b"token_embd.weight";
    let at = good.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    for (number, expected) in [(17_u32, "IQ2_XS (ggml type 17)"), (77, "unknown (ggml type 77)")] {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        let message = open(&bytes).unwrap_err().to_string();
        assert!(message.contains("`token_embd.weight`") && message.contains(expected), "{message}");
        assert!(message.contains("Q5_0") && message.contains("IQ4_NL"), "{message}");
    }
}

#[test]
fn pre_tokenizers_match_each_family() {
    let split = |kind: &str| {
        let mut tokenizer = tokenizers::Tokenizer::new(tokenizers::models::bpe::BPE::default());
        tokenizer::set_pre_tokenizer(&mut tokenizer, kind).unwrap();
        let mut text = PreTokenizedString::from("I'll add 12345 x\n\n  y");
        tokenizer.get_pre_tokenizer().unwrap().pre_tokenize(&mut text).unwrap();
        let pieces = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(piece, ..)| piece.to_owned()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(split("gpt-2"), "I|'ll|Ġadd|Ġ12345|Ġx|ĊĊĠ|Ġy");
    assert_eq!(split("smollm"), "I|'ll|Ġadd|Ġ|1|2|3|4|5|Ġx|ĊĊĠ|Ġy");
    assert_eq!(split("llama-bpe"), "I|'ll|Ġadd|Ġ|123|45|Ġx|ĊĊ|Ġ|Ġy");
    assert_eq!(split("qwen2"), "I|'ll|Ġadd|Ġ|1|2|3|4|5|Ġx|ĊĊ|Ġ|Ġy");
    let mut other = tokenizers::Tokenizer::new(tokenizers::models::bpe::BPE::default());
    let error = tokenizer::set_pre_tokenizer(&mut other, "tekken").unwrap_err();
    assert!(error.contains("`tekken`") && error.contains("llama-bpe or qwen2"), "{error}");
}

#[test]
fn dequantised_blocks_match_gguf_py() {
    let bytes = fs_err::read(fixture("gguf/blocks.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, kind) in [
        ("Q4_0", GgmlType::Q4_0),
        ("Q4_1", GgmlType::Q4_1),
        ("Q8_0", GgmlType::Q8_0),
        ("Q4_K", GgmlType::Q4K),
        ("Q6_K", GgmlType::Q6K),
        ("Q5_0", GgmlType::Q5_0),
        ("Q5_1", GgmlType::Q5_1),
        ("Q5_K", GgmlType::Q5K),
        ("IQ4_NL", GgmlType::Iq4Nl),
    ] {
        let found = kind.decode(tensors.tensor(&format!("{name}.bytes")).unwrap().data());
        let expected = tensors.tensor(&format!("{name}.values")).unwrap().data().to_vec();
        let expected: Vec<f32> = expected.as_chunks::<4>().0.iter().map(|&it| f32::from_le_bytes(it)).collect();
        assert!(max_abs_diff(&found, &expected) < 1e-6, "{name}");
    }
}

#[test]
fn bpe_tokenizer_is_converted() {
    let list = |texts: &[&str]| Metadata::Texts(texts.iter().map(|&text| text.to_owned()).collect());
    let mut head = b"GGUF".to_vec();
    head.extend(3_u32.to_le_bytes());
    head.extend(0_u64.to_le_bytes());
    head.extend(6_u64.to_le_bytes());
    setting(&mut head, "tokenizer.ggml.model", &Metadata::Text("gpt2"));
    setting(&mut head, "tokenizer.ggml.pre", &Metadata::Text("smollm"));
    setting(&mut head, "tokenizer.ggml.tokens", &list(&["<|end|>", "a", "b", "Ġ", "1", "ab", "Ġab"]));
    setting(&mut head, "tokenizer.ggml.merges", &list(&["a b", "Ġ ab"]));
    text(&mut head, "tokenizer.ggml.token_type");
    head.extend([9_u32, 5].iter().flat_map(|it| it.to_le_bytes()));
    head.extend(7_u64.to_le_bytes());
    head.extend([3_i32, 1, 1, 1, 1, 1, 1].iter().flat_map(|it| it.to_le_bytes()));
    setting(&mut head, "tokenizer.chat_template", &Metadata::Text("{{ messages }}"));
    let header = header::read(head.as_slice(), head.len() as u64).unwrap();
    let config = ModelConfig::llama(7, 8, 1, 2, 1);
    let files = tokenizer::convert(&header, &config).unwrap();
    let encoded = files.tokenizer.encode("ab ab11<|end|>", false).unwrap();
    assert_eq!(encoded.get_ids(), [5, 6, 4, 4, 0]);
    assert_eq!(files.tokenizer.decode(&[5, 6, 4, 0], true).unwrap(), "ab ab1");
    let folder = tempfile::tempdir().unwrap();
    files.write(folder.path()).unwrap();
    let again = tokenizers::Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap();
    assert_eq!(again.encode("ab ab11<|end|>", false).unwrap().get_ids(), [5, 6, 4, 4, 0]);
    assert_eq!(fs_err::read_to_string(folder.path().join("chat_template.jinja")).unwrap(), "{{ messages }}");
}

#[test]
fn errors_name_the_problem() {
    let good = convert(&fixture("llama"), "llama");
    let fault = |bytes: &[u8]| match open(bytes).unwrap_err() {
        CheckpointError::Invalid { what, .. } => what,
        other => other.to_string(),
    };
    let mut version = good.clone();
    version[4] = 9;
    let faults = [
        fault(b"PK\x03\x04"),
        fault(&version),
        fault(&good[..100]),
        fault(&good[..good.len() - 64]),
        fault(&convert(&fixture("llama"), "gpt2")),
    ];
    insta::assert_snapshot!(faults.join("\n"), @r"
    not a GGUF file
    GGUF version 9 is not supported; use version 2 or 3, little-endian
    the file ends within its header; download it again
    tensor `output.weight` extends beyond the file; download it again
    architecture `gpt2` is not supported; use llama, qwen2, qwen3, gemma, gemma2 or gemma3
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Damaged files cause an error or yield a model, never a panic or an allocation larger than the file.
    #[test]
    fn damage_never_panics(cut in 0..60_000usize, flips in prop::collection::vec((0..3000usize, any::<u8>()), 0..6)) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = GOOD.get_or_init(|| convert(&fixture("llama"), "llama")).clone();
        if cut < bytes.len() {
            bytes.truncate(cut);
        }
        for (at, value) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let _ = open(&bytes).map(|_| ());
    }
}
