//! `corpusmill-train plan`: estimates what a run needs before it starts.

mod input;
mod tables;

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use corpusmill_recipe::NamedSource;
use corpusmill_shards::{Corpus, TokenBudget};
use corpusmill_terminal::{HumanCount, Printer, write_stdout};

use self::input::PlanInput;
use super::args::require_corpus;
use crate::data::{Batches, DataError, Prediction};
use crate::plan::{Cluster, HARDWARE, Hardware, budget_parameters, shape, to_float};
use crate::pretrain::{check_vocabulary, model_config};
use crate::progress::fit;
use crate::recipe::{Compute, Data, ModelSource, Precision, Recipe, Recompute};

/// The size of the vocabulary where nothing states it: that of Llama 2.
const VOCABULARY: u32 = 32_000;

/// Estimate what a training run needs: parameters, tokens, memory, time and cost.
///
/// Starts from a recipe, a number of parameters or a budget of floating-point operations (FLOPs). With a recipe, the
/// vocabulary and the number of tokens are those of its corpus; if there is none yet, they are assumed. The time
/// depends on the model FLOPs utilisation (--mfu): 0.4 is a good value for large models on one GPU. To measure it in a
/// run, set `metrics.peak-teraflops`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).args(["recipe", "parameters", "flops"])),
    override_usage = USAGE, after_help = EXAMPLES
)]
pub(crate) struct PlanCommand {
    /// Training recipe: a file, or the name of a file in `recipes/train/`.
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<PathBuf>,
    /// Folder of the corpus, instead of the recipe's `corpus`.
    #[arg(long, value_name = "DIR", requires = "recipe")]
    corpus: Option<PathBuf>,
    /// Change a setting of the recipe: `path.to.key=value`.
    #[arg(long, value_name = "KEY=VALUE", requires = "recipe")]
    set: Vec<String>,
    /// Number of parameters, such as 125M or 1.1B.
    #[arg(long, value_name = "N")]
    parameters: Option<TokenBudget>,
    /// Training budget in floating-point operations, such as 1e20, for a compute-optimal model (Chinchilla).
    #[arg(long, value_name = "N")]
    flops: Option<f64>,
    /// Number of training tokens, such as 20B; by default that of the recipe or of the whole corpus.
    #[arg(long, value_name = "N")]
    tokens: Option<TokenBudget>,
    /// Vocabulary size of a new model; by default that of the corpus, or 32,000 without one.
    #[arg(long, value_name = "N")]
    vocabulary: Option<u32>,
    /// Show only this device: cpu-2-cores, rtx-4090, l4, a100-40gb, a100-80gb, h100-80gb or mi300x.
    #[arg(long, value_name = "NAME")]
    hardware: Option<String>,
    /// Peak of another device in TFLOP/s; needs --memory-gb.
    #[arg(long, value_name = "N", requires = "memory_gb", conflicts_with = "hardware")]
    teraflops: Option<f64>,
    /// Memory of another device in GB.
    #[arg(long, value_name = "N", requires = "teraflops")]
    memory_gb: Option<f64>,
    /// Number of devices that train together, each with its share of every batch.
    #[arg(long, value_name = "N", default_value_t = 1)]
    devices: u32,
    /// Model FLOPs utilisation: the share of the peak that the model's operations use, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, alias = "utilisation")]
    mfu: f64,
    /// Price per device and hour, in any currency.
    #[arg(long, value_name = "N")]
    price_per_hour: Option<f64>,
}

const EXAMPLES: &str = "\
Examples:
  corpusmill-train plan --recipe llama-125m --hardware h100-80gb
  corpusmill-train plan --recipe small --corpus corpus/code-heavy
  corpusmill-train plan --parameters 1.1B --devices 8 --price-per-hour 2.5";

const USAGE: &str = "\
corpusmill-train plan [OPTIONS] --recipe <RECIPE>
       corpusmill-train plan [OPTIONS] --parameters <N>
       corpusmill-train plan [OPTIONS] --flops <N>";

