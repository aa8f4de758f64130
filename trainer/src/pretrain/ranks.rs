//! The ranks of a run: each device has a copy of the model and a share of the sequences.
//!
//! The run itself is the first rank; every other rank is a thread that follows its commands. Invariant: ranks start at
//! the same step with the same weights, and a rank that fails ends the run with its error.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use burn::tensor::Device;
use corpusmill_shards::Corpus;

use super::setup::Start;
use super::{Order, PretrainError, pass};
use crate::data::Batches;
use crate::hub;
use crate::optimize::{Optimizer, Saved};
use crate::parallel::{Group, GroupError, Owners};
use crate::step::{StepError, StepReport, Training};

/// A model in training and its batches.
pub(super) struct Rank<'a> {
    pub(super) training: Training<'a, Box<dyn Group>>,
    pub(super) batches: Batches,
}

/// The common starting point of all ranks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning<'a> {
    pub(super) order: &'a Order<'a>,
    pub(super) corpus: &'a Corpus,
    pub(super) start: &'a Start,
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
    pub(super) fn begin(from: Beginning<'a>, group: Box<dyn Group>, device: &Device) -> Result<Self, PretrainError> {
        let Beginning { order, corpus, start, resumed, step } = from;
        let recipe = order.recipe;
        let (rank, ranks) = (group.rank(), group.ranks());
        let mut batches = Batches::train(corpus, &recipe.data, start.prediction, (rank, ranks))?;
        batches.seek(step);
        let model = match resumed {
            Some(path) => hub::load(path, &device.clone().autodiff())?.1,
            None => start.model(recipe.seed, device)?,
        };
        let owners = (recipe.compute.shard_optimizer && ranks > 1).then(|| Owners::new(&model, ranks));
        let mut optimizer = Optimizer::new(&recipe.optimizer);
        if let Some(path) = resumed {
            let owned = |place: &str| owners.as_ref().is_none_or(|owners| owners.owner(place) == rank);
            optimizer.read(&model, &path.join("trainer").join("optimizer.safetensors"), device, owned)?;
        }
        let training = Training {
            pass: pass(recipe, &start.config),
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
        let Some(batches) = self.batches.next_step()? else { return Ok((self, None)) };
        let (training, report) = self.training.step(&batches, learning_rate)?;
        Ok((Self { training, batches: self.batches }, Some(report)))
    }

    /// The part of the optimiser's state that this rank keeps.
    pub(super) fn saved(&self) -> Saved {
        self.training.optimizer.saved(&self.training.model)
    }
}

/// All ranks except the first.
pub(super) struct Others {
    members: Vec<Member>,
    /// Whether each rank keeps its own part of the optimiser's state.
    sharded: bool,
}

struct Member {
    asked: Sender<Ask>,
    answers: Receiver<Result<Saved, PretrainError>>,
}

/// A command from the first rank to the others.
enum Ask {
    /// Run a step with this learning rate; the answer is empty.
    Step(f64),
    /// Return the optimiser's state.
    Saved,
}

impl Others {
    /// Starts a rank for each member of `groups`, on the further devices of the run.
    pub(super) fn begin<'scope, 'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        from: Beginning<'env>,
        groups: impl Iterator<Item = Box<dyn Group>>,
    ) -> Self {
        let members = groups.zip(from.order.others).map(|(group, device)| {
            let (asked, asks) = channel();
            let (answer, answers) = channel();
            scope.spawn(move || {
                let ended = follow(Rank::begin(from, group, device), &asks, &answer);
                // Without a receiver, the run has ended already.
                ended.or_else(|error| answer.send(Err(error))).unwrap_or_default();
            });
            Member { asked, answers }
        });
        Self { members: members.collect(), sharded: from.order.recipe.compute.shard_optimizer }
    }

    /// Starts a step on every rank; it waits for that of the first rank.
    pub(super) fn step(&self, learning_rate: f64) {
        self.members.iter().for_each(|member| member.ask(Ask::Step(learning_rate)));
    }

    /// Waits until every rank has finished the step, and returns the first rank's result.
    ///
    /// # Errors
    /// The error of the rank that failed, rather than of those that lost contact with it.
    pub(super) fn settle<T>(&self, own: Result<T, PretrainError>) -> Result<T, PretrainError> {
        let mut faults = Vec::new();
        let own = own.map_err(|error| faults.push(error)).ok();
        faults.extend(self.members.iter().filter_map(|member| member.answer().err()));
        let gone =
            |error: &PretrainError| matches!(error, PretrainError::Step(StepError::Group(GroupError::Gone { .. })));
        match own {
            Some(own) if faults.is_empty() => Ok(own),
            _ => {
                let first = faults.iter().position(|error| !gone(error)).unwrap_or(0);
                Err(faults.swap_remove(first))
            }
        }
    }

    /// Collects the parts of the optimiser's state that the first rank does not keep.
    ///
    /// # Errors
    /// When a rank has ended.
    pub(super) fn saved(&self) -> Result<Vec<Saved>, PretrainError> {
        if !self.sharded {
            return Ok(Vec::new());
        }
        self.members.iter().for_each(|member| member.ask(Ask::Saved));
        self.members.iter().map(Member::answer).collect()
    }
}

impl Member {
    fn ask(&self, ask: Ask) {
        // A rank that has ended has sent its error as the next answer.
        let _ = self.asked.send(ask);
    }

    fn answer(&self) -> Result<Saved, PretrainError> {
        self.answers.recv().unwrap_or(Err(PretrainError::RankEnded))
    }
}

/// Runs the commands of the first rank until it sends no more.
fn follow(
    begun: Result<Rank<'_>, PretrainError>,
    asks: &Receiver<Ask>,
    answer: &Sender<Result<Saved, PretrainError>>,
) -> Result<(), PretrainError> {
    let mut rank = begun?;
    for ask in asks {
        let saved = match ask {
            Ask::Step(learning_rate) => {
                (rank, _) = rank.step(learning_rate)?;
                Saved::default()
            }
            Ask::Saved => rank.saved(),
        };
        if answer.send(Ok(saved)).is_err() {
            break;
        }
    }
    Ok(())
}
