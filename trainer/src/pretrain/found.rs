//! Finds the point to resume from in the folder of a run.
//!
//! Invariant: a checkpoint of another run, or of this run on another corpus, is an error that names the difference.

use std::path::{Path, PathBuf};

use corpusmill_shards::Corpus;

use super::checkpoint::read_state;
use super::setup::Start;
use super::{Checkpoints, Order, PretrainError, Provenance, State};
use crate::data::Batches;
use crate::step::Tally;

/// A run's folder, and the state to start from.
pub(super) struct Found {
    /// The checkpoint to resume from.
    pub(super) checkpoint: Option<PathBuf>,
    /// Its state, or the state before the first step.
    pub(super) state: State,
    /// Number of steps of the whole run.
    pub(super) steps: u64,
    pub(super) checkpoints: Checkpoints,
    pub(super) provenance: Provenance,
    /// Held for the duration of the run, so that no other run writes to the same folder.
    pub(super) lock: fs_err::File,
}

impl Found {
    /// Creates the folder if it does not exist, and looks for the newest checkpoint.
    ///
    /// # Errors
    /// When the corpus is too short for the run, the folder cannot be written, another process writes to it, or the
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

/// The state of the checkpoint at `path`, if it is one of this run.
fn stands(path: &Path, provenance: &Provenance, order: &str) -> Result<State, PretrainError> {
    let other = |what: String| PretrainError::OtherRun { path: path.to_owned(), what };
    if let Some(what) = provenance.difference(&Provenance::read(path)?) {
        return Err(other(what));
    }
    let state = read_state(path)?;
    if state.order != order {
        return Err(other("it was trained on the corpus in a different order".to_owned()));
    }
    Ok(state)
}

/// Locks the folder of a run; the system releases the lock when this process ends for any reason.
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
