//! `prove`: the device trains as the CPU does.
//!
//! Tiny models take the same steps on packed rows on both, in f32 and bf16, and their losses and gradient norms are
//! compared; then the shipped tiny recipe runs through [`pretrain`] on both. The device takes each case twice: a
//! difference between the two means that its result depends on timing. A case that differs by more than its tolerance
//! makes the program fail, after the table.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use corpusmill_shards::Corpus;
use corpusmill_trainer::data::{Batches, Prediction};
use corpusmill_trainer::metrics::{Record, RecordKind};
use corpusmill_trainer::model::ModelConfig;
use corpusmill_trainer::pretrain::{self, RunOptions};
use corpusmill_trainer::recipe::{Objective, Precision, Recipe, Recompute};

use super::fixture;
use super::learn::Curve;
use super::session::{Session, progress};
use super::setup::{self, RecipeFiles, TINY};
use super::table::{NOT_MEASURED, Table};

/// The largest allowed difference between device and CPU.
#[derive(Debug, Clone, Copy)]
struct Tolerance {
    /// Of a loss, in nats.
    loss: f64,
    /// Of a gradient norm, as a share of it.
    norm: f64,
}

/// Sums in another order differ in the last bits, and steps of AdamW amplify the differences.
const F32: Tolerance = Tolerance { loss: 1e-3, norm: 1e-2 };
/// bf16 has 8 significant bits, a relative error of 0.4 % in each operand.
const BF16: Tolerance = Tolerance { loss: 5e-2, norm: 0.2 };
/// Fifty steps of f32.
const RUN: Tolerance = Tolerance { loss: 1e-2, norm: 0.1 };

/// A model, and how it is trained.
struct Case {
    name: String,
    config: ModelConfig,
    precision: Precision,
    recompute: Recompute,
    tolerance: Tolerance,
}

/// Loss and gradient norm of each step.
type Steps = Vec<(f64, f64)>;

/// Compares all cases; the second value says which failed.
///
/// # Errors
/// When the CPU fails, or the temporary folder cannot be written.
pub(crate) fn run(session: &Session) -> anyhow::Result<(Table, Option<String>)> {
    let columns =
        ["case", "steps", "loss: CPU", "loss: device", "largest difference", "norm: difference %", "repeat", "result"];
    let mut table = Table::new(session.title("prove"), &columns);
    let corpus = fixture::corpus(if session.dry { 60 } else { 1200 }, 2.0);
    let files = RecipeFiles::write()?;
    let recipe = setup::load(session, &files.path(TINY), &case_changes())?;
    let opened = Corpus::open(corpus.path())?;
    let count = if session.dry { 10 } else { 20 };
    let mut failed = Vec::new();
    for case in cases(session.dry)? {
        let steps = |device: &Device| steps(&case, &recipe, device, &opened, count);
        compare(session, &mut table, &mut failed, (&case.name, case.precision, case.tolerance), steps)?;
    }
    let tiny = tiny_recipe(session, &files)?;
    let name = format!("recipe {}, a run with checkpoints", tiny.name);
    let steps = |device: &Device| tiny_run(&tiny, corpus.path(), device);
    compare(session, &mut table, &mut failed, (&name, Precision::F32, RUN), steps)?;
    table.notes.push("loss: mean of the last step, in nats; differences are the largest of all steps.".to_owned());
    let failed = (!failed.is_empty()).then(|| format!("these cases failed: {}", failed.join("; ")));
    Ok((table, failed))
}

/// Llama with and without recomputation, and the families with other shapes; the sizes are those of the tests' models.
fn cases(dry: bool) -> anyhow::Result<Vec<Case>> {
    let read =
        |text: &str| -> anyhow::Result<ModelConfig> { Ok(ModelConfig::from_json(&serde_json::from_str(text)?)?) };
    let llama = ModelConfig { intermediate_size: 64, ..ModelConfig::llama(64, 32, 2, 4, 2) };
    let models = [
        ("llama", llama),
        ("gemma2", read(include_str!("../../testdata/gemma2/config.json"))?),
        ("gemma3", read(include_str!("../../testdata/gemma3/config.json"))?),
        ("qwen3", read(include_str!("../../testdata/qwen3/config.json"))?),
    ];
    let mut cases = Vec::new();
    for (family, config) in models {
        for (precision, tolerance) in [(Precision::F32, F32), (Precision::Bf16, BF16)] {
            for recompute in [Recompute::None, Recompute::Blocks] {
                // One family is enough for the order of the backward pass.
                if recompute == Recompute::Blocks && (dry || family != "llama") {
                    continue;
                }
                let kind = if precision == Precision::F32 { "f32" } else { "bf16" };
                let blocks = if recompute == Recompute::Blocks { ", recompute blocks" } else { "" };
                let name = format!("{family} {kind}{blocks}");
                cases.push(Case { name, config: config.clone(), precision, recompute, tolerance });
            }
        }
    }
    Ok(cases)
}

/// Rows of 24 tokens hold several documents; logits come in uneven chunks.
fn case_changes() -> Vec<String> {
    let data = "data={ sequence-length: 24, batch-sequences: 4, micro-sequences: 2 }";
    [data, "loss={ z-loss: 1e-4, chunk-tokens: 40 }"].map(str::to_owned).into()
}

