//! `corpusmill-train pretrain`: from a recipe and a corpus to a model.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::Args;
use corpusmill_pipeline::shard::MANIFEST_FILE;

use crate::device::DeviceChoice;
use crate::pretrain::{self, Order, Outcome};
use crate::progress::Progress;
use crate::recipe::load;

/// The exit code of a program that Ctrl-C stopped (128 + SIGINT).
const INTERRUPTED: u8 = 130;

/// Train a model on a corpus.
///
/// Run again after any interruption, kill -9 included, it goes on from the newest checkpoint. Ctrl-C writes one and stops
/// with exit code 130; a second Ctrl-C stops at once.
#[derive(Debug, Args)]
pub(crate) struct PretrainCommand {
    /// The training recipe: a file, or the name of one in `recipes/train/`.
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// The corpus's folder, instead of the recipe's `corpus`.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// The folder of checkpoints, metrics and the model, instead of the recipe's `output`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Change a setting: `path.to.key=value`, such as `optimizer.learning-rate=3e-4`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// cpu, vulkan, cuda, metal, wgpu or rocm; a number chooses another than the first, as in vulkan:1. Several, as in
    /// cuda:0,cuda:1, train together: each has a copy of the model and takes its share of a step's sequences.
    #[arg(long, value_name = "DEVICES", default_value = "cpu", env = "DEVICE", value_delimiter = ',')]
    device: Vec<DeviceChoice>,
    /// Say nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

impl PretrainCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut recipe = load(&super::find_recipe(&self.recipe), &self.set)?.recipe;
        if let Some(output) = self.output {
            recipe.output = Some(output);
        }
        let corpus = self.corpus.or_else(|| recipe.corpus.clone()).context(
            "there is no corpus\nhint: name its folder by --corpus, or by `corpus` in the recipe; `corpusmill run` makes one",
        )?;
        anyhow::ensure!(
            corpus.join(MANIFEST_FILE).is_file(),
            "there is no corpus in `{}`\nhint: `corpusmill run RECIPE` makes one in corpus/NAME",
            corpus.display()
        );
        let devices = self.device.iter().map(|choice| choice.open()).collect::<Result<Vec<_>, _>>()?;
        let (device, others) = devices.split_first().context("no device is given")?;
        let cancel = Arc::new(AtomicBool::new(false));
        // The second signal finds the flag set and stops at once.
        signal_hook::flag::register_conditional_shutdown(
            signal_hook::consts::SIGINT,
            INTERRUPTED.into(),
            cancel.clone(),
        )?;
        signal_hook::flag::register(signal_hook::consts::SIGINT, cancel.clone())?;
        signal_hook::flag::register(signal_hook::consts::SIGTERM, cancel.clone())?;
        let mut progress = Progress::new(self.quiet);
        let order = Order { recipe: &recipe, corpus: &corpus, device, others, cancel: &cancel };
        let (line, code) = match pretrain::run(&order, &mut progress)? {
            Outcome::Done { model } => (format!("model in {}", model.display()), ExitCode::SUCCESS),
            Outcome::Interrupted { checkpoint } => {
                let line = format!("stopped; run again to go on from {}", checkpoint.display());
                (line, ExitCode::from(INTERRUPTED))
            }
        };
        pretrain::Observer::say(&mut progress, &line);
        Ok(code)
    }
}
