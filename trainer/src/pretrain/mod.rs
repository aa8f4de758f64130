//! A run: trains a model from a recipe and a corpus, in steps that can be interrupted at any point.
//!
//! ```text
//! OUTPUT/checkpoints/step-N/   Hugging Face folder, manifest.json, and the trainer's state
//! OUTPUT/metrics.jsonl         one record per measurement   OUTPUT/tensorboard/   the same as events
//! OUTPUT/train.html            the same as curves           OUTPUT/model/         the trained model
//! ```
//!
//! Invariant: the losses and the model are a function of recipe, corpus and version, at a fixed number of threads;
//! interruptions do not affect them.

mod checkpoint;
mod error;
mod finish;
mod found;
mod measure;
mod order;
mod provenance;
mod ranks;
mod setup;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use burn::tensor::Device;
use corpusmill_shards::Corpus;
use indicatif::HumanCount;

pub use checkpoint::{Checkpoints, State};
pub use error::PretrainError;
pub use order::{Observer, Order, Outcome};
pub use provenance::{BURN_VERSION, CorpusEntry, Provenance};
pub use setup::{check_tokenizer, new_config};

use self::checkpoint::Content;
use self::found::Found;
use self::ranks::{Beginning, Others, Rank};
use self::setup::Start;
use crate::gradient::{Pass, compute_type};
use crate::loss::LossSettings;
use crate::metrics::{Events, Kind, Log};
use crate::model::ModelConfig;
use crate::optimize::rate;
use crate::parallel::{Alone, group};
use crate::recipe::Recipe;
use crate::step::{StepReport, Tally};
use crate::token_bytes::TokenBytes;

/// Starts a run, or resumes it from its newest checkpoint.
///
/// # Errors
/// When recipe, corpus and checkpoint do not fit, a file cannot be read or written, or too many consecutive steps are
/// not finite.
pub fn run(order: &Order<'_>, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
    let corpus = Corpus::open(order.corpus)?;
    let start = Start::new(order.recipe, order.corpus, &corpus)?;
    let found = Found::look(order, &corpus, &start)?;
    if let Some(path) = &found.checkpoint {
        observer.say(&format!("resuming from {} at step {} of {}", path.display(), found.state.step, found.steps));
    }
    let (resumed, step) = (found.checkpoint.clone(), found.state.step);
    let beginning = Beginning { order, corpus: &corpus, start: &start, resumed: resumed.as_deref(), step };
    let devices: Vec<Device> = [order.device].into_iter().chain(order.others).cloned().collect();
    std::thread::scope(|scope| {
        let mut groups = group(&devices).into_iter();
        let own = groups.next().unwrap_or(Box::new(Alone));
        let others = Others::begin(scope, beginning, groups);
        let rank = Rank::begin(beginning, own, order.device)?;
        Run::begin(beginning, found, rank, others)?.go(observer)
    })
}

/// A run between two steps.
struct Run<'a> {
    order: &'a Order<'a>,
    corpus: &'a Corpus,
    start: &'a Start,
    rank: Rank<'a>,
    others: Others,
    steps: u64,
    step: u64,
    /// The measurements since the last record.
    window: Window,
    skipped: u64,
    skipped_in_row: u32,
    checkpoints: Checkpoints,
    provenance: Provenance,
    bytes: TokenBytes,
    log: Log,
    events: Option<Events>,
    /// The checkpoint of the current step, if it was saved.
    saved: Option<PathBuf>,
    /// Held for the duration of the run, so that no other run writes to the same folder.
    _lock: fs_err::File,
}

/// The measurements of the next record.
struct Window {
    tally: Tally,
    begun: Instant,
    tokens: u64,
    last: Option<(f64, f64)>,
}

impl<'a> Run<'a> {
    fn begin(from: Beginning<'a>, found: Found, rank: Rank<'a>, others: Others) -> Result<Self, PretrainError> {
        let Beginning { order, corpus, start, .. } = from;
        let (output, state) = (order.recipe.output(), found.state);
        let log = Log::open(&output.join("metrics.jsonl"), state.metrics_bytes)?;
        let tensorboard = output.join("tensorboard");
        let events = order.recipe.metrics.tensorboard.then(|| Events::create(&tensorboard, state.step)).transpose()?;
        Ok(Self {
            order,
            corpus,
            start,
            rank,
            others,
            steps: found.steps,
            step: state.step,
            window: Window { tally: state.window(), begun: Instant::now(), tokens: 0, last: None },
            skipped: state.skipped,
            skipped_in_row: state.skipped_in_row,
            checkpoints: found.checkpoints,
            provenance: found.provenance,
            bytes: TokenBytes::read(&order.corpus.join("tokenizer.json"))?,
            log,
            events,
            saved: found.checkpoint,
            _lock: found.lock,
        })
    }