impl PlanCommand {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        anyhow::ensure!(self.mfu > 0.0 && self.mfu <= 1.0, "--mfu {}: give a share above 0 and up to 1", self.mfu);
        anyhow::ensure!(self.devices > 0, "--devices 0: give at least 1");
        let input = match &self.recipe {
            Some(path) => self.recipe_input(path, printer)?,
            None => self.sized_input()?,
        };
        Ok(write_stdout(&self.text(&input)?)?)
    }

    fn text(&self, input: &PlanInput) -> anyhow::Result<String> {
        let hardware = self.hardware()?;
        let cluster =
            Cluster { peak_teraflops: 0.0, devices: self.devices, utilisation: self.mfu, price: self.price_per_hour };
        let mut out = String::new();
        tables::model(&mut out, input);
        tables::time(&mut out, input, cluster, &hardware);
        tables::memory(&mut out, input, &hardware, self.devices);
        Ok(out)
    }

    /// The model of a recipe, on its corpus if that exists.
    fn recipe_input(&self, path: &Path, printer: &Printer) -> anyhow::Result<PlanInput> {
        let recipe = Recipe::load(path, &self.set)?;
        let folder = self.corpus.clone().or_else(|| recipe.corpus.clone());
        if let Some(given) = &self.corpus {
            require_corpus(given)?;
        }
        let corpus = folder.as_deref().filter(|folder| Corpus::is_at(folder)).map(Corpus::open).transpose()?;
        let found = corpus.as_ref().map(|corpus| &corpus.manifest().tokenizer);
        let (size, origin) = match (self.vocabulary, found, &folder) {
            (Some(size), ..) => (size, "--vocabulary".to_owned()),
            (None, Some(found), Some(folder)) => (found.vocabulary_size, folder.display().to_string()),
            _ => (VOCABULARY, "assumed: there is no corpus".to_owned()),
        };
        let config = model_config(&recipe, size, found.and_then(|found| found.end_of_document))?;
        let (is_new, is_assumed) = (matches!(recipe.model, ModelSource::New(_)), self.vocabulary.is_none());
        if found.is_none() && is_assumed {
            warn_of_no_corpus(folder.as_deref(), is_new, printer);
        }
        let warn = |error: &dyn std::error::Error| {
            printer.warning(fit("warning: ", &format!("pretrain would fail: {error}")));
        };
        if let Some(found) = found
            && let Err(error) = check_vocabulary(&config, found.vocabulary_size)
        {
            warn(&error);
        }
        let steps = match &corpus {
            Some(corpus) => steps(&recipe, corpus, self.devices).inspect_err(|error| warn(error)).ok(),
            None => None,
        };
        let steps = steps.or_else(|| recipe.data.steps_of(recipe.data.batch_sequences.into()));
        let stated = recipe.data.steps.is_some() || recipe.data.tokens.is_some();
        let name = if stated { "recipe" } else { "whole corpus" };
        let tokens = steps.map(|steps| (name, to_float(steps.saturating_mul(recipe.step_tokens()))));
        let tokens = self.tokens.map(|tokens| ("--tokens", to_float(tokens.0))).or(tokens);
        let vocabulary_origin = if is_new { origin } else { "config.json".to_owned() };
        let steps = steps.filter(|_| self.tokens.is_none());
        Ok(PlanInput { config, recipe, vocabulary_origin, steps, tokens })
    }

    /// The Llama nearest to a number of parameters, or the one that a budget is compute-optimal for.
    fn sized_input(&self) -> anyhow::Result<PlanInput> {
        let vocabulary = self.vocabulary.unwrap_or(VOCABULARY);
        let parameters = match (self.parameters, self.flops) {
            (Some(parameters), _) => to_float(parameters.0),
            (None, Some(flops)) => {
                anyhow::ensure!(flops.is_finite() && flops > 0.0, "--flops {flops}: give a number above 0");
                budget_parameters(flops)
            }
            (None, None) => anyhow::bail!("give --recipe, --parameters or --flops"),
        };
        anyhow::ensure!(parameters >= 1e5, "{parameters:.0} parameters are too few for a vocabulary of {vocabulary}");
        let config = shape(parameters, vocabulary as usize);
        let file = "name: plan\nmodel: { new: { layers: 1, hidden-size: 2, heads: 1 } }\n".to_owned();
        let mut recipe: Recipe = NamedSource { file: "plan".to_owned(), text: file }.parse()?;
        recipe.data = Data { sequence_length: 2048, micro_sequences: 4, batch_sequences: 256, ..Data::default() };
        recipe.compute = Compute { precision: Precision::Bf16, recompute: Recompute::None, ..Compute::default() };
        let origin = if self.vocabulary.is_some() { "--vocabulary" } else { "assumed; see --vocabulary" };
        let tokens = self.tokens.map(|tokens| ("--tokens", to_float(tokens.0)));
        Ok(PlanInput { config, recipe, vocabulary_origin: origin.to_owned(), steps: None, tokens })
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
}

/// Steps of the run on this corpus.
///
/// # Errors
/// When the corpus is too short, or a step cannot be divided evenly.
fn steps(recipe: &Recipe, corpus: &Corpus, devices: u32) -> Result<u64, DataError> {
    let (objective, seed) = (recipe.data.objective, recipe.seed);
    let vocabulary = corpus.manifest().tokenizer.vocabulary_size;
    // The number of steps does not depend on what is predicted.
    let prediction = Prediction { objective, vocabulary, mask_token: 0, seed, begin: None };
    Batches::train(corpus, &recipe.data, prediction, (0, devices))?.steps(&recipe.data)
}

fn warn_of_no_corpus(folder: Option<&Path>, is_new: bool, printer: &Printer) {
    let (what, how) = match folder {
        Some(folder) => (format!("there is no corpus in `{}`", folder.display()), "build it, or give"),
        None => ("the recipe names no corpus".to_owned(), "give"),
    };
    let assumed =
        if is_new { format!("; assuming a vocabulary of {}", HumanCount(VOCABULARY.into())) } else { String::new() };
    let text = format!("{what}{assumed}\nhint: {how} --corpus, or --vocabulary and --tokens");
    printer.warning(fit("warning: ", &text));
}

#[cfg(test)]
mod tests;
