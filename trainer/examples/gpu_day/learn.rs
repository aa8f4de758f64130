//! `learn`: a loss curve on a corpus, by the training loop of `corpusmill-train pretrain`.
//!
//! The run ends with its steps or shortly before the deadline; checkpoints and the model go to a temporary folder.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use corpusmill_shards::Corpus;
use corpusmill_trainer::data::{Batches, Prediction};
use corpusmill_trainer::metrics::{Record, RecordKind};
use corpusmill_trainer::pretrain::{self, Observer, Outcome, RunOptions};
use corpusmill_trainer::recipe::Recipe;

use super::session::{Session, progress};
use super::setup::{self, LLAMA_125M, RecipeFiles};
use super::table::{Table, number};
use super::{Learn, fixture};

/// Keeps the records of a run, and stops it at a point in time.
#[derive(Debug)]
pub(crate) struct Curve<'a> {
    pub(crate) records: Vec<Record>,
    pub(crate) warnings: Vec<String>,
    cancel: &'a AtomicBool,
    end: Option<Instant>,
}

impl<'a> Curve<'a> {
    /// Sets `cancel` after the first step past `end`.
    pub(crate) fn new(cancel: &'a AtomicBool, end: Option<Instant>) -> Self {
        Self { records: Vec::new(), warnings: Vec::new(), cancel, end }
    }
}

impl Observer for Curve<'_> {
    fn message(&mut self, _line: &str) {}

    fn warning(&mut self, line: &str) {
        self.warnings.push(line.to_owned());
    }

    fn step(&mut self, _step: u64, _steps: u64, _loss: Option<f64>) {
        if self.end.is_some_and(|end| Instant::now() > end) {
            self.cancel.store(true, Ordering::Relaxed);
        }
    }

    fn validation(&mut self, _done: u64, _sequences: u64) {}

    fn record(&mut self, record: &Record) {
        // `prove` compares curves and shows none.
        if self.end.is_some() {
            progress(&corpusmill_trainer::progress::lines(record));
        }
        self.records.push(record.clone());
    }
}

/// Trains and tabulates the records.
///
/// # Errors
/// When the corpus or recipe cannot be read, or the run fails.
pub(crate) fn run(session: &Session, given: &Learn) -> anyhow::Result<Table> {
    let generated = (session.dry && given.corpus.is_none()).then(|| fixture::corpus(60, 2.0));
    let folder = given.corpus.as_deref().or(generated.as_ref().map(tempfile::TempDir::path));
    let folder =
        folder.context("no corpus is given\nhint: give the folder of one, as in `gpu_day learn corpus/NAME`")?;
    let corpus = Corpus::open(folder)?;
    let output = tempfile::tempdir()?;
    let mut recipe = recipe(session, given, &corpus)?;
    recipe.output = Some(output.path().to_owned());
    let cancel = AtomicBool::new(false);
    // The rest is for the checkpoint, or for the validation and the model at the end.
    let end = Instant::now() + Duration::try_from_secs_f64(session.seconds_left() * 0.8)?;
    let options = RunOptions { recipe: &recipe, corpus: folder, device: &session.device, others: &[], cancel: &cancel };
    let mut curve = Curve::new(&cancel, Some(end));
    let outcome = pretrain::run(&options, &mut curve)?;
    let columns = ["step", "kind", "tokens", "loss, nats", "bits/byte", "gradient norm", "learning rate", "tokens/s"];
    let mut table = Table::new(session.title(&format!("learn {}", recipe.name)), &columns);
    let none = |value: Option<f64>, digits| value.map_or_else(|| "-".to_owned(), |value| number(Some(value), digits));
    table.rows.extend(curve.records.iter().map(|record| {
        let kind = if record.kind == RecordKind::Train { "train" } else { "validation" };
        vec![
            record.step.to_string(),
            kind.to_owned(),
            record.tokens.to_string(),
            number(Some(record.loss), 4),
            none(record.bits_per_byte, 4),
            none(record.gradient_norm, 3),
            record.learning_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2e}")),
            none(record.tokens_per_second, 0),
        ]
    }));
    let (tokens, name) = (recipe.step_tokens(), &corpus.manifest().name);
    table.notes.push(format!("{tokens} tokens per step, corpus {name} ({})", corpus.manifest().corpus_digest));
    if let Outcome::Interrupted { .. } = outcome {
        table.notes.push("The time ended before the last step; give more --seconds or fewer --steps.".to_owned());
    }
    table.notes.extend(curve.warnings);
    Ok(table)
}

/// The recipe, with as many steps as the corpus and `--steps` allow.
fn recipe(session: &Session, given: &Learn, corpus: &Corpus) -> anyhow::Result<Recipe> {
    let files = RecipeFiles::write()?;
    let path = given.recipe.clone().unwrap_or_else(|| files.path(LLAMA_125M));
    let mut recipe = setup::load(session, &path, &if session.dry { setup::dry_changes() } else { Vec::new() })?;
    if given.recipe.is_none() {
        // A corpus that travels with the program is short; many small steps show more of a curve than a few large ones.
        recipe.data.batch_sequences = recipe.data.micro_sequences;
    }
    recipe.data.tokens = None;
    recipe.data.steps = None;
    let vocabulary = corpus.manifest().tokenizer.vocabulary_size;
    let objective = recipe.data.objective;
    let prediction = Prediction { objective, vocabulary, mask_token: 0, seed: recipe.seed, begin: None };
    let available = Batches::train(corpus, &recipe.data, prediction, (0, 1))?.available_steps();
    let steps = available.min(if session.dry { 6 } else { given.steps });
    recipe.data.steps = Some(steps);
    recipe.schedule.warmup_steps = steps / 10;
    recipe.checkpoint.every_steps = 0;
    recipe.validation.every_steps = (steps / 4).max(1);
    recipe.validation.sequences = 32;
    recipe.validation.final_sequences = Some(64);
    recipe.metrics.every_steps = (steps / 40).max(1);
    recipe.metrics.tensorboard = false;
    recipe.samples.prompts = Vec::new();
    Ok(recipe)
}
