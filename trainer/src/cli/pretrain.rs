//! `corpusmill-train pretrain`: trains a model from a recipe and a corpus.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::Args;
use corpusmill_shards::MANIFEST_FILE;

use crate::device::DeviceChoice;
use crate::pretrain::{self, Outcome, RunOptions};
use crate::progress::Progress;
use crate::recipe::Recipe;

/// The exit code of a program that Ctrl-C stopped (128 + SIGINT).
const INTERRUPTED: u8 = 130;

/// Train a model on a corpus.
///
/// After any interruption, kill -9 included, the same command resumes from the newest checkpoint. Ctrl-C writes a
/// checkpoint and exits with code 130; a second Ctrl-C stops immediately.
#[derive(Debug, Args)]
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
    /// Device: cpu, vulkan, cuda, metal, wgpu or rocm. A number selects another device than the first, as in vulkan:1.
    /// Several, as in cuda:0,cuda:1, train together: each has a copy of the model and its share of a step's sequences.
    #[arg(long, value_name = "DEVICES", default_value = "cpu", env = "DEVICE", value_delimiter = ',')]
    device: Vec<DeviceChoice>,
    /// Print only errors.
    #[arg(long, short)]
    quiet: bool,
}

impl PretrainCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut recipe = Recipe::load(&self.recipe, &self.set)?;
        if let Some(output) = self.output {
            recipe.output = Some(output);
        }
        let corpus = self.corpus.or_else(|| recipe.corpus.clone()).context(
            "no corpus is given\nhint: set its folder with --corpus, or with `corpus` in the recipe; `corpusmill run` builds one",
        )?;
        anyhow::ensure!(
            corpus.join(MANIFEST_FILE).is_file(),
            "there is no corpus in `{}`\nhint: `corpusmill run RECIPE` builds one in corpus/NAME",
            corpus.display()
        );
        let devices = self.device.iter().map(|choice| choice.open()).collect::<Result<Vec<_>, _>>()?;
        let (device, others) = devices.split_first().context("no device is given")?;
        let cancel = Arc::new(AtomicBool::new(false));
        // The second signal finds the flag set and stops the process immediately.
        signal_hook::flag::register_conditional_shutdown(
            signal_hook::consts::SIGINT,
            INTERRUPTED.into(),
            cancel.clone(),
        )?;
        signal_hook::flag::register(signal_hook::consts::SIGINT, cancel.clone())?;
        signal_hook::flag::register(signal_hook::consts::SIGTERM, cancel.clone())?;
        let mut progress = Progress::new(self.quiet);
        let options = RunOptions { recipe: &recipe, corpus: &corpus, device, others, cancel: &cancel };
        let (line, code) = match pretrain::run(&options, &mut progress)? {
            Outcome::Done { model } => (format!("model in {}", model.display()), ExitCode::SUCCESS),
            Outcome::Interrupted { checkpoint } => {
                let line = format!("stopped; run the same command again to resume from {}", checkpoint.display());
                (line, ExitCode::from(INTERRUPTED))
            }
        };
        pretrain::Observer::message(&mut progress, &line);
        Ok(code)
    }
}
