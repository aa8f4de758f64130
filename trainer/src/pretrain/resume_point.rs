//! Finds the point to resume from in the folder of a run.
//!
//! Invariant: a checkpoint of another run, or of this run on another corpus, is an error that names the difference. A
//! damaged checkpoint is named and kept, and the run resumes from the newest whole one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use corpusmill_shards::Corpus;

use super::checkpoint::{Checkpoints, RunState, read_state};
use super::error::PretrainError;
use super::options::RunOptions;
use super::provenance::Provenance;
use super::setup::InitialState;
use crate::checkpoint_io::{CheckpointError, SafetensorsReader};
use crate::data::Batches;
use crate::model::{ConfigError, ModelConfig};
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
    /// The damaged checkpoints that are newer, for the user.
    pub(super) warnings: Vec<String>,
    /// The lock is kept for the duration of the run, so that no other run writes to the same folder.
    pub(super) lock: fs_err::File,
}

impl ResumePoint {
    /// Creates the folder if it does not exist, and looks for the newest whole checkpoint.
    ///
    /// # Errors
    /// When the corpus is too short for the run, the folder cannot be written, another process writes to it, the
    /// checkpoint is not one of this run, or no checkpoint is whole.
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
        let Some(newest) = newest_whole(&checkpoints, &provenance, &batches.fingerprint())? else {
            let state = RunState::new(0, batches.fingerprint(), &LossSum::new(corpus.sources().len()));
            return Ok(Self { checkpoint: None, state, steps, checkpoints, provenance, warnings: Vec::new(), lock });
        };
        let NewestWhole { path, state, damaged } = newest;
        if state.step > steps {
            return Err(PretrainError::Longer { path, done: state.step, steps });
        }
        let mut warnings = Vec::new();
        for (damaged, detail) in damaged {
            let (aside, used) = (checkpoints.set_aside(&damaged)?, path.display());
            warnings.push(format!(
                "{} is damaged ({detail}) and renamed to {}; resuming from {used}",
                damaged.display(),
                aside.display()
            ));
        }
        Ok(Self { checkpoint: Some(path), state, steps, checkpoints, provenance, warnings, lock })
    }
}

/// The newest whole checkpoint, and the newer ones that are damaged.
struct NewestWhole {
    path: PathBuf,
    state: RunState,
    /// The damaged checkpoints, newest first, each with what is wrong.
    damaged: Vec<(PathBuf, String)>,
}

/// Looks for the newest whole checkpoint; `None` if there is no checkpoint.
fn newest_whole(
    checkpoints: &Checkpoints,
    provenance: &Provenance,
    order_digest: &str,
) -> Result<Option<NewestWhole>, PretrainError> {
    let mut damaged = Vec::new();
    for (step, path) in checkpoints.list()?.into_iter().rev() {
        match read_matching_state(step, &path, provenance, order_digest) {
            Ok(state) => return Ok(Some(NewestWhole { path, state, damaged })),
            Err(error) => damaged.push((path, damage(error)?)),
        }
    }
    if damaged.is_empty() {
        return Ok(None);
    }
    let details = damaged.into_iter().map(|(_, detail)| detail).collect();
    Err(PretrainError::NoWholeCheckpoint { folder: checkpoints.folder().to_owned(), details })
}

/// The state of the checkpoint after `step` steps at `path`, if it is whole and one of this run.
fn read_matching_state(
    step: u64,
    path: &Path,
    provenance: &Provenance,
    order_digest: &str,
) -> Result<RunState, PretrainError> {
    let its = Provenance::read(path)?;
    let differences = provenance.differences(&its);
    if !differences.is_empty() {
        return Err(PretrainError::OtherSettings { path: path.to_owned(), differences });
    }
    let state = read_state(path)?;
    if state.order_digest != order_digest {
        return Err(PretrainError::OtherOrder(path.to_owned()));
    }
    if [its.step, state.step] != [step; 2] {
        let detail = format!("its files are of the steps {} and {}", its.step, state.step);
        return Err(PretrainError::Damaged { path: path.to_owned(), detail });
    }
    ModelConfig::read(&path.join("config.json"))?;
    SafetensorsReader::open(path)?;
    SafetensorsReader::check_file(&path.join("trainer").join("optimizer.safetensors"))?;
    Ok(state)
}

/// What is wrong with a checkpoint that is damaged.
///
/// # Errors
/// The error itself if the checkpoint is not damaged: it is of another run or version, or cannot be read.
fn damage(error: PretrainError) -> Result<String, PretrainError> {
    let is_missing = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::InvalidData)
    };
    let is_damage = match &error {
        PretrainError::Damaged { path, detail } => return Ok(format!("{}: {detail}", path.display())),
        PretrainError::File(error)
        | PretrainError::Config(ConfigError::File(error))
        | PretrainError::Hub(CheckpointError::File(error)) => is_missing(error),
        PretrainError::Config(_) | PretrainError::Hub(_) => true,
        _ => false,
    };
    if is_damage { Ok(error.to_string()) } else { Err(error) }
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
