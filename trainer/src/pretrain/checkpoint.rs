//! Checkpoints: a Hugging Face folder with the trainer's state beside it, whole or absent.
//!
//! ```text
//! checkpoints/step-00000100/config.json, model.safetensors, tokenizer.json, …   what Hugging Face loads
//! checkpoints/step-00000100/manifest.json                                       what the model was made of
//! checkpoints/step-00000100/trainer/optimizer.safetensors, state.json           what a run goes on from
//! ```
//!
//! Invariant: a folder named `step-N` is complete: it is written aside, synced and renamed; old ones are renamed
//! before they are removed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PretrainError;
use crate::hub::{Export, Folder};
use crate::model::{Decoder, ModelConfig};
use crate::optimize::Saved;
use crate::step::Tally;

/// The version of [`State`]; others are refused.
const FORMAT_VERSION: u32 = 1;

/// Where a run stands between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    format_version: u32,
    /// Steps done.
    pub step: u64,
    /// Digest of all that decides the order of sequences.
    pub order: String,
    /// Length of `metrics.jsonl`.
    pub metrics_bytes: u64,
    /// Steps so far that were not finite.
    pub skipped: u64,
    /// Those since the last good one.
    pub skipped_in_row: u32,
    /// The tally since the last record: nats, tokens, Σ log² Z, as the bits of their f64.
    window: (Vec<u64>, Vec<u64>, u64),
}

impl State {
    /// The state after `step` steps.
    pub fn new(step: u64, order: String, window: &Tally) -> Self {
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
        let window = (bits(&window.nats), bits(&window.tokens), window.squared_log_z.to_bits());
        Self { format_version: FORMAT_VERSION, step, order, metrics_bytes: 0, skipped: 0, skipped_in_row: 0, window }
    }

    /// The tally since the last record.
    pub fn window(&self) -> Tally {
        let values = |bits: &[u64]| bits.iter().copied().map(f64::from_bits).collect();
        let (nats, tokens, squared_log_z) = &self.window;
        Tally { nats: values(nats), tokens: values(tokens), squared_log_z: f64::from_bits(*squared_log_z) }
    }
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

/// What a checkpoint is made of.
pub(super) struct Content<'a> {
    /// The model's sizes.
    pub(super) config: &'a ModelConfig,
    /// Its weights.
    pub(super) model: &'a Decoder,
    /// The folder whose tokenizer and settings are carried over.
    pub(super) companions: &'a Path,
    /// Files to write as they are, by name.
    pub(super) files: Vec<(&'static str, String)>,
}

impl Checkpoints {
    /// Opens or makes the folder, and removes what a killed process left half-done.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn open(folder: &Path, keep: usize) -> Result<Self, PretrainError> {
        fs_err::create_dir_all(folder)?;
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { folder: folder.to_owned(), keep })
    }

    /// All checkpoints, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<(u64, PathBuf)>, PretrainError> {
        let mut found = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let path = entry?.path();
            let step = path.file_name().and_then(|name| name.to_str()?.strip_prefix("step-")?.parse().ok());
            found.extend(step.map(|step| (step, path)));
        }
        found.sort();
        Ok(found)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn newest(&self) -> Result<Option<PathBuf>, PretrainError> {
        Ok(self.list()?.pop().map(|(_, path)| path))
    }

    /// Writes the checkpoint of `state` and removes the oldest beyond those that are kept.
    ///
    /// # Errors
    /// When a file cannot be written; older checkpoints stay.
    pub(super) fn save(
        &self,
        content: &Content<'_>,
        optimizer: &Saved,
        state: &State,
    ) -> Result<PathBuf, PretrainError> {
        let path = self.folder.join(format!("step-{:08}", state.step));
        if path.exists() {
            self.remove(&path)?;
        }
        let folder = Folder::begin(&path)?;
        write(&folder, content)?;
        let trainer = folder.path().join("trainer");
        fs_err::create_dir(&trainer)?;
        optimizer.write(&trainer.join("optimizer.safetensors"))?;
        let text = serde_json::to_string_pretty(state).map_err(std::io::Error::from)?;
        fs_err::write(trainer.join("state.json"), text + "\n")?;
        for entry in fs_err::read_dir(&trainer)? {
            fs_err::File::open(entry?.path())?.sync_all()?;
        }
        folder.publish()?;
        let listed = self.list()?;
        for (_, old) in listed.iter().take(listed.len().saturating_sub(self.keep.max(1))) {
            self.remove(old)?;
        }
        Ok(path)
    }

    /// Takes a checkpoint out of sight before removing it, so that none is ever half there.
    fn remove(&self, path: &Path) -> Result<(), PretrainError> {
        let hidden = self.folder.join(format!(".old-{}", path.file_name().unwrap_or_default().to_string_lossy()));
        fs_err::rename(path, &hidden)?;
        fs_err::remove_dir_all(hidden)?;
        Ok(())
    }
}

/// Writes a model without the trainer's state into `target`, replacing what stands there.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn export(target: &Path, content: &Content<'_>) -> Result<(), PretrainError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (fresh, old) = (target.with_file_name(format!(".new-{name}")), target.with_file_name(format!(".old-{name}")));
    for left in [&fresh, &old] {
        if left.exists() {
            fs_err::remove_dir_all(left)?;
        }
    }
    let folder = Folder::begin(&fresh)?;
    write(&folder, content)?;
    folder.publish()?;
    if target.exists() {
        fs_err::rename(target, &old)?;
    }
    fs_err::rename(&fresh, target)?;
    if old.exists() {
        fs_err::remove_dir_all(old)?;
    }
    Ok(())
}

fn write(folder: &Folder, content: &Content<'_>) -> Result<(), PretrainError> {
    Export::default().write(folder, content.config, content.model, Some(content.companions))?;
    for (name, text) in &content.files {
        let path = folder.path().join(name);
        // What a model came with is not replaced, what is about this run is.
        if *name == super::provenance::FILE || !path.exists() {
            fs_err::write(path, text)?;
        }
    }
    Ok(())
}

/// Reads where a checkpoint stands.
///
/// # Errors
/// When it is not one that this program wrote.
pub(super) fn read_state(checkpoint: &Path) -> Result<State, PretrainError> {
    let path = checkpoint.join("trainer").join("state.json");
    let text = fs_err::read_to_string(&path)?;
    let damaged = |detail: String| PretrainError::Damaged { path: path.clone(), detail };
    let state: State = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if state.format_version != FORMAT_VERSION {
        return Err(damaged(format!(
            "format_version is {}; this program reads {FORMAT_VERSION}",
            state.format_version
        )));
    }
    Ok(state)
}
