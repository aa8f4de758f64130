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
mod measure;
mod options;
mod provenance;
mod ranks;
mod resume_point;
mod setup;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use burn::tensor::Device;
use corpusmill_shards::Corpus;
use indicatif::HumanCount;

pub use checkpoint::{Checkpoints, RunState};
pub use error::PretrainError;
pub use options::{Observer, Outcome, RunOptions};
pub use provenance::{BURN_VERSION, CorpusEntry, Provenance};
pub use setup::{check_tokenizer, new_config};

use self::checkpoint::Content;
use self::ranks::{OtherRanks, Rank, RankContext};
use self::resume_point::ResumePoint;
use self::setup::InitialState;
use crate::gradient::{Pass, compute_type};
use crate::loss::LossSettings;
use crate::metrics::{EventWriter, MetricsLog, RecordKind};
use crate::model::ModelConfig;
use crate::optimize::learning_rate_factor;
use crate::parallel::{SingleRank, group};
use crate::recipe::Recipe;
use crate::step::{LossSum, StepReport};
use crate::token_bytes::TokenBytes;

/// Starts a run, or resumes it from its newest checkpoint.
///
/// # Errors
/// When recipe, corpus and checkpoint do not fit, a file cannot be read or written, or too many consecutive steps are
/// not finite.
pub fn run(options: &RunOptions<'_>, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
    let corpus = Corpus::open(options.corpus)?;
    let initial = InitialState::new(options.recipe, options.corpus, &corpus)?;
    let resume_point = ResumePoint::find(options, &corpus, &initial)?;
    if let Some(path) = &resume_point.checkpoint {
        observer.message(&format!(
            "resuming from {} at step {} of {}",
            path.display(),
            resume_point.state.step,
            resume_point.steps
        ));
    }
    let (resumed, step) = (resume_point.checkpoint.clone(), resume_point.state.step);
    let context = RankContext { options, corpus: &corpus, initial: &initial, resumed: resumed.as_deref(), step };
    let devices: Vec<Device> = [options.device].into_iter().chain(options.others).cloned().collect();
    std::thread::scope(|scope| {
        let mut groups = group(&devices).into_iter();
        let own = groups.next().unwrap_or(Box::new(SingleRank));
        let others = OtherRanks::spawn(scope, context, groups);
        let rank = Rank::new(context, own, options.device)?;
        Run::new(context, resume_point, rank, others)?.run_steps(observer)
    })
}

/// A run between two steps.
struct Run<'a> {
    options: &'a RunOptions<'a>,
    corpus: &'a Corpus,
    initial: &'a InitialState,
    rank: Rank<'a>,
    others: OtherRanks,
    steps: u64,
    step: u64,
    /// The measurements since the last record.
    window: RecordWindow,
    skipped: u64,
    skipped_in_row: u32,
    checkpoints: Checkpoints,
    provenance: Provenance,
    bytes: TokenBytes,
    log: MetricsLog,
    events: Option<EventWriter>,
    /// The checkpoint of the current step, if it was saved.
    saved: Option<PathBuf>,
    /// Held for the duration of the run, so that no other run writes to the same folder.
    _lock: fs_err::File,
}

/// The measurements of the next record.
struct RecordWindow {
    loss_sum: LossSum,
    started: Instant,
    tokens: u64,
    last: Option<(f64, f64)>,
}

