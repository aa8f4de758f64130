//! `bench`: speed and memory of training steps.
//!
//! A step accumulates several micro-batches and then updates the weights once. Recipes for GPUs have steps of a million
//! tokens, too long to time several of; so steps of one micro-batch and of `accumulated` micro-batches are timed. Their
//! difference gives the time of a micro-batch and that of an update, and from them the speed at the recipe's own batch is
//! computed.

use std::time::{Duration, Instant};

use corpusmill_trainer::metrics::{memory_watermark, training_flops_per_token};
use corpusmill_trainer::model::ModelConfig;
use corpusmill_trainer::plan::MemoryEstimate;
use corpusmill_trainer::recipe::{Recipe, Recompute};
use serde::{Deserialize, Serialize};

use super::Recipes;
use super::child::{Climb, Measurement, climb};
use super::session::Session;
use super::setup::{self, LLAMA_1B, LLAMA_125M, RecipeFiles};
use super::table::{Table, number};

/// Steps that compile and tune kernels before the timing.
const WARM_STEPS: u32 = 3;
/// Steps of each timing; the fastest counts.
const TIMED_STEPS: u32 = 3;

/// What a child measured; times are in seconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Speed {
    name: String,
    parameters: u64,
    flops_per_token: f64,
    sequence_length: u32,
    micro_sequences: u32,
    recompute: bool,
    /// Micro-batches of a step of the recipe.
    recipe_micro_batches: u32,
    /// The steps before the timing, less the same number of timed steps: compiling and tuning kernels.
    compile_and_tune: f64,
    /// The fastest step of one micro-batch.
    one: f64,
    /// Micro-batches of the longer steps.
    accumulated: u32,
    /// The fastest of them.
    many: f64,
    /// The most memory that the device's allocator held after a step, in bytes.
    device_bytes: Option<u64>,
    /// On the CPU, the peak memory of the process, in bytes.
    process_bytes: Option<u64>,
    planned_bytes: f64,
}

impl Speed {
    fn micro_seconds(&self) -> f64 {
        (self.many - self.one) / f64::from(self.accumulated - 1)
    }

    /// Tokens of a micro-batch.
    fn tokens(&self) -> f64 {
        f64::from(self.micro_sequences) * f64::from(self.sequence_length)
    }
}

/// Measures each recipe in a child and tabulates the results.
///
/// # Errors
/// When a recipe is invalid or the program cannot start itself.
pub(crate) fn run(session: &Session, given: &Recipes) -> anyhow::Result<Table> {
    let files = RecipeFiles::write()?;
    let recipes = match given.paths.as_slice() {
        [] => vec![files.path(LLAMA_125M), files.path(LLAMA_1B)],
        recipes => recipes.to_vec(),
    };
    let columns = [
        "recipe",
        "parameters",
        "micro-batch",
        "recompute",
        "per step",
        "tokens/s",
        "MFU %",
        "device GB",
        "planned GB",
        "compile+tune s",
        "micro-batch ms",
        "update ms",
        "tokens/s at the recipe's batch",
    ];
    let mut table = Table::new(session.title("bench"), &columns);
    for (index, path) in recipes.iter().enumerate() {
        let share = session.seconds_left() / f64::from(u32::try_from(recipes.len() - index)?);
        let deadline = Instant::now() + Duration::try_from_secs_f64(share * 0.97)?;
        let Climb { measured, failures } = climb::<Speed>(session, Measurement::Bench, path, deadline)?;
        match measured {
            Some(speed) => table.rows.push(row(&speed, given.peak)),
            None => table.push_unmeasured(path.display().to_string(), "no setting could be measured"),
        }
        table.notes.extend(failures);
    }
    table.notes.extend([
        "One update per step. micro-batch and update are computed from steps of 1 and of `per step` micro-batches."
            .to_owned(),
        "device GB: the most that the allocator of the device held after a step; on the CPU, the peak of the process."
            .to_owned(),
    ]);
    if given.peak.is_none() {
        table.notes.push("MFU needs the peak of the device: --peak TERAFLOPS".to_owned());
    }
    Ok(table)
}

