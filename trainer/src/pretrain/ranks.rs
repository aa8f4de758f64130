//! The ranks of a run: each device has a copy of the model and a share of the sequences.
//!
//! The run itself is the first rank; every other rank is a thread that executes the commands of the first. Invariant:
//! all ranks start at the same step with the same weights, and an error of any rank ends the run.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use burn::tensor::Device;
use corpusmill_shards::Corpus;

use super::error::PretrainError;
use super::loader::Loader;
use super::options::RunOptions;
use super::setup::{InitialState, pass};
use crate::checkpoint_io;
use crate::data::Batches;
use crate::optimize::{Optimizer, OptimizerState};
use crate::parallel::{ProcessGroup, ProcessGroupError, WeightOwners};
use crate::step::{StepError, StepReport, Training};

/// A model in training and its batches.
pub(super) struct Rank<'a> {
    pub(super) training: Training<'a, Box<dyn ProcessGroup>>,
    pub(super) batches: Loader,
}

/// The common starting point of all ranks.
#[derive(Debug, Clone, Copy)]
pub(super) struct RankContext<'a> {
    pub(super) options: &'a RunOptions<'a>,
    pub(super) corpus: &'a Corpus,
    pub(super) initial: &'a InitialState,
    /// The checkpoint to resume from.
    pub(super) resumed: Option<&'a Path>,
    /// Number of steps done.
    pub(super) step: u64,
}

impl<'a> Rank<'a> {
    /// Creates the rank of this member of `group` on `device`.
    ///
    /// # Errors
    /// When the batches cannot be divided evenly, or the checkpoint cannot be read.
    pub(super) fn new(
        from: RankContext<'a>,
        group: Box<dyn ProcessGroup>,
        device: &Device,
    ) -> Result<Self, PretrainError> {
        let RankContext { options, corpus, initial, resumed, step } = from;
        let recipe = options.recipe;
        let (rank, ranks) = (group.rank(), group.ranks());
        let mut batches = Batches::train(corpus, &recipe.data, initial.prediction, (rank, ranks))?;
        batches.seek(step);
        let model = match resumed {
            Some(path) => checkpoint_io::load(path, &device.clone().autodiff())?.1,
            None => initial.model(recipe.seed, device)?,
        };
        let owners = (recipe.compute.shard_optimizer && ranks > 1).then(|| WeightOwners::new(&model, ranks));
        let mut optimizer = Optimizer::new(&recipe.optimizer);
        if let Some(path) = resumed {
            let owned = |parameter: &str| owners.as_ref().is_none_or(|owners| owners.owner(parameter) == rank);
            optimizer.load_state(&model, &path.join("trainer").join("optimizer.safetensors"), device, owned)?;
        }
        let pass = pass(recipe, &initial.config);
        let batches = Loader::spawn(batches, initial.config.clone(), pass.loss.compute, device.clone())?;
        let training = Training {
            pass,
            model,
            optimizer,
            clip_norm: recipe.optimizer.clip_norm,
            group,
            owners,
            sources: corpus.sources().len(),
        };
        Ok(Self { training, batches })
    }

    /// Runs one step, applied or skipped; `None` at the end of the schedule.
    ///
    /// # Errors
    /// When a shard or device cannot be read, or another rank has ended.
    pub(super) fn step(mut self, learning_rate: f64) -> Result<(Self, Option<StepReport>), PretrainError> {
        let Some(step) = self.batches.next_step()? else { return Ok((self, None)) };
        let (training, report) = self.training.step_uploaded(step.predicted, step.batches, learning_rate)?;
        Ok((Self { training, batches: self.batches }, Some(report)))
    }

    /// The part of the optimizer state that this rank keeps.
    pub(super) fn export_state(&self) -> OptimizerState {
        self.training.optimizer.export_state(&self.training.model)
    }
}

/// All ranks except the first.
pub(super) struct OtherRanks {
    members: Vec<RankHandle>,
    /// Whether each rank keeps only its part of the optimizer state.
    sharded: bool,
}

struct RankHandle {
    commands: Sender<RankCommand>,
    results: Receiver<Result<OptimizerState, PretrainError>>,
}

/// A command from the first rank to the others.
enum RankCommand {
    /// Run a step with this learning rate; the result is empty.
    Step(f64),
    /// Return the optimizer state.
    ExportState,
}

impl OtherRanks {
    /// Starts a rank for each member of `groups`, on the other devices of the run.
    pub(super) fn spawn<'scope, 'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        from: RankContext<'env>,
        groups: impl Iterator<Item = Box<dyn ProcessGroup>>,
    ) -> Self {
        let members = groups.zip(from.options.others).map(|(group, device)| {
            let (command_sender, commands) = channel();
            let (result_sender, results) = channel();
            scope.spawn(move || {
                let ended = run_commands(Rank::new(from, group, device), &commands, &result_sender);
                // Without a receiver, the run has ended already.
                ended.or_else(|error| result_sender.send(Err(error))).unwrap_or_default();
            });
            RankHandle { commands: command_sender, results }
        });
        Self { members: members.collect(), sharded: from.options.recipe.compute.shard_optimizer }
    }

    /// Starts a step on all these ranks; it completes only when the first rank also runs it.
    pub(super) fn step(&self, learning_rate: f64) {
        self.members.iter().for_each(|member| member.send(RankCommand::Step(learning_rate)));
    }

    /// Waits until every rank has finished the step, and returns the first rank's result.
    ///
    /// # Errors
    /// The error of the rank that failed, not of the ranks that were waiting for it.
    pub(super) fn wait_for_step<T>(&self, own: Result<T, PretrainError>) -> Result<T, PretrainError> {
        let mut errors = Vec::new();
        let own = own.map_err(|error| errors.push(error)).ok();
        errors.extend(self.members.iter().filter_map(|member| member.result().err()));
        let was_waiting = |error: &PretrainError| {
            matches!(error, PretrainError::Step(StepError::Group(ProcessGroupError::Stopped { .. })))
        };
        match own {
            Some(own) if errors.is_empty() => Ok(own),
            _ => {
                let first = errors.iter().position(|error| !was_waiting(error)).unwrap_or(0);
                Err(errors.swap_remove(first))
            }
        }
    }

    /// Collects the parts of the optimizer state that the first rank does not keep.
    ///
    /// # Errors
    /// When a rank has ended.
    pub(super) fn export_state(&self) -> Result<Vec<OptimizerState>, PretrainError> {
        if !self.sharded {
            return Ok(Vec::new());
        }
        self.members.iter().for_each(|member| member.send(RankCommand::ExportState));
        self.members.iter().map(RankHandle::result).collect()
    }
}

impl RankHandle {
    fn send(&self, command: RankCommand) {
        // A rank that has ended has sent its error as the next result.
        let _ = self.commands.send(command);
    }

    fn result(&self) -> Result<OptimizerState, PretrainError> {
        self.results.recv().unwrap_or(Err(PretrainError::RankEnded))
    }
}

/// Executes the commands of the first rank until it sends no more.
fn run_commands(
    rank_or_error: Result<Rank<'_>, PretrainError>,
    commands: &Receiver<RankCommand>,
    result_sender: &Sender<Result<OptimizerState, PretrainError>>,
) -> Result<(), PretrainError> {
    let mut rank = rank_or_error?;
    for command in commands {
        let state = match command {
            RankCommand::Step(learning_rate) => {
                (rank, _) = rank.step(learning_rate)?;
                OptimizerState::default()
            }
            RankCommand::ExportState => rank.export_state(),
        };
        if result_sender.send(Ok(state)).is_err() {
            break;
        }
    }
    Ok(())
}
