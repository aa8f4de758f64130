//! Compares completions with transformers, alone and in a batch.

use burn::tensor::Device;
use tokenizers::Tokenizer;

use super::*;
use crate::model::tests::{FIXTURES, Reference, fixture};
use crate::model::weights::TensorSource;
use crate::model::{Decoder, ModelConfig};

fn parts(name: &str) -> (ModelConfig, Decoder, Tokenizer) {
    let (config, decoder) = crate::checkpoint_io::load(&fixture(name), &Device::flex()).unwrap();
    (config, decoder, Tokenizer::from_file(fixture("tokenizer/tokenizer.json")).unwrap())
}

/// Creates a tokenizer for models with a small vocabulary: token 7 is the text `<7>`. Some tokens are special.
fn numbers(vocabulary: usize, special: &[usize]) -> Tokenizer {
    let added = (0..vocabulary).map(|id| {
        serde_json::json!({ "id": id, "content": format!("<{id}>"), "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": special.contains(&id) })
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

/// A model with a tokenizer of numbers.
struct Model {
    config: ModelConfig,
    decoder: Decoder,
    tokenizer: Tokenizer,
}

impl Model {
    fn new(name: &str, special: &[usize]) -> Self {
        let (config, decoder, _) = parts(name);
        let tokenizer = numbers(config.vocab_size, special);
        Self { config, decoder, tokenizer }
    }

    /// Completes prompts, the first of which is number `first` of the whole list.
    fn complete(
        &self,
        prompts: &[String],
        first: u64,
        settings: &GenerationSettings,
    ) -> Vec<Result<Completion, PromptError>> {
        let (device, eos) = (Device::flex(), self.config.special.eos.clone());
        let Self { config, decoder, tokenizer } = self;
        let generator = Generator { config, decoder, tokenizer, device: &device, eos };
        let mut shown = vec![String::new(); prompts.len()];
        let mut show = |row: usize, text: &str| {
            shown[row].push_str(text);
            Ok(())
        };
        let results = generator.generate(prompts, first, settings, &mut show).unwrap();
        for (shown, completion) in shown.iter().zip(&results) {
            assert!(completion.as_ref().is_ok_and(|completion| &completion.text == shown) || shown.is_empty());
        }
        results
    }
}

fn run(name: &str, prompts: &[String], settings: &GenerationSettings) -> Vec<Completion> {
    Model::new(name, &[]).complete(prompts, 0, settings).into_iter().map(Result::unwrap).collect()
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
fn a_long_neighbour_does_not_shorten_a_completion() {
    // The context of the model has 256 tokens.
    let settings = GenerationSettings { max_tokens: 40, ignore_eos: true, ..GenerationSettings::default() };
    let (short, long) = (prompt(&[9, 8, 7]), prompt(&[20; 250]));
    let alone = run("llama", std::slice::from_ref(&short), &settings);
    let beside = run("llama", &[short, long.clone()], &settings);
    assert_eq!(beside[0].tokens.len(), 40);
    assert_eq!(beside[0], alone[0]);
    assert_eq!((beside[1].tokens.len(), beside[1].finish_reason), (6, FinishReason::Length));
    assert_eq!(beside[1], run("llama", &[long], &settings)[0]);
}

#[test]
fn draws_depend_on_the_place_in_the_list_and_not_on_the_batch() {
    let sampling = SamplingParams { temperature: 1.0, seed: 3, ..SamplingParams::default() };
    let settings = GenerationSettings { max_tokens: 10, sampling, ignore_eos: true, ..GenerationSettings::default() };
    let model = Model::new("llama", &[]);
    let prompts = [prompt(&[9, 8, 7]), prompt(&[9, 8, 7]), prompt(&[5])];
    let together = model.complete(&prompts, 0, &settings);
    assert_ne!(together[0], together[1], "equal prompts have their own draws");
    for (number, prompt) in (0..).zip(&prompts) {
        let alone = model.complete(std::slice::from_ref(prompt), number, &settings);
        assert_eq!(alone[0], together[usize::try_from(number).unwrap()], "prompt {number}");
    }
}

#[test]
fn a_prompt_that_fails_does_not_affect_its_neighbours() {
    let settings = GenerationSettings { max_tokens: 5, ignore_eos: true, ..GenerationSettings::default() };
    let model = Model::new("llama", &[]);
    let good = [prompt(&[9, 8, 7]), prompt(&[5])];
    let prompts = [good[0].clone(), prompt(&[5; 300]), good[1].clone()];
    let found = model.complete(&prompts, 0, &settings);
    assert_eq!(found[1], Err(PromptError::TooLong { tokens: 300, limit: 256 }));
    let alone = model.complete(&good, 0, &settings);
    assert_eq!((&found[0], &found[2]), (&alone[0], &alone[1]));
    assert!(alone.iter().all(Result::is_ok));
    assert_eq!(model.complete(&prompts[1..2], 0, &settings).len(), 1);
}

#[test]
fn a_special_token_can_be_a_stop_string() {
    let greedy = Reference::of("llama").ids("greedy");
    let special = usize::try_from(greedy[19]).unwrap();
    assert!(!greedy[16..19].contains(&greedy[19]));
    let model = Model::new("llama", &[special]);
    let settings = GenerationSettings { max_tokens: 8, ignore_eos: true, ..GenerationSettings::default() };
    let prompts = [prompt(&greedy[..16])];
    let shown = prompt(&greedy[16..19]);
    // Without a stop string, the special token is left out of the text.
    let free = model.complete(&prompts, 0, &settings).remove(0).unwrap();
    assert_eq!(free.tokens.len(), 8);
    assert!(free.text.starts_with(&shown) && !free.text.contains(&format!("<{special}>")), "{}", free.text);
    for show_special in [false, true] {
        // The special token alone, and as the end of a longer stop string.
        for (stop, kept) in [(format!("<{special}>"), shown.len()), (format!("><{special}>"), shown.len() - 1)] {
            let settings = GenerationSettings { stop: vec![stop.clone()], show_special, ..settings.clone() };
            let found = model.complete(&prompts, 0, &settings).remove(0).unwrap();
            assert_eq!((found.text.as_str(), found.finish_reason), (&shown[..kept], FinishReason::Stop), "{stop}");
            assert_eq!(found.tokens.len(), 4);
        }
    }
}

#[test]
fn logits_that_are_not_finite_are_an_error_of_the_prompt() {
    struct Constant(f32);
    impl TensorSource for Constant {
        type Error = std::convert::Infallible;

        fn tensor(&mut self, _name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error> {
            Ok(vec![self.0; shape.iter().product()])
        }
    }
    let config = ModelConfig::llama(20, 8, 1, 2, 1);
    for (value, is_finite) in [(0.5, true), (f32::NAN, false), (f32::INFINITY, false)] {
        let Ok(decoder) = Decoder::load(&config, &mut Constant(value), &Device::flex());
        let model = Model { config: config.clone(), decoder, tokenizer: numbers(20, &[]) };
        for temperature in [0.0, 1.0] {
            let sampling = SamplingParams { temperature, ..SamplingParams::default() };
            let settings = GenerationSettings { max_tokens: 2, sampling, ..GenerationSettings::default() };
            let found = model.complete(&[prompt(&[5, 6])], 0, &settings).remove(0);
            let expected = if is_finite { None } else { Some(PromptError::NonFinite(2)) };
            assert_eq!(found.err(), expected, "{value}");
        }
    }
}

#[test]
fn invalid_prompts_are_errors() {
    let (config, decoder, _) = parts("qwen2");
    let model = Model { config, decoder, tokenizer: numbers(200, &[]) };
    let fault =
        |text: String| model.complete(&[text], 0, &GenerationSettings::default()).remove(0).unwrap_err().to_string();
    insta::assert_snapshot!(fault(prompt(&[5; 300])), @"the prompt has 300 tokens, but the context length of the model is 256; shorten it");
    insta::assert_snapshot!(fault(prompt(&[5, 150])), @"token 150 is outside the vocabulary of 96; use the tokenizer of this model");
}