fn row(speed: &Speed, peak: Option<f64>) -> Vec<String> {
    let rate = speed.tokens() * f64::from(speed.accumulated) / speed.many;
    let (micro, batches) = (speed.micro_seconds(), f64::from(speed.recipe_micro_batches));
    let update = speed.one - micro;
    let at_recipe = speed.tokens() * batches / (micro * batches + update);
    // On a noisy machine the difference of two timings can come out negative; nothing follows from that.
    let plausible = micro > 0.0 && update >= 0.0;
    #[expect(clippy::cast_precision_loss, reason = "shown in three digits")]
    let bytes = speed.device_bytes.or(speed.process_bytes).map(|bytes| bytes as f64 / 1e9);
    vec![
        speed.name.clone(),
        speed.parameters.to_string(),
        format!("{} × {}", speed.micro_sequences, speed.sequence_length),
        if speed.recompute { "blocks" } else { "none" }.to_owned(),
        speed.accumulated.to_string(),
        number(Some(rate), 0),
        number(peak.map(|peak| 100.0 * rate * speed.flops_per_token / (peak * 1e12)), 2),
        number(bytes, 3),
        number(Some(speed.planned_bytes / 1e9), 3),
        number(Some(speed.compile_and_tune), 2),
        number(plausible.then_some(micro * 1e3), 2),
        number(plausible.then_some(update * 1e3), 2),
        number(plausible.then_some(at_recipe), 0),
    ]
}

/// The child's side: times steps of the recipe on scattered tokens.
///
/// # Errors
/// When the device fails, as when its memory runs out.
pub(crate) fn measure(session: &Session, recipe: &Recipe) -> anyhow::Result<Speed> {
    let config: ModelConfig = setup::config(recipe, session.dry)?;
    let mut training = Some(setup::training(recipe, &config, &session.device, 1)?);
    let batch = setup::micro_batch(recipe, &config)?;
    let mut device_bytes = None;
    let mut step = |micro_batches: u32| -> anyhow::Result<f64> {
        let batches = vec![batch.clone(); micro_batches as usize];
        let started = Instant::now();
        let Some(before) = training.take() else { anyhow::bail!("an earlier step failed") };
        let (after, _) = before.step(&batches, 1e-4)?;
        session.sync()?;
        let seconds = started.elapsed().as_secs_f64();
        training = Some(after);
        device_bytes = device_bytes.max(session.reserved_bytes());
        Ok(seconds)
    };
    let mut fastest = |micro_batches: u32, steps: u32| -> anyhow::Result<(f64, f64)> {
        let times = (0..steps).map(|_| step(micro_batches)).collect::<anyhow::Result<Vec<f64>>>()?;
        Ok((times.iter().copied().fold(f64::INFINITY, f64::min), times.iter().sum()))
    };
    let (_, warm) = fastest(1, WARM_STEPS)?;
    let (one, _) = fastest(1, TIMED_STEPS)?;
    let recipe_micro_batches = recipe.data.batch_sequences / recipe.data.micro_sequences;
    let accumulated = accumulated(recipe_micro_batches, one, session.seconds_left());
    let (many, _) = fastest(accumulated, TIMED_STEPS)?;
    Ok(Speed {
        name: recipe.name.clone(),
        parameters: config.parameters(),
        flops_per_token: training_flops_per_token(&config, recipe.data.sequence_length),
        sequence_length: recipe.data.sequence_length,
        micro_sequences: recipe.data.micro_sequences,
        recompute: recipe.compute.recompute == Recompute::Blocks,
        recipe_micro_batches,
        compile_and_tune: (warm - f64::from(WARM_STEPS) * one).max(0.0),
        one,
        accumulated,
        many,
        device_bytes,
        process_bytes: memory_watermark().filter(|_| session.is_cpu()),
        planned_bytes: MemoryEstimate::new(&config, recipe, 1).total(),
    })
}

/// Micro-batches of the longer steps: as in the recipe, or as many as fit into half of the time left, at least 2.
fn accumulated(of_recipe: u32, one: f64, seconds_left: f64) -> u32 {
    let fitting = (1..=of_recipe).rev().find(|count| f64::from(count * TIMED_STEPS) * one <= seconds_left / 2.0);
    fitting.unwrap_or(1).max(2)
}