impl<'a> Run<'a> {
    fn new(
        from: RankContext<'a>,
        resume_point: ResumePoint,
        rank: Rank<'a>,
        others: OtherRanks,
    ) -> Result<Self, PretrainError> {
        let RankContext { options, corpus, initial, .. } = from;
        let (output, state) = (options.recipe.output(), resume_point.state);
        let log = MetricsLog::open(&output.join("metrics.jsonl"), state.metrics_bytes)?;
        let tensorboard = output.join("tensorboard");
        let events =
            options.recipe.metrics.tensorboard.then(|| EventWriter::create(&tensorboard, state.step)).transpose()?;
        Ok(Self {
            options,
            corpus,
            initial,
            rank,
            others,
            steps: resume_point.steps,
            step: state.step,
            window: RecordWindow { loss_sum: state.window(), started: Instant::now(), tokens: 0, last: None },
            skipped: state.skipped,
            skipped_in_row: state.skipped_in_row,
            checkpoints: resume_point.checkpoints,
            provenance: resume_point.provenance,
            bytes: TokenBytes::read(&options.corpus.join("tokenizer.json"))?,
            log,
            events,
            saved: resume_point.checkpoint,
            _lock: resume_point.lock,
        })
    }

    fn run_steps(mut self, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
        observer.message(&self.describe());
        while self.step < self.steps {
            if self.options.cancel.load(Ordering::Relaxed) {
                let checkpoint = self.save()?;
                return Ok(Outcome::Interrupted { checkpoint });
            }
            self = self.advance(observer)?;
            let recipe = self.options.recipe;
            let due = |every: u64| every > 0 && self.step.is_multiple_of(every);
            let (record, validate) = (due(recipe.metrics.every_steps), due(recipe.validation.every_steps));
            let save = due(recipe.checkpoint.every_steps);
            if record || self.step == self.steps {
                self.record_training(observer)?;
            }
            if validate && self.step < self.steps {
                self.validate(RecordKind::Validation, observer)?;
            }
            if save || self.step == self.steps {
                self.save()?;
            }
        }
        self.finish(observer)
    }

    fn describe(&self) -> String {
        let recipe = self.options.recipe;
        format!(
            "{}: {} parameters, {} steps of {} tokens, corpus {}",
            recipe.name,
            HumanCount(self.initial.config.parameters()),
            HumanCount(self.steps),
            HumanCount(recipe.step_tokens()),
            self.corpus.manifest().corpus_digest
        )
    }

    /// Runs one step, applied or skipped.
    fn advance(mut self, observer: &mut dyn Observer) -> Result<Self, PretrainError> {
        let recipe = self.options.recipe;
        let learning_rate =
            recipe.optimizer.learning_rate * learning_rate_factor(&recipe.schedule, self.step, self.steps);
        self.others.step(learning_rate);
        let (rank, report) = self.others.wait_for_step(self.rank.step(learning_rate))?;
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
        observer.step(self.step, self.steps, report.loss_sum.mean().filter(|loss| loss.is_finite()));
        Ok(self)
    }

    fn account(
        &mut self,
        report: &StepReport,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<(), PretrainError> {
        if report.applied {
            self.skipped_in_row = 0;
            self.window.loss_sum.merge(&report.loss_sum);
            self.window.last = Some((learning_rate, report.gradient_norm));
            return Ok(());
        }
        self.skipped += 1;
        self.skipped_in_row += 1;
        observer.message(&format!("step {}: loss or gradient is not finite; skipped the step", self.step));
        if self.skipped_in_row < self.options.recipe.non_finite_limit {
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
        let mut state = RunState::new(self.step, self.rank.batches.fingerprint(), &self.window.loss_sum);
        state.metrics_bytes = self.log.sync()?;
        state.skipped = self.skipped;
        state.skipped_in_row = self.skipped_in_row;
        let mut optimizer = self.rank.export_state();
        self.others.export_state()?.into_iter().for_each(|part| optimizer.extend(part));
        let path = self.checkpoints.save(&self.content(), &optimizer, &state)?;
        self.saved = Some(path.clone());
        Ok(path)
    }

    fn content(&self) -> Content<'_> {
        let recipe = self.options.recipe;
        let manifest = self.provenance.text(self.step, recipe.step_tokens());
        let tokenizer = setup::tokenizer_config(self.corpus.manifest(), recipe.data.sequence_length);
        Content {
            config: &self.initial.config,
            model: &self.rank.training.model,
            copied_from: self.initial.from.as_deref().unwrap_or(self.options.corpus),
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
