use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use corpusmill_shards::Corpus;

use super::*;
use crate::checkpoint_io::LoadedModel;
use crate::data::fixture;
use crate::generate::{GenerationSettings, Generator};
use crate::metrics::{self, Record, RecordKind};
use crate::recipe::{ModelSource, Recipe};

mod resume;

const RECIPE: &str = "
name: t
model: { new: { layers: 1, hidden-size: 16, heads: 2 } }
data: { sequence-length: 24, batch-sequences: 4, micro-sequences: 2, steps: 14 }
optimizer: { learning-rate: 0.01 }
schedule: { warmup-steps: 2 }
checkpoint: { every-steps: 5, keep: 2 }
validation: { every-steps: 6, sequences: 3 }
metrics: { every-steps: 4 }
samples: { prompts: [t5], tokens: 6 }
";

fn recipe(folder: &Path, changes: &[&str]) -> Recipe {
    let path = folder.join("t.yaml");
    fs_err::write(&path, RECIPE).unwrap();
    let mut changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    changes.push(format!("output={}", folder.join("out").display()));
    Recipe::load(&path, &changes).unwrap()
}

/// Stops the run after some steps.
struct Stop<'a> {
    after: u64,
    cancel: &'a AtomicBool,
    messages: Vec<String>,
}

impl Observer for Stop<'_> {
    fn message(&mut self, line: &str) {
        self.messages.push(line.to_owned());
    }

    fn warning(&mut self, line: &str) {
        self.messages.push(line.to_owned());
    }

    fn step(&mut self, step: u64, _steps: u64, _loss: Option<f64>) {
        self.cancel.store(step >= self.after, Ordering::Relaxed);
    }

    fn validation(&mut self, done: u64, sequences: u64) {
        assert!(done <= sequences, "{done} of {sequences}");
    }

    fn record(&mut self, _record: &Record) {}
}

fn train(recipe: &Recipe, corpus: &Path, after: u64) -> Result<(Outcome, Vec<String>), PretrainError> {
    train_on(1, recipe, corpus, after)
}

/// As [`train`], on several devices.
fn train_on(
    devices: usize,
    recipe: &Recipe,
    corpus: &Path,
    after: u64,
) -> Result<(Outcome, Vec<String>), PretrainError> {
    let others = vec![Device::flex(); devices - 1];
    let cancel = AtomicBool::new(false);
    let mut observer = Stop { after, cancel: &cancel, messages: Vec::new() };
    let options = RunOptions { recipe, corpus, device: &Device::flex(), others: &others, cancel: &cancel };
    let outcome = run(&options, &mut observer)?;
    Ok((outcome, observer.messages))
}

fn losses(recipe: &Recipe) -> Vec<(RecordKind, u64, u64)> {
    let records = metrics::read(&recipe.output().join("metrics.jsonl")).unwrap();
    records.iter().map(|record| (record.kind, record.step, record.loss.to_bits())).collect()
}

fn weights(folder: &Path) -> Vec<u8> {
    fs_err::read(folder.join("model.safetensors")).unwrap()
}

#[test]
fn an_interrupted_run_resumes_bit_for_bit() {
    let corpus = fixture::corpus(60, 2.0);
    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = recipe(left.path(), &[]);
    let (outcome, _) = train(&whole, corpus.path(), u64::MAX).unwrap();
    assert_eq!(outcome, Outcome::Done { model: whole.output().join("model") });
    let interrupted = recipe(right.path(), &[]);
    for after in [3, 7, 8, 13] {
        let (outcome, _) = train(&interrupted, corpus.path(), after).unwrap();
        assert!(matches!(outcome, Outcome::Interrupted { .. }), "{after}: {outcome:?}");
    }
    let (_, messages) = train(&interrupted, corpus.path(), u64::MAX).unwrap();
    assert!(messages[0].contains("resuming from") && messages[0].contains("at step 13 of 14"), "{messages:?}");
    let sample = messages.iter().find_map(|line| line.strip_prefix("sample: ")).unwrap();
    assert!(sample.starts_with("t5") && sample.len() > 4, "{sample}");
    assert_eq!(losses(&interrupted), losses(&whole));
    assert_eq!(losses(&whole).len(), 7);
    assert_eq!(weights(&interrupted.output().join("model")), weights(&whole.output().join("model")));
    // Only the newest checkpoints are kept, and they are readable.
    let checkpoints = Checkpoints::open(&whole.output().join("checkpoints"), 2).unwrap().list().unwrap();
    assert_eq!(checkpoints.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [10, 14]);
    let manifest = Provenance::read(&checkpoints[1].1).unwrap();
    let corpus = Corpus::open(corpus.path()).unwrap();
    assert_eq!(manifest.corpus.digest, corpus.manifest().corpus_digest);
    assert_eq!((manifest.step, manifest.tokens), (14, 14 * 4 * 24));
    let page = fs_err::read_to_string(whole.output().join("train.html")).unwrap();
    assert!(page.contains("Bits per byte") && page.contains("<pre>t5") && page.contains(&manifest.corpus.digest));
}

