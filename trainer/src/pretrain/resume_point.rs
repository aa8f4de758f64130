//! Finds the point to resume from in the folder of a run.
//!
//! Invariant: a checkpoint of another run, or of this run on another corpus, is an error that names the difference.

use std::path::{Path, PathBuf};

use corpusmill_shards::Corpus;

use super::checkpoint::{Checkpoints, RunState, read_state};
use super::error::PretrainError;
use super::options::RunOptions;
use super::provenance::Provenance;
use super::setup::InitialState;
use crate::data::Batches;
use crate::step::LossSum;

/// A run's folder, and the state to start from.
pub(super) struct ResumePoint {
    /// The checkpoint to resume from.
    pub(super) checkpoint: Option<PathBuf>,
    /// Its state, or the state before the first step.
    pub(super) state: RunState,
    /// Number of steps of the whole run.
    pub(super) steps: u64,
    pub(super) checkpoints: Checkpoints,
    pub(super) provenance: Provenance,
    /// The lock is kept for the duration of the run, so that no other run writes to the same folder.
    pub(super) lock: fs_err::File,
}

impl ResumePoint {
    /// Creates the folder if it does not exist, and looks for the newest checkpoint.
    ///
    /// # Errors
    /// When the corpus is too short for the run, the folder cannot be written, another process writes to it, or the
    /// checkpoint is not one of this run.
    pub(super) fn find(
        options: &RunOptions<'_>,
        corpus: &Corpus,
        initial: &InitialState,
    ) -> Result<Self, PretrainError> {
        let recipe = options.recipe;
        let batches = Batches::train(corpus, &recipe.data, initial.prediction, (0, 1))?;
        let steps = batches.steps(&recipe.data)?;
        let provenance =
            Provenance::new(recipe, corpus.manifest(), &initial.config, steps, initial.initial_weights.clone());
        let output = recipe.output();
        let lock = lock(&output)?;
        let checkpoints = Checkpoints::open(&output.join("checkpoints"), recipe.checkpoint.keep)?;
        let checkpoint = checkpoints.newest()?;
        let state = match &checkpoint {
            Some(path) => read_matching_state(path, &provenance, &batches.fingerprint())?,
            None => RunState::new(0, batches.fingerprint(), &LossSum::new(corpus.sources().len())),
        };
        Ok(Self { checkpoint, state, steps, checkpoints, provenance, lock })
    }
}

/// The state of the checkpoint at `path`, if it is one of this run.
fn read_matching_state(path: &Path, provenance: &Provenance, order_digest: &str) -> Result<RunState, PretrainError> {
    let other = |difference: String| PretrainError::OtherRun { path: path.to_owned(), difference };
    if let Some(difference) = provenance.difference(&Provenance::read(path)?) {
        return Err(other(difference));
    }
    let state = read_state(path)?;
    if state.order_digest != order_digest {
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
