//! What stands in the folder of a run before it begins or goes on.
//!
//! Invariant: a checkpoint of another run, or of this one on another corpus, is an error that says what differs.

use std::path::{Path, PathBuf};

use corpusmill_pipeline::shard::Corpus;

use super::checkpoint::read_state;
use super::setup::Start;
use super::{Checkpoints, Order, PretrainError, Provenance, State};
use crate::data::Batches;
use crate::step::Tally;

/// A run's folder, and where the run stands.
pub(super) struct Found {
    /// The checkpoint to go on from.
    pub(super) checkpoint: Option<PathBuf>,
    /// Its state, or that of a run without a step.
    pub(super) state: State,
    /// Steps of the whole run.
    pub(super) steps: u64,
    pub(super) checkpoints: Checkpoints,
    pub(super) provenance: Provenance,
    /// Held as long as the run, so that no other one writes to the same place.
    pub(super) lock: fs_err::File,
}

impl Found {
    /// Makes the folder where there is none, and looks for the newest checkpoint.
    ///
    /// # Errors
    /// When the corpus is too short for the run, the folder cannot be written, another process writes there, or the
    /// checkpoint is not one of this run.
    pub(super) fn look(order: &Order<'_>, corpus: &Corpus, start: &Start) -> Result<Self, PretrainError> {
        let recipe = order.recipe;
        let batches = Batches::train(corpus, &recipe.data, start.prediction, (0, 1))?;
        let steps = batches.steps(&recipe.data)?;
        let provenance = Provenance::new(recipe, corpus.manifest(), &start.config, steps, start.began_from.clone());
        let output = recipe.output();
        let lock = lock(&output)?;
        let checkpoints = Checkpoints::open(&output.join("checkpoints"), recipe.checkpoint.keep)?;
        let checkpoint = checkpoints.newest()?;
        let state = match &checkpoint {
            Some(path) => stands(path, &provenance, &batches.fingerprint())?,
            None => State::new(0, batches.fingerprint(), &Tally::new(corpus.sources().len())),
        };
        Ok(Self { checkpoint, state, steps, checkpoints, provenance, lock })
    }
}

/// Where the checkpoint at `path` stands, if it is one of this run.
fn stands(path: &Path, provenance: &Provenance, order: &str) -> Result<State, PretrainError> {
    let other = |what: String| PretrainError::OtherRun { path: path.to_owned(), what };
    if let Some(what) = provenance.difference(&Provenance::read(path)?) {
        return Err(other(what));
    }
    let state = read_state(path)?;
    if state.order != order {
        return Err(other("it was trained on the corpus in another order".to_owned()));
    }
    Ok(state)
}

/// Holds the folder of a run against other processes; the system lets go when this one ends, however it does.
pub(super) fn lock(output: &Path) -> Result<fs_err::File, PretrainError> {
    fs_err::create_dir_all(output)?;
    let path = output.join(".lock");
    let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    match file.file().try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(PretrainError::Busy(output.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
