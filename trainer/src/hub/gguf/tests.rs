//! Files written here by the rules of llama.cpp, blocks of gguf-py, and files that were damaged.

use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use safetensors::SafeTensors;

use super::*;
use crate::model::Context;
use crate::model::tests::{Reference, fixture, largest_difference, tokens, values};

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A setting as it stands in a file.
enum Set<'a> {
    Number(u32),
    Real(f32),
    Text(&'a str),
    Texts(Vec<String>),
}

fn setting(out: &mut Vec<u8>, key: &str, value: &Set<'_>) {
    text(out, key);
    match value {
        Set::Number(number) => {
            out.extend(4_u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Set::Real(number) => {
            out.extend(6_u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Set::Text(value) => {
            out.extend(8_u32.to_le_bytes());
            text(out, value);
        }
        Set::Texts(list) => {
            out.extend(9_u32.to_le_bytes());
            out.extend(8_u32.to_le_bytes());
            out.extend((list.len() as u64).to_le_bytes());
            for value in list {
                text(out, value);
            }
        }
    }
}

/// Row `head, pair, half` of the file is row `head, half, pair` of the model: llama.cpp's order.
fn permuted(values: &[f32], rows: usize, head_dim: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    let mut out = vec![0.0; values.len()];
    for row in 0..rows {
        let (head, within) = (row / head_dim, row % head_dim);
        let theirs = head * head_dim + 2 * (within % (head_dim / 2)) + within / (head_dim / 2);
        out[theirs * columns..(theirs + 1) * columns].copy_from_slice(&values[row * columns..(row + 1) * columns]);
    }
    out
}

/// The fixture `name` as llama.cpp would convert it, in F32.
fn convert(name: &str, architecture: &str) -> Vec<u8> {
    let (config, decoder) = crate::hub::load(&fixture(name), &Device::flex()).unwrap();
    let number = |value: usize| Set::Number(u32::try_from(value).unwrap());
    #[expect(clippy::cast_possible_truncation, reason = "a setting of f32")]
    let settings = [
        ("embedding_length", number(config.hidden_size)),
        ("feed_forward_length", number(config.intermediate_size)),
        ("block_count", number(config.num_hidden_layers)),
        ("attention.head_count", number(config.num_attention_heads)),
        ("attention.head_count_kv", number(config.num_key_value_heads)),
        ("attention.key_length", number(config.head_dim)),
        ("context_length", number(config.max_position_embeddings)),
        ("attention.layer_norm_rms_epsilon", Set::Real(config.rms_norm_eps as f32)),
        ("rope.freq_base", Set::Real(config.rope.theta as f32)),
        ("attention.sliding_window", number(config.sliding_window.unwrap_or(1))),
        ("attn_logit_softcapping", Set::Real(config.attention_softcap.unwrap_or(1.0) as f32)),
        ("final_logit_softcapping", Set::Real(config.logit_softcap.unwrap_or(1.0) as f32)),
    ];
    let sources = decoder.weights(&config);
    let mut head = b"GGUF".to_vec();
    head.extend(3_u32.to_le_bytes());
    head.extend((sources.len() as u64).to_le_bytes());
    head.extend((settings.len() as u64 + 1).to_le_bytes());
    setting(&mut head, "general.architecture", &Set::Text(architecture));
    for (key, value) in &settings {
        setting(&mut head, &format!("{architecture}.{key}"), value);
    }
    let mut data = Vec::new();
    for source in &sources {
        let mut values = source.values().unwrap();
        let ours = source.name();
        if architecture == "llama" && (ours.contains("q_proj") || ours.contains("k_proj")) {
            values = permuted(&values, source.shape()[0], config.head_dim);
        }
        if config.family.is_gemma() && ours.ends_with("norm.weight") {
            for value in &mut values {
                *value += 1.0;
            }
        }
        text(&mut head, &names::theirs(ours, config.has_post_norms()).unwrap());
        head.extend(u32::try_from(source.shape().len()).unwrap().to_le_bytes());
        for &size in source.shape().iter().rev() {
            head.extend((size as u64).to_le_bytes());
        }
        head.extend(0_u32.to_le_bytes());
        head.extend((data.len() as u64).to_le_bytes());
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    head.resize(head.len().next_multiple_of(32), 0);
    head.extend(data);
    head
}

fn open(bytes: &[u8]) -> Result<(Gguf, Decoder), HubError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs_err::write(&path, bytes).unwrap();
    let mut gguf = Gguf::open(&path)?;
    let decoder = gguf.decoder(&Device::flex())?;
    Ok((gguf, decoder))
}

#[test]
fn a_converted_model_has_the_same_logits() {
    let device = Device::flex();
    for (name, architecture) in [("llama", "llama"), ("qwen2", "qwen2"), ("qwen3", "qwen3"), ("gemma", "gemma")] {
        let (gguf, decoder) = open(&convert(name, architecture)).unwrap();
        let reference = Reference::of(name);
        let ids = tokens(&reference.ids("input_ids"), 2, &device);
        let context = Context::causal(gguf.config(), 2, 16, &device);
        let logits: Tensor<3> = decoder.logits(decoder.hidden(ids, &context));
        let difference = largest_difference(&values(logits), &reference.floats("logits"));
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn blocks_have_the_values_of_gguf_py() {
    let bytes = fs_err::read(fixture("gguf/blocks.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, kind) in [
        ("Q4_0", BlockType::Q4_0),
        ("Q4_1", BlockType::Q4_1),
        ("Q8_0", BlockType::Q8_0),
        ("Q4_K", BlockType::Q4K),
        ("Q6_K", BlockType::Q6K),
    ] {
        let found = kind.decode(tensors.tensor(&format!("{name}.bytes")).unwrap().data());
        let expected = tensors.tensor(&format!("{name}.values")).unwrap().data().to_vec();
        let expected: Vec<f32> = expected.as_chunks::<4>().0.iter().map(|&it| f32::from_le_bytes(it)).collect();
        assert!(largest_difference(&found, &expected) < 1e-6, "{name}");
    }
}

#[test]
fn a_tokenizer_of_merges_is_translated() {
    let list = |texts: &[&str]| Set::Texts(texts.iter().map(|&text| text.to_owned()).collect());
    let mut head = b"GGUF".to_vec();
    head.extend(3_u32.to_le_bytes());
    head.extend(0_u64.to_le_bytes());
    head.extend(6_u64.to_le_bytes());
    setting(&mut head, "tokenizer.ggml.model", &Set::Text("gpt2"));
    setting(&mut head, "tokenizer.ggml.pre", &Set::Text("smollm"));
    setting(&mut head, "tokenizer.ggml.tokens", &list(&["<|end|>", "a", "b", "Ġ", "1", "ab", "Ġab"]));
    setting(&mut head, "tokenizer.ggml.merges", &list(&["a b", "Ġ ab"]));
    text(&mut head, "tokenizer.ggml.token_type");
    head.extend([9_u32, 5].iter().flat_map(|it| it.to_le_bytes()));
    head.extend(7_u64.to_le_bytes());
    head.extend([3_i32, 1, 1, 1, 1, 1, 1].iter().flat_map(|it| it.to_le_bytes()));
    setting(&mut head, "tokenizer.chat_template", &Set::Text("{{ messages }}"));
    let header = header::read(head.as_slice(), head.len() as u64).unwrap();
    let config = ModelConfig::llama(7, 8, 1, 2, 1);
    let files = tokenizer::files(&header, &config).unwrap();
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
fn faults_are_named() {
    let good = convert("llama", "llama");
    let fault = |bytes: &[u8]| match open(bytes).unwrap_err() {
        HubError::Broken { what, .. } => what,
        other => other.to_string(),
    };
    let mut version = good.clone();
    version[4] = 9;
    let faults = [
        fault(b"PK\x03\x04"),
        fault(&version),
        fault(&good[..100]),
        fault(&good[..good.len() - 64]),
        fault(&convert("llama", "gpt2")),
    ];
    insta::assert_snapshot!(faults.join("\n"), @r"
    is no GGUF file
    is GGUF of version 9; versions 2 and 3, little-endian, are read
    ends within its header; fetch it again
    tensor `output.weight` reaches beyond the file; fetch it again
    is of architecture `gpt2`; llama, qwen2, qwen3, gemma, gemma2 and gemma3 are read
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// An error or a model, never a panic, and no allocation beyond the file's size.
    #[test]
    fn damage_is_survived(cut in 0..60_000usize, flips in prop::collection::vec((0..3000usize, any::<u8>()), 0..6)) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = GOOD.get_or_init(|| convert("llama", "llama")).clone();
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
