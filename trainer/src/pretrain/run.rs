//! The loop of a run: steps, records, validations and checkpoints.
//!
//! Invariant: between two steps a checkpoint describes the run completely, so that it can stop after any step.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use burn::tensor::{DType, Device};
use corpusmill_shards::Corpus;
use corpusmill_terminal::HumanCount;

use super::checkpoint::{Checkpoints, Content, RunState};
use super::error::PretrainError;
use super::options::{Observer, Outcome, RunOptions};
use super::provenance::{MANIFEST_FILE, Provenance};
use super::ranks::{OtherRanks, Rank, RankContext};
use super::resume_point::ResumePoint;
use super::setup::{InitialState, tokenizer_config};
use crate::metrics::{EventWriter, MetricsLog, RecordKind};
use crate::optimize::learning_rate_factor;
use crate::parallel::{SingleRank, group};
use crate::recipe::Precision;
use crate::step::{LossSum, StepReport};
use crate::token_bytes::TokenBytes;

/// Starts a run, or resumes it from its newest checkpoint.
///
/// # Errors
/// When recipe, corpus and checkpoint do not match, a file cannot be read or written, or too many consecutive steps are
/// not finite.
pub fn run(options: &RunOptions<'_>, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
    let mut devices = [options.device].into_iter().chain(options.others);
    if options.recipe.compute.precision == Precision::Bf16 && !devices.all(|device| device.supports_dtype(DType::BF16))
    {
        return Err(PretrainError::NoBf16);
    }
    let corpus = Corpus::open(options.corpus)?;
    let initial = InitialState::new(options.recipe, options.corpus, &corpus)?;
    let resume_point = ResumePoint::find(options, &corpus, &initial)?;
    for warning in &resume_point.warnings {
        observer.warning(warning);
    }
    let (warmup, steps) = (options.recipe.schedule.warmup_steps, resume_point.steps);
    if warmup > steps {
        observer.warning(&format!(
            "the warm-up of {} steps is longer than the run of {}: the learning rate does not reach its peak",
            HumanCount(warmup),
            HumanCount(steps)
        ));
    }
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
pub(super) struct Run<'a> {
    pub(super) options: &'a RunOptions<'a>,
    pub(super) corpus: &'a Corpus,
    pub(super) initial: &'a InitialState,
    pub(super) rank: Rank<'a>,
    pub(super) others: OtherRanks,
    pub(super) steps: u64,
    pub(super) step: u64,
    /// The measurements since the last record.
    pub(super) window: RecordWindow,
    pub(super) skipped: u64,
    pub(super) skipped_in_row: u32,
    pub(super) checkpoints: Checkpoints,
    pub(super) provenance: Provenance,
    pub(super) bytes: TokenBytes,
    pub(super) log: MetricsLog,
    pub(super) events: Option<EventWriter>,
    /// The checkpoint of the current step, if it was saved.
    pub(super) saved: Option<PathBuf>,
    /// The lock is kept for the duration of the run, so that no other run writes to the same folder.
    _lock: fs_err::File,
}

/// The measurements of the next record.
pub(super) struct RecordWindow {
    pub(super) loss_sum: LossSum,
    pub(super) started: Instant,
    pub(super) tokens: u64,
    pub(super) last: Option<(f64, f64)>,
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
        // The first step can take minutes, in which a GPU's kernels are compiled.
        observer.step(self.step, self.steps, None);
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
            "{}: {} parameters\n{} steps of {} tokens on the corpus {}",
            recipe.name,
            HumanCount(self.initial.config.parameters()),
            HumanCount(self.steps),
            HumanCount(recipe.step_tokens()),
            self.provenance.corpus
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
        observer.warning(&format!("step {}: loss or gradient is not finite; skipped the step", self.step));
        if self.skipped_in_row < self.options.recipe.non_finite_limit {
            return Ok(());
        }
        let checkpoint = self.checkpoints.newest()?;
        Err(PretrainError::NonFinite { steps: self.skipped_in_row, step: self.step, checkpoint })
    }

    /// Saves the checkpoint of this step, unless it is already saved.
    pub(super) fn save(&mut self) -> Result<PathBuf, PretrainError> {
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

    pub(super) fn content(&self) -> Content<'_> {
        let recipe = self.options.recipe;
        let manifest = self.provenance.text(self.step, recipe.step_tokens());
        let tokenizer = tokenizer_config(self.corpus.manifest(), recipe.data.sequence_length);
        Content {
            config: &self.initial.config,
            model: &self.rank.training.model,
            copied_from: self.initial.from.as_deref().unwrap_or(self.options.corpus),
            files: vec![(MANIFEST_FILE, manifest), ("tokenizer_config.json", tokenizer)],
        }
    }
}
