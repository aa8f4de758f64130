//! `corpusmill-train plan`: estimates what a run needs before it starts.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use corpusmill_recipe::NamedSource;
use corpusmill_shards::TokenBudget;
use corpusmill_terminal::write_stdout;

use crate::model::ModelConfig;
use crate::plan::{
    CHINCHILLA_TOKENS_PER_PARAMETER, Cluster, HARDWARE, Hardware, MemoryEstimate, OVERTRAINED_TOKENS_PER_PARAMETER,
    budget_parameters, shape,
};
use crate::pretrain::new_config;
use crate::recipe::{Compute, Data, ModelSource, Precision, Recipe, Recompute};

/// Estimate what a training run needs: parameters, tokens, memory by part, time and cost.
///
/// Starts from a recipe, a number of parameters or a budget of floating-point operations. The time depends on the model
/// FLOPs utilisation (--utilisation): 0.4 is a good value for large models on one GPU. To measure it in a run, set
/// `metrics.peak-teraflops`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["recipe", "parameters", "flops"])))]
pub(crate) struct PlanCommand {
    /// Training recipe: a file, or the name of a file in `recipes/train/`.
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<PathBuf>,
    /// Change a setting of the recipe: `path.to.key=value`.
    #[arg(long, value_name = "KEY=VALUE", requires = "recipe")]
    set: Vec<String>,
    /// Number of parameters, such as 125M or 1.1B.
    #[arg(long, value_name = "NUMBER")]
    parameters: Option<TokenBudget>,
    /// Budget of floating-point operations, such as 1e20, for a compute-optimal model (Chinchilla).
    #[arg(long, value_name = "NUMBER")]
    flops: Option<f64>,
    /// Number of training tokens, such as 20B; by default that of the recipe, or 20 per parameter (Chinchilla).
    #[arg(long, value_name = "NUMBER")]
    tokens: Option<TokenBudget>,
    /// Vocabulary size, if no recipe or corpus sets it.
    #[arg(long, value_name = "NUMBER", default_value_t = 32_000)]
    vocabulary: u32,
    /// Show only this device: cpu-2-cores, rtx-4090, l4, a100-40gb, a100-80gb, h100-80gb or mi300x.
    #[arg(long, value_name = "NAME")]
    hardware: Option<String>,
    /// Peak of another device, in 10^12 floating-point operations per second; needs --memory-gb.
    #[arg(long, value_name = "NUMBER", requires = "memory_gb", conflicts_with = "hardware")]
    teraflops: Option<f64>,
    /// Memory of another device, in 10^9 bytes.
    #[arg(long, value_name = "NUMBER", requires = "teraflops")]
    memory_gb: Option<f64>,
    /// Number of devices that train together, each with its share of every batch.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    devices: u32,
    /// Model FLOPs utilisation (MFU): the share of the peak that the model's operations use, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    utilisation: f64,
    /// Price per device and hour, in any currency.
    #[arg(long, value_name = "NUMBER")]
    price_per_hour: Option<f64>,
}

/// The model and recipe to estimate.
struct PlanInput {
    config: ModelConfig,
    recipe: Recipe,
    tokens: Option<f64>,
}

impl PlanCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.utilisation > 0.0 && self.utilisation <= 1.0,
            "--utilisation {}: give a share above 0 and up to 1",
            self.utilisation
        );
        anyhow::ensure!(self.devices > 0, "--devices 0: give at least 1");
        let input = self.input()?;
        let hardware = self.hardware()?;
        let mut out = String::new();
        describe(&mut out, &input);
        self.tokens_and_time(&mut out, &input, &hardware);
        memory(&mut out, &input, &hardware, self.devices);
        Ok(write_stdout(&out)?)
    }

    fn input(&self) -> anyhow::Result<PlanInput> {
        let tokens = self.tokens.map(|tokens| to_float(tokens.0));
        if let Some(path) = &self.recipe {
            let recipe = Recipe::load(path, &self.set)?;
            let config = match &recipe.model {
                ModelSource::New(sizes) => new_config(sizes, &recipe, self.vocabulary, None),
                ModelSource::Config(path) => ModelConfig::read(path)?,
                ModelSource::From(folder) => ModelConfig::read(&folder.join("config.json"))?,
            };
            config.validate()?;
            let stated = recipe.data.steps.map(|steps| steps * recipe.step_tokens());
            let stated = stated.or(recipe.data.tokens.map(|tokens| tokens.0)).map(to_float);
            return Ok(PlanInput { config, tokens: tokens.or(stated), recipe });
        }
        let parameters = match (self.parameters, self.flops) {
            (Some(parameters), _) => to_float(parameters.0),
            (None, Some(flops)) => {
                anyhow::ensure!(flops.is_finite() && flops > 0.0, "--flops {flops}: give a number above 0");
                budget_parameters(flops)
            }
            (None, None) => anyhow::bail!("give --recipe, --parameters or --flops"),
        };
        anyhow::ensure!(
            parameters >= 1e5,
            "{parameters:.0} parameters are too few for a vocabulary of {}",
            self.vocabulary
        );
        let config = shape(parameters, self.vocabulary as usize);
        let file = "name: plan\nmodel: { new: { layers: 1, hidden-size: 2, heads: 1 } }\n".to_owned();
        let mut recipe: Recipe = NamedSource { file: "plan".to_owned(), text: file }.parse()?;
        recipe.data = Data { sequence_length: 2048, micro_sequences: 4, batch_sequences: 256, ..Data::default() };
        recipe.compute = Compute { precision: Precision::Bf16, recompute: Recompute::None, ..Compute::default() };
        Ok(PlanInput { config, recipe, tokens })
    }

    fn hardware(&self) -> anyhow::Result<Vec<Hardware>> {
        if let (Some(peak_teraflops), Some(memory_gigabytes)) = (self.teraflops, self.memory_gb) {
            anyhow::ensure!(
                peak_teraflops > 0.0 && memory_gigabytes > 0.0,
                "--teraflops and --memory-gb must be above 0"
            );
            return Ok(vec![Hardware { name: "stated", peak_teraflops, memory_gigabytes }]);
        }
        let Some(name) = &self.hardware else { return Ok(HARDWARE.to_vec()) };
        let found = HARDWARE.into_iter().find(|known| known.name == name);
        let names: Vec<&str> = HARDWARE.iter().map(|known| known.name).collect();
        let unknown = || {
            anyhow::anyhow!(
                "--hardware {name}: unknown device; give one of {}, or --teraflops and --memory-gb",
                names.join(", ")
            )
        };
        Ok(vec![found.ok_or_else(unknown)?])
    }

    fn tokens_and_time(&self, out: &mut String, input: &PlanInput, hardware: &[Hardware]) {
        let parameters = to_float(input.config.parameters());
        let mut goals = vec![
            ("Chinchilla, 20 per parameter", CHINCHILLA_TOKENS_PER_PARAMETER * parameters),
            ("overtrained, 200 per parameter", OVERTRAINED_TOKENS_PER_PARAMETER * parameters),
        ];
        if let Some(tokens) = input.tokens {
            goals.insert(0, ("as requested", tokens));
        }
        let _ = writeln!(
            out,
            "\ntime on {} device(s) at {:.0} % of the peak\n{:30} {:>10} {:>10}  device",
            self.devices,
            self.utilisation * 100.0,
            "tokens",
            "",
            "operations"
        );
        for (goal, tokens) in goals {
            for device in hardware {
                let cluster = Cluster {
                    peak_teraflops: device.peak_teraflops,
                    devices: self.devices,
                    utilisation: self.utilisation,
                    price: self.price_per_hour,
                };
                let cost = cluster.cost(&input.config, input.recipe.data.sequence_length, tokens);
                let price = cost.price.map_or(String::new(), |price| format!("  price {price:.0}"));
                let _ = writeln!(
                    out,
                    "{goal:30} {:>10} {:>10.2e}  {:12} {}{price}",
                    short(cost.tokens),
                    cost.flops,
                    device.name,
                    duration(cost.hours)
                );
            }
        }
    }
}

