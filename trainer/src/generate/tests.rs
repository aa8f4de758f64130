//! Compares completions with transformers, alone and in a batch.

use burn::tensor::Device;
use tokenizers::Tokenizer;

use super::*;
use crate::model::tests::{FIXTURES, Reference, fixture};
use crate::model::{Decoder, ModelConfig};

fn parts(name: &str) -> (ModelConfig, Decoder, Tokenizer) {
    let (config, decoder) = crate::checkpoint_io::load(&fixture(name), &Device::flex()).unwrap();
    (config, decoder, Tokenizer::from_file(fixture("tokenizer/tokenizer.json")).unwrap())
}

/// Creates a tokenizer for models with a small vocabulary: token 7 is the text `<7>`.
fn numbers(vocabulary: usize) -> Tokenizer {
    let added = (0..vocabulary).map(|id| {
        serde_json::json!({ "id": id, "content": format!("<{id}>"), "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": false })
    });
    let model = serde_json::json!({ "type": "BPE", "vocab": {}, "merges": [] });
    let added: Vec<_> = added.collect();
    let json = serde_json::json!({ "version": "1.0", "added_tokens": added, "model": model,
        "decoder": { "type": "Fuse" } });
    Tokenizer::from_bytes(json.to_string()).unwrap()
}

fn prompt(ids: &[i64]) -> String {
    ids.iter().map(|id| format!("<{id}>")).collect::<Vec<_>>().concat()
}

fn run(name: &str, prompts: &[String], settings: &GenerationSettings) -> Vec<Completion> {
    let (config, decoder, _) = parts(name);
    let (tokenizer, device) = (numbers(config.vocab_size), Device::flex());
    let eos = config.special.eos.clone();
    let generator = Generator { config: &config, decoder: &decoder, tokenizer: &tokenizer, device: &device, eos };
    let mut shown = vec![String::new(); prompts.len()];
    let mut show = |row: usize, text: &str| {
        shown[row].push_str(text);
        Ok(())
    };
    let completions = generator.generate(prompts, settings, &mut show).unwrap();
    for (shown, completion) in shown.iter().zip(&completions) {
        assert_eq!(shown, &completion.text);
    }
    completions
}

#[test]
fn greedy_tokens_match_transformers() {
    let settings = GenerationSettings { max_tokens: 12, ignore_eos: true, ..GenerationSettings::default() };
    for name in FIXTURES {
        let expected = Reference::of(name).ids("greedy");
        let found = run(name, &[prompt(&expected[..16])], &settings);
        let tokens: Vec<i64> = found[0].tokens.iter().map(|&id| i64::from(id)).collect();
        assert_eq!(tokens, expected[16..], "{name}");
        assert_eq!(found[0].finish_reason, FinishReason::Length);
    }
}

#[test]
fn batching_does_not_change_completions() {
    let sampling = SamplingParams { temperature: 0.8, top_k: 20, seed: 3, ..SamplingParams::default() };
    let settings = GenerationSettings { max_tokens: 10, sampling, ignore_eos: true, ..GenerationSettings::default() };
    let first = prompt(&[9, 8, 7]);
    for name in ["llama", "gemma3"] {
        let alone = run(name, std::slice::from_ref(&first), &settings);
        let beside = run(name, &[first.clone(), prompt(&[20; 11]), prompt(&[5])], &settings);
        assert_eq!(alone[0], beside[0], "{name}");
    }
}

#[test]
fn stop_string_ends_the_text() {
    let greedy = Reference::of("llama").ids("greedy");
    let texts: Vec<String> = greedy[16..].iter().map(|id| format!("<{id}>")).collect();
    // A stop string that spans two tokens.
    let stop = format!("{}{}", &texts[3][1..], &texts[4][..2]);
    let settings = GenerationSettings { stop: vec![stop], ignore_eos: true, ..GenerationSettings::default() };
    let found = run("llama", &[prompt(&greedy[..16])], &settings);
    assert_eq!(found[0].text, format!("{}<", texts[..3].concat()));
    assert_eq!((found[0].finish_reason, found[0].tokens.len()), (FinishReason::Stop, 5));
}

#[test]
fn multi_token_characters_are_decoded() {
    let (_, _, tokenizer) = parts("llama");
    let ids = tokenizer.encode("né 世界", false).unwrap().get_ids().to_vec();
    assert!(ids.len() > 5, "each character has several tokens");
    let mut stream = tokenizer.decode_stream(true);
    let text: String = ids.iter().filter_map(|&id| stream.step(id).unwrap()).collect();
    assert_eq!(text, "né 世界");
}

#[test]
fn invalid_prompts_are_errors() {
    let (config, decoder, _) = parts("qwen2");
    let (tokenizer, device) = (numbers(200), Device::flex());
    let generator =
        Generator { config: &config, decoder: &decoder, tokenizer: &tokenizer, device: &device, eos: vec![] };
    let fault = |text: String| {
        generator.generate(&[text], &GenerationSettings::default(), &mut |_, _| Ok(())).unwrap_err().to_string()
    };
    insta::assert_snapshot!(fault(prompt(&[5; 300])), @"prompt 1 has 300 tokens, but the context length of the model is 256; shorten it");
    insta::assert_snapshot!(fault(prompt(&[5, 150])), @"prompt 1: token 150 is outside the vocabulary of 96; use the tokenizer of this model");
}
