//! Measures speed and memory of training on a device: `make bench-gpu`.
//!
//! For each recipe, runs a few steps on random tokens after one that compiles kernels. Prints tokens per second, the
//! share of the given peak (MFU) and memory. Usage: `bench_gpu DEVICE PEAK_TERAFLOPS RECIPE...`

use std::io::Write as _;
use std::time::Instant;

use anyhow::Context as _;
use corpusmill_shards::{Sequence, Span};
use corpusmill_trainer::data::{Batch, Prediction};
use corpusmill_trainer::device::DeviceChoice;
use corpusmill_trainer::gradient::{Pass, compute_type};
use corpusmill_trainer::loss::LossSettings;
use corpusmill_trainer::metrics::{memory_watermark, training_flops_per_token};
use corpusmill_trainer::model::{Decoder, ModelConfig};
use corpusmill_trainer::optimize::Optimizer;
use corpusmill_trainer::parallel::SingleRank;
use corpusmill_trainer::plan::MemoryEstimate;
use corpusmill_trainer::pretrain::new_config;
use corpusmill_trainer::recipe::{ModelSource, Objective, Recipe};
use corpusmill_trainer::step::Training;

const VOCABULARY: u32 = 32_000;
const STEPS: u32 = 5;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [device, peak, recipes @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: bench_gpu DEVICE PEAK_TERAFLOPS RECIPE...");
    };
    let device: DeviceChoice = device.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
    let peak: f64 = peak.parse().context("PEAK_TERAFLOPS is a number such as 989")?;
    for path in recipes {
        let recipe = Recipe::load(path.as_ref(), &[])?;
        let line = measure(&recipe, device, peak)?;
        writeln!(std::io::stdout(), "{:12} {line}", recipe.name)?;
    }
    Ok(())
}

fn measure(recipe: &Recipe, device: DeviceChoice, peak: f64) -> anyhow::Result<String> {
    let ModelSource::New(sizes) = &recipe.model else { anyhow::bail!("{}: `model` must be `new`", recipe.name) };
    let config = new_config(sizes, recipe, VOCABULARY, None);
    let device = device.open()?;
    let loss = LossSettings {
        z_loss: recipe.loss.z_loss,
        chunk_tokens: recipe.loss.chunk_tokens,
        softcap: None,
        compute: compute_type(recipe.compute.precision),
    };
    let mut training = Training {
        pass: Pass { config: &config, loss, recompute: recipe.compute.recompute },
        model: Decoder::new(&config, recipe.seed, &device.clone().autodiff())?,
        optimizer: Optimizer::new(&recipe.optimizer),
        clip_norm: recipe.optimizer.clip_norm,
        group: SingleRank,
        owners: None,
        sources: 1,
    };
    let batch = random(recipe)?;
    let mut begun = Instant::now();
    for step in 0..=STEPS {
        (training, _) = training.step(std::slice::from_ref(&batch), 1e-4)?;
        if step == 0 {
            begun = Instant::now();
        }
    }
    Ok(report(recipe, &config, begun.elapsed().as_secs_f64(), peak))
}

fn report(recipe: &Recipe, config: &ModelConfig, seconds: f64, peak: f64) -> String {
    let tokens = f64::from(STEPS * recipe.data.micro_sequences * recipe.data.sequence_length);
    let speed = tokens / seconds;
    let share = speed * training_flops_per_token(config, recipe.data.sequence_length) / (peak * 1e12);
    #[expect(clippy::cast_precision_loss, reason = "shown in three digits")]
    let host = memory_watermark().unwrap_or(0) as f64 / 1e9;
    let planned = MemoryEstimate::new(config, recipe, 1).total() / 1e9;
    format!(
        "{} parameters  {speed:.0} tokens/s  MFU {:.1} %  planned on the device {planned:.2} GB  host {host:.2} GB",
        config.parameters(),
        share * 100.0
    )
}

/// One micro-batch of random tokens.
fn random(recipe: &Recipe) -> anyhow::Result<Batch> {
    let (rows, length) = (recipe.data.micro_sequences, recipe.data.sequence_length);
    let row = |index: u32| {
        let token = |index_in_row: u32| (index * length + index_in_row).wrapping_mul(2_654_435_761) % VOCABULARY;
        let span = Span { start: 0, end: length, source: 0, document: 0, offset: 0, epoch: 0 };
        let tokens = (0..length).map(token).collect();
        Sequence { index: index.into(), tokens, documents: vec![span], loss_mask: None }
    };
    let prediction =
        Prediction { objective: Objective::Causal, vocabulary: VOCABULARY, mask_token: 0, seed: 0, begin: None };
    Ok(Batch::new(&(0..rows).map(row).collect::<Vec<_>>(), &prediction)?)
}