/// Takes the same steps on the CPU and, twice, on the device, and adds a row.
fn compare(
    session: &Session,
    table: &mut Table,
    failed: &mut Vec<String>,
    (name, precision, tolerance): (&str, Precision, Tolerance),
    steps: impl Fn(&Device) -> anyhow::Result<Steps>,
) -> anyhow::Result<()> {
    if session.seconds_left() < 5.0 && !session.dry {
        table.push_unmeasured(name.to_owned(), "the time ended; give more --seconds");
        return Ok(());
    }
    if precision == Precision::Bf16 && !session.computes_bf16() {
        table.push_unmeasured(name.to_owned(), "the device does not compute in bf16");
        return Ok(());
    }
    progress(&format!("prove {name}"));
    let expected = steps(&Device::flex())?;
    // A kernel that cannot be compiled or launched ends in a panic of Burn.
    let on_device = || catch_unwind(AssertUnwindSafe(|| steps(&session.device)));
    let found = match on_device() {
        Ok(Ok(found)) => found,
        failure => {
            let reason = match failure {
                Ok(Err(error)) => format!("{error:#}"),
                _ => "panicked; the message is above".to_owned(),
            };
            table.push_unmeasured(name.to_owned(), &reason);
            failed.push(format!("{name}: {reason}"));
            return Ok(());
        }
    };
    let again = on_device().ok().and_then(Result::ok);
    let loss = largest(&found, &expected, |(loss, _), (expected, _)| (loss - expected).abs());
    let norm = largest(&found, &expected, |(_, norm), (_, expected)| (norm - expected).abs() / expected);
    let falls = expected.first().zip(expected.last()).is_some_and(|(first, last)| last.0 < first.0);
    let result = match () {
        () if found.len() != expected.len() => "other number of steps",
        () if loss.is_nan() || loss > tolerance.loss => "the loss differs",
        () if norm.is_nan() || norm > tolerance.norm => "the gradient differs",
        () if !falls => "the loss does not fall",
        () => "ok",
    };
    if result != "ok" {
        failed.push(format!("{name}: {result}"));
    }
    let last = |steps: &Steps| steps.last().map_or(NOT_MEASURED.to_owned(), |(loss, _)| format!("{loss:.4}"));
    let repeat = again.map(|again| largest(&again, &found, |(loss, _), (first, _)| (loss - first).abs()));
    table.rows.push(vec![
        name.to_owned(),
        found.len().to_string(),
        last(&expected),
        last(&found),
        format!("{loss:.1e}"),
        format!("{:.3}", 100.0 * norm),
        repeat.map_or(
            NOT_MEASURED.to_owned(),
            |apart| if apart == 0.0 { "equal".to_owned() } else { format!("{apart:.1e}") },
        ),
        result.to_owned(),
    ]);
    Ok(())
}

/// The largest difference of two lists of steps; NaN if any is.
fn largest(left: &Steps, right: &Steps, difference: impl Fn((f64, f64), (f64, f64)) -> f64) -> f64 {
    let differences = left.iter().zip(right).map(|(&left, &right)| difference(left, right));
    differences.fold(0.0, |largest, own| if own > largest || own.is_nan() { own } else { largest })
}

/// Takes `count` steps.
fn steps(case: &Case, recipe: &Recipe, device: &Device, corpus: &Corpus, count: u32) -> anyhow::Result<Steps> {
    let mut recipe = recipe.clone();
    recipe.compute.precision = case.precision;
    recipe.compute.recompute = case.recompute;
    let mut training = setup::training(&recipe, &case.config, device, corpus.sources().len())?;
    let vocabulary = corpus.manifest().tokenizer.vocabulary_size;
    let prediction = Prediction { objective: Objective::Causal, vocabulary, mask_token: 0, seed: 1, begin: None };
    let mut batches = Batches::train(corpus, &recipe.data, prediction, (0, 1))?;
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(step) = batches.next_step()? else { break };
        let (next, report) = training.step(&step, 1e-2)?;
        training = next;
        found.push((report.loss_sum.mean().unwrap_or(f64::NAN), report.gradient_norm));
    }
    Ok(found)
}

/// The shipped tiny recipe, for 50 steps.
fn tiny_recipe(session: &Session, files: &RecipeFiles) -> anyhow::Result<Recipe> {
    let (steps, every) = if session.dry { (4, 2) } else { (50, 5) };
    let mut changes = vec![
        format!("data.steps={steps}"),
        format!("metrics={{ every-steps: {every}, tensorboard: false }}"),
        "samples.prompts=[]".to_owned(),
    ];
    if session.dry {
        changes.extend(setup::dry_changes());
    }
    setup::load(session, &files.path(TINY), &changes)
}

/// Runs the recipe with checkpoints and validation; the steps are its training records.
fn tiny_run(recipe: &Recipe, corpus: &Path, device: &Device) -> anyhow::Result<Steps> {
    let output = tempfile::tempdir()?;
    let recipe = Recipe { output: Some(output.path().to_owned()), ..recipe.clone() };
    let cancel = AtomicBool::new(false);
    let options = RunOptions { recipe: &recipe, corpus, device, others: &[], cancel: &cancel };
    let mut curve = Curve::new(&cancel, None);
    pretrain::run(&options, &mut curve)?;
    let of = |record: &Record| (record.loss, record.gradient_norm.unwrap_or(f64::NAN));
    Ok(curve.records.iter().filter(|record| record.kind == RecordKind::Train).map(of).collect())
}
