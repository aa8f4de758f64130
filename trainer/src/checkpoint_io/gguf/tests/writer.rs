//! Writes a GGUF file as the converter of llama.cpp does, in F32.

use std::path::Path;

use burn::tensor::Device;

use super::super::tensor_names;
use crate::model::ModelConfig;
use crate::model::config::{Rope, RopeScaling};
use crate::model::rope::frequencies;

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A metadata value to write.
pub(crate) enum Metadata<'a> {
    Number(u32),
    Real(f32),
    Text(&'a str),
    Texts(Vec<String>),
    Numbers(Vec<i32>),
    Flag(bool),
}

pub(super) fn setting(out: &mut Vec<u8>, key: &str, value: &Metadata<'_>) {
    text(out, key);
    match value {
        Metadata::Number(number) => {
            out.extend(4_u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Metadata::Real(number) => {
            out.extend(6_u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Metadata::Text(value) => {
            out.extend(8_u32.to_le_bytes());
            text(out, value);
        }
        Metadata::Flag(flag) => {
            out.extend(7_u32.to_le_bytes());
            out.push(u8::from(*flag));
        }
        Metadata::Numbers(list) => {
            out.extend(9_u32.to_le_bytes());
            out.extend(5_u32.to_le_bytes());
            out.extend((list.len() as u64).to_le_bytes());
            out.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        }
        Metadata::Texts(list) => {
            out.extend(9_u32.to_le_bytes());
            out.extend(8_u32.to_le_bytes());
            out.extend((list.len() as u64).to_le_bytes());
            for value in list {
                text(out, value);
            }
        }
    }
}

/// Permutes rows to the llama.cpp order: row `head, pair, half` of the file is row `head, half, pair` of the model.
fn permute(values: &[f32], rows: usize, head_dim: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    let mut out = vec![0.0; values.len()];
    for row in 0..rows {
        let (head, within) = (row / head_dim, row % head_dim);
        let theirs = head * head_dim + 2 * (within % (head_dim / 2)) + within / (head_dim / 2);
        out[theirs * columns..(theirs + 1) * columns].copy_from_slice(&values[row * columns..(row + 1) * columns]);
    }
    out
}

/// Returns the metadata of a model and, for the RoPE scaling of Llama 3.1, the frequency divisors.
fn settings(config: &ModelConfig) -> (Vec<(&'static str, Metadata<'static>)>, Option<Vec<f32>>) {
    let number = |value: usize| Metadata::Number(u32::try_from(value).unwrap());
    #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
    let mut settings = vec![
        ("embedding_length", number(config.hidden_size)),
        ("feed_forward_length", number(config.intermediate_size)),
        ("block_count", number(config.num_hidden_layers)),
        ("attention.head_count", number(config.num_attention_heads)),
        ("attention.head_count_kv", number(config.num_key_value_heads)),
        ("attention.key_length", number(config.head_dim)),
        ("context_length", number(config.max_position_embeddings)),
        ("attention.layer_norm_rms_epsilon", Metadata::Real(config.rms_norm_eps as f32)),
        ("rope.freq_base", Metadata::Real(config.rope.theta as f32)),
    ];
    settings.extend(config.sliding_window.map(|window| ("attention.sliding_window", number(window))));
    for (key, cap) in
        [("attn_logit_softcapping", config.attention_softcap), ("final_logit_softcapping", config.logit_softcap)]
    {
        #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
        settings.extend(cap.map(|cap| (key, Metadata::Real(cap as f32))));
    }
    let mut divisors = None;
    match config.rope.scaling {
        RopeScaling::None => {}
        RopeScaling::Linear { factor } => {
            settings.push(("rope.scaling.type", Metadata::Text("linear")));
            #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
            settings.push(("rope.scaling.factor", Metadata::Real(factor as f32)));
        }
        RopeScaling::Llama3 { .. } => {
            let plain = frequencies(&Rope::new(config.rope.theta), config.head_dim);
            let scaled = frequencies(&config.rope, config.head_dim);
            divisors = Some(plain.iter().zip(scaled).map(|(plain, own)| plain / own).collect::<Vec<f32>>());
        }
    }
    (settings, divisors)
}

/// Converts the model in `folder` to GGUF as llama.cpp does, in F32.
pub(super) fn convert(folder: &Path, architecture: &str) -> Vec<u8> {
    convert_with(folder, architecture, &[])
}

/// As [`convert`], with more keys: those of the tokenizer, or of the architecture.
pub(crate) fn convert_with(folder: &Path, architecture: &str, more: &[(&str, Metadata<'_>)]) -> Vec<u8> {
    let (config, decoder) = crate::checkpoint_io::load(folder, &Device::flex()).unwrap();
    let (settings, divisors) = settings(&config);
    let sources = decoder.weights(&config);
    let tensors = sources.len() + usize::from(divisors.is_some());
    let mut head = b"GGUF".to_vec();
    head.extend(3_u32.to_le_bytes());
    head.extend((tensors as u64).to_le_bytes());
    head.extend((settings.len() as u64 + more.len() as u64 + 1).to_le_bytes());
    setting(&mut head, "general.architecture", &Metadata::Text(architecture));
    for (key, value) in settings.iter().chain(more) {
        let group = if key.starts_with("tokenizer.") { String::new() } else { format!("{architecture}.") };
        setting(&mut head, &format!("{group}{key}"), value);
    }
    let mut data = Vec::new();
    let mut tensor = |name: &str, shape: &[usize], values: &[f32]| {
        text(&mut head, name);
        head.extend(u32::try_from(shape.len()).unwrap().to_le_bytes());
        for &size in shape.iter().rev() {
            head.extend((size as u64).to_le_bytes());
        }
        head.extend(0_u32.to_le_bytes());
        head.extend((data.len() as u64).to_le_bytes());
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    };
    for source in &sources {
        let mut values = source.values().unwrap();
        let ours = source.name();
        if architecture == "llama" && (ours.contains("q_proj") || ours.contains("k_proj")) {
            values = permute(&values, source.shape()[0], config.head_dim);
        }
        if config.family.is_gemma() && ours.ends_with("norm.weight") {
            for value in &mut values {
                *value += 1.0;
            }
        }
        tensor(&tensor_names::gguf_name(ours, config.has_post_norms()).unwrap(), source.shape(), &values);
    }
    if let Some(divisors) = &divisors {
        tensor("rope_freqs.weight", &[divisors.len()], divisors);
    }
    head.resize(head.len().next_multiple_of(32), 0);
    head.extend(data);
    head
}