#[test]
fn the_number_of_devices_can_change_on_resume() {
    let corpus = fixture::corpus(60, 2.0);
    let values =
        |recipe: &Recipe| -> Vec<f64> { losses(recipe).into_iter().map(|(_, _, loss)| f64::from_bits(loss)).collect() };
    let alone = tempfile::tempdir().unwrap();
    let alone = recipe(alone.path(), &["data.micro-sequences=1"]);
    train(&alone, corpus.path(), u64::MAX).unwrap();
    let expected = values(&alone);
    for sharded in ["false", "true"] {
        let folder = tempfile::tempdir().unwrap();
        let shard = format!("compute.shard-optimizer={sharded}");
        let recipe = recipe(folder.path(), &["data.micro-sequences=1", &shard]);
        // Four devices, then one, then two: the optimizer's state moves with them.
        for (devices, after) in [(4, 5), (1, 9), (2, u64::MAX)] {
            train_on(devices, &recipe, corpus.path(), after).unwrap();
        }
        let found = values(&recipe);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4, "{sharded}: {found} {expected}");
        }
    }
    // An error of one rank ends the run with that error.
    let folder = tempfile::tempdir().unwrap();
    let message = train_on(3, &recipe(folder.path(), &[]), corpus.path(), 1).unwrap_err().to_string();
    assert!(message.contains('3') && message.contains("batch-sequences"), "{message}");
}

#[test]
fn mismatches_are_rejected_with_a_hint() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let good = recipe(folder.path(), &["data.steps=5"]);
    train(&good, corpus.path(), u64::MAX).unwrap();
    let refused = |changes: &[&str]| train(&recipe(folder.path(), changes), corpus.path(), 1).unwrap_err().to_string();
    let message = refused(&["seed=1"]);
    assert!(message.contains("\n  seed: 42 in the checkpoint, 1 now\nhint: give the old values"), "{message}");
    let message = refused(&["model.new.layers=2", "optimizer.learning-rate=0.5"]);
    let lines = "\n  optimizer.learning-rate: 0.01 in the checkpoint, 0.5 now\
                 \n  model.new.layers: 1 in the checkpoint, 2 now\nhint: ";
    assert!(message.contains(lines), "{message}");
    let message = refused(&["data.steps=500000"]);
    assert!(message.contains("set data.steps to"), "{message}");
    let message = refused(&["data.objective={masked: {mask-token: 3}}"]);
    assert!(message.contains("token 3 cannot be the mask token"), "{message}");
    // Another run holds the lock.
    let held = resume_point::lock(&good.output()).unwrap();
    let message = refused(&["data.steps=6"]);
    assert!(message.contains("another run is writing there"), "{message}");
    drop(held);
    // Another corpus with the same tokenizer.
    let longer = fixture::corpus(61, 2.0);
    let message = train(&good, longer.path(), 1).unwrap_err().to_string();
    assert!(message.contains("\n  corpus: fixture (") && message.contains("…) now\nhint: "), "{message}");
    // A tokenizer other than the corpus's.
    let model = good.output().join("model");
    fs_err::write(model.join("tokenizer.json"), fixture::tokenizer() + " ").unwrap();
    let other = Recipe { model: ModelSource::From(model), output: Some(folder.path().join("next")), ..good };
    let message = train(&other, corpus.path(), 1).unwrap_err().to_string();
    assert!(
        message.contains("tokenizer.json: the tokenizer's digest is") && message.contains("tokenizer: { load:"),
        "{message}"
    );
}

#[test]
fn continued_pretraining_lowers_the_loss() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let first = recipe(folder.path(), &[]);
    train(&first, corpus.path(), u64::MAX).unwrap();
    let second = Recipe {
        model: ModelSource::From(first.output().join("model")),
        output: Some(folder.path().join("second")),
        ..first.clone()
    };
    train(&second, corpus.path(), u64::MAX).unwrap();
    let last = |recipe: &Recipe| f64::from_bits(losses(recipe).last().unwrap().2);
    assert!(last(&second) < last(&first) - 0.05, "{} {}", last(&second), last(&first));
    let manifest = Provenance::read(&second.output().join("model")).unwrap();
    assert_eq!(manifest.initial_weights.keys().collect::<Vec<_>>(), ["model.safetensors"]);
}

#[test]
fn a_model_whose_documents_begin_with_a_token_writes_from_nothing() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let run = recipe(folder.path(), &["data.begin-documents=true"]);
    train(&run, corpus.path(), u64::MAX).unwrap();
    let device = Device::flex();
    let model = LoadedModel::read(&run.output().join("model"), &device).unwrap();
    assert_eq!(model.config.special.bos, Some(fixture::END));
    let (config, decoder, tokenizer) = (&model.config, &model.decoder, &model.tokenizer().unwrap());
    let generator = Generator { config, decoder, tokenizer, device: &device, eos: model.eos().unwrap() };
    let settings = GenerationSettings { max_tokens: 4, ignore_eos: true, ..GenerationSettings::default() };
    let written = generator.generate(&[String::new()], 0, &settings, &mut |_, _| Ok(())).unwrap();
    assert_eq!(written[0].as_ref().unwrap().tokens.len(), 4);
    let message = train(&recipe(folder.path(), &[]), corpus.path(), 1).unwrap_err().to_string();
    assert!(message.contains("data.begin-documents: true in the checkpoint, not set now"), "{message}");
}

#[test]
fn the_masked_objective_learns() {
    let corpus = fixture::corpus(120, 6.0);
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path(), &["data.objective={masked: {}}", "data.steps=60", "data.batch-sequences=8"]);
    train(&recipe, corpus.path(), u64::MAX).unwrap();
    let losses = losses(&recipe);
    let (first, last) = (f64::from_bits(losses[0].2), f64::from_bits(losses.last().unwrap().2));
    assert!(last < first - 0.3, "{first} {last}");
}

#[test]
fn non_finite_losses_stop_the_run() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let changes = ["loss.z-loss=1e300", "non-finite-limit=3"];
    let recipe = recipe(folder.path(), &changes);
    let message = train(&recipe, corpus.path(), u64::MAX).unwrap_err().to_string();
    assert!(message.contains("3 consecutive steps") && message.contains("checkpoint is none"), "{message}");
}
