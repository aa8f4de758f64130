//! `corpusmill-train pretrain`: trains a model from a recipe and a corpus.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use corpusmill_terminal::{Failure, Printer, StopSignals};

use super::args::{DEVICE_VARIABLE, require_corpus};
use crate::device::DeviceChoice;
use crate::pretrain::{self, Outcome, RunOptions};
use crate::progress::Progress;
use crate::recipe::Recipe;

const EXAMPLES: &str = "\
Examples:
  corpusmill-train pretrain small --corpus corpus/code-heavy
  corpusmill-train pretrain recipes/train/tiny.yaml --output runs/lower \\
      --set optimizer.learning-rate=3e-4
  corpusmill-train pretrain llama-125m --device cuda:0,cuda:1";

/// Train a model on a corpus.
///
/// After any interruption, kill -9 included, the same command resumes from the newest checkpoint. Ctrl-C ends the
/// step, writes a checkpoint and exits with code 130; a second Ctrl-C stops immediately. To change a setting of a run
/// that has begun, start a new run with another --output; only `data.steps`, `data.tokens` and `data.micro-sequences`,
/// and settings of the outputs, can change when a run is resumed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PretrainCommand {
    /// Training recipe: a file, or the name of a file in `recipes/train/`.
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// Folder of the corpus, instead of the recipe's `corpus`.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Folder for checkpoints, metrics and the model, instead of the recipe's `output`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Change a setting: `path.to.key=value`, such as `optimizer.learning-rate=3e-4`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Device: cpu, vulkan, cuda, metal, wgpu or rocm. A number selects a device other than the first, as in vulkan:1.
    /// Several, as in cuda:0,cuda:1, train together: each has a copy of the model and a share of each step's sequences.
    #[arg(long, value_name = "DEVICES", default_value = "cpu", env = DEVICE_VARIABLE, value_delimiter = ',')]
    device: Vec<DeviceChoice>,
}

impl PretrainCommand {
    pub(crate) fn run(self, printer: &Printer, signals: &StopSignals) -> Result<(), Failure<anyhow::Error>> {
        match self.train(printer, signals)? {
            Outcome::Done { model } => {
                printer.message(format!("model in {}", model.display()));
                Ok(())
            }
            Outcome::Interrupted { checkpoint } => {
                let checkpoint = checkpoint.display();
                Err(Failure::Stopped(format!("stopped; run the same command again to resume from\n{checkpoint}")))
            }
        }
    }

    fn train(self, printer: &Printer, signals: &StopSignals) -> anyhow::Result<Outcome> {
        let mut recipe = Recipe::load(&self.recipe, &self.set)?;
        if let Some(output) = self.output {
            recipe.output = Some(output);
        }
        let corpus = self.corpus.or_else(|| recipe.corpus.clone()).context(
            "no corpus is given\nhint: set its folder with --corpus, or with `corpus` in the recipe; `corpusmill run` builds one",
        )?;
        require_corpus(&corpus)?;
        let devices = self.device.iter().map(|choice| choice.open()).collect::<Result<Vec<_>, _>>()?;
        let (device, others) = devices.split_first().context("no device is given")?;
        let options = RunOptions { recipe: &recipe, corpus: &corpus, device, others, cancel: signals.defer() };
        Ok(pretrain::run(&options, &mut Progress::new(printer.clone()))?)
    }
}