    fn go(mut self, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
        observer.say(&self.describe());
        while self.step < self.steps {
            if self.order.cancel.load(Ordering::Relaxed) {
                let checkpoint = self.save()?;
                return Ok(Outcome::Interrupted { checkpoint });
            }
            self = self.advance(observer)?;
            let recipe = self.order.recipe;
            let due = |every: u64| every > 0 && self.step.is_multiple_of(every);
            let (record, validate) = (due(recipe.metrics.every_steps), due(recipe.validation.every_steps));
            let save = due(recipe.checkpoint.every_steps);
            if record || self.step == self.steps {
                self.record_training(observer)?;
            }
            if validate && self.step < self.steps {
                self.validate(Kind::Validation, observer)?;
            }
            if save || self.step == self.steps {
                self.save()?;
            }
        }
        self.finish(observer)
    }

    fn describe(&self) -> String {
        let recipe = self.order.recipe;
        format!(
            "{}: {} parameters, {} steps of {} tokens, corpus {}",
            recipe.name,
            HumanCount(self.start.config.parameters()),
            HumanCount(self.steps),
            HumanCount(recipe.step_tokens()),
            self.corpus.manifest().corpus_digest
        )
    }

    /// Runs one step, applied or skipped.
    fn advance(mut self, observer: &mut dyn Observer) -> Result<Self, PretrainError> {
        let recipe = self.order.recipe;
        let learning_rate = recipe.optimizer.learning_rate * rate(&recipe.schedule, self.step, self.steps);
        self.others.step(learning_rate);
        let (rank, report) = self.others.settle(self.rank.step(learning_rate))?;
        self.rank = rank;
        let Some(report) = report else {
            // Not reached: `Batches::steps` checks that the schedule is long enough.
            self.steps = self.step;
            return Ok(self);
        };
        self.step += 1;
        self.saved = None;
        self.window.tokens += recipe.step_tokens();
        self.account(&report, learning_rate, observer)?;
        observer.step(self.step, self.steps, report.tally.mean().filter(|loss| loss.is_finite()));
        Ok(self)
    }

    fn account(
        &mut self,
        report: &StepReport,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<(), PretrainError> {
        if report.taken {
            self.skipped_in_row = 0;
            self.window.tally.merge(&report.tally);
            self.window.last = Some((learning_rate, report.gradient_norm));
            return Ok(());
        }
        self.skipped += 1;
        self.skipped_in_row += 1;
        observer.say(&format!("step {}: loss or gradient is not finite; skipped the step", self.step));
        if self.skipped_in_row < self.order.recipe.non_finite_limit {
            return Ok(());
        }
        let checkpoint = self.checkpoints.newest()?;
        Err(PretrainError::NonFinite { steps: self.skipped_in_row, step: self.step, checkpoint })
    }

    /// Saves the checkpoint of this step, unless it is saved already.
    fn save(&mut self) -> Result<PathBuf, PretrainError> {
        if let Some(path) = &self.saved {
            return Ok(path.clone());
        }
        let mut state = State::new(self.step, self.rank.batches.fingerprint(), &self.window.tally);
        state.metrics_bytes = self.log.sync()?;
        state.skipped = self.skipped;
        state.skipped_in_row = self.skipped_in_row;
        let mut optimizer = self.rank.saved();
        self.others.saved()?.into_iter().for_each(|part| optimizer.extend(part));
        let path = self.checkpoints.save(&self.content(), &optimizer, &state)?;
        self.saved = Some(path.clone());
        Ok(path)
    }

    fn content(&self) -> Content<'_> {
        let recipe = self.order.recipe;
        let manifest = self.provenance.text(self.step, recipe.step_tokens());
        let tokenizer = setup::tokenizer_config(self.corpus.manifest(), recipe.data.sequence_length);
        Content {
            config: &self.start.config,
            model: &self.rank.training.model,
            companions: self.start.from.as_deref().unwrap_or(self.order.corpus),
            files: vec![(provenance::FILE, manifest), ("tokenizer_config.json", tokenizer)],
        }
    }
}

/// Settings of the forward and backward pass for this recipe.
fn pass<'a>(recipe: &Recipe, config: &'a ModelConfig) -> Pass<'a> {
    let loss = LossSettings {
        z_loss: recipe.loss.z_loss,
        chunk_tokens: recipe.loss.chunk_tokens,
        softcap: config.logit_softcap,
        compute: compute_type(recipe.compute.precision),
    };
    Pass { config, loss, recompute: recipe.compute.recompute }
}

#[cfg(test)]
mod tests;