fn describe(out: &mut String, input: &PlanInput) {
    let (config, data) = (&input.config, &input.recipe.data);
    let _ = writeln!(
        out,
        "{} parameters: {} layers, width {}, {} heads ({} of key and value), feed-forward {}, vocabulary {}, {} head\n\
         context {} tokens, {} per micro-batch ({} sequences), {} per step",
        short(to_float(config.parameters())),
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.intermediate_size,
        config.vocab_size,
        if config.tie_word_embeddings { "tied" } else { "own" },
        data.sequence_length,
        short(f64::from(data.micro_sequences) * f64::from(data.sequence_length)),
        data.micro_sequences,
        short(to_float(input.recipe.step_tokens())),
    );
}

fn memory(out: &mut String, input: &PlanInput, hardware: &[Hardware], devices: u32) {
    let with = |recompute, shard_optimizer| {
        let compute = Compute { recompute, shard_optimizer, ..input.recipe.compute.clone() };
        MemoryEstimate::new(&input.config, &Recipe { compute, ..input.recipe.clone() }, devices)
    };
    let sharded = input.recipe.compute.shard_optimizer;
    let (stored, recomputed) = (with(Recompute::None, sharded), with(Recompute::Blocks, sharded));
    let smallest = with(Recompute::Blocks, devices > 1);
    let head = if devices > 1 { "GB per device" } else { "memory, GB" };
    let _ = writeln!(out, "\n{head:14} {:>14} {:>20}", "recompute none", "recompute blocks");
    for ((part, bytes), (_, with_blocks)) in stored.0.iter().zip(&recomputed.0) {
        let _ = writeln!(out, "{:14} {:>14.2} {:>20.2}", part.name(), bytes / 1e9, with_blocks / 1e9);
    }
    let _ = writeln!(out, "{:14} {:>14.2} {:>20.2}", "total", stored.total() / 1e9, recomputed.total() / 1e9);
    for device in hardware {
        let available = device.memory_gigabytes * 1e9;
        let fit = match (stored.total() <= available, recomputed.total() <= available) {
            (true, _) => "fits".to_owned(),
            (false, true) => "fits with `compute.recompute: blocks` only".to_owned(),
            (false, false) if smallest.total() <= available => {
                "fits with `compute: { recompute: blocks, shard-optimizer: true }` only".to_owned()
            }
            (false, false) => {
                let fixed: f64 = smallest.0[..3].iter().map(|(_, bytes)| bytes).sum();
                if fixed > available {
                    format!("does not fit: weights, gradients and optimizer alone need {:.0} GB", fixed / 1e9)
                } else {
                    "does not fit: lower `data.micro-sequences` or `data.sequence-length`".to_owned()
                }
            }
        };
        let _ = writeln!(out, "{:14} {:>6.0} GB  {fit}", device.name, device.memory_gigabytes);
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown in three digits")]
fn to_float(number: u64) -> f64 {
    number as f64
}

/// Formats a number with two decimals and a unit: `1.34 B`.
fn short(number: f64) -> String {
    for (size, unit) in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")] {
        if number >= size {
            return format!("{:.2} {unit}", number / size);
        }
    }
    format!("{number:.0}")
}

fn duration(hours: f64) -> String {
    if hours < 1.0 {
        return format!("{:.1} minutes", hours * 60.0);
    }
    if hours < 72.0 { format!("{hours:.1} hours") } else { format!("{:.1} days", hours / 24.0) }
}
