//! Checkpoints: a Hugging Face folder plus the trainer's state, complete or absent.
//!
//! ```text
//! checkpoints/step-00000100/config.json, model.safetensors, tokenizer.json, …   loaded by Hugging Face
//! checkpoints/step-00000100/manifest.json                                       provenance of the model
//! checkpoints/step-00000100/trainer/optimizer.safetensors, state.json           needed to resume
//! ```
//!
//! Invariant: a folder named `step-N` is complete: it is written under a temporary name, synced and renamed; old
//! checkpoints are renamed before they are removed. Only folders with names that this program makes are removed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::PretrainError;
use super::format_version::parse;
use super::provenance::MANIFEST_FILE;
use crate::checkpoint_io::{ExportOptions, StagedFolder, TEMPORARY_PREFIX};
use crate::model::{Decoder, ModelConfig};
use crate::optimize::OptimizerState;
use crate::step::LossSum;

/// The version of [`RunState`]; other versions are rejected.
const FORMAT_VERSION: u32 = 2;

/// The state of a run between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    format_version: u32,
    /// Steps done.
    pub step: u64,
    /// Digest of everything that determines the order of sequences.
    pub order_digest: String,
    /// Length of `metrics.jsonl`.
    pub metrics_bytes: u64,
    /// Number of skipped steps so far: those with a non-finite loss or gradient.
    pub skipped: u64,
    /// Number of skipped steps since the last successful one.
    pub skipped_in_row: u32,
    /// The loss sums since the last record: nats, tokens, Σ log² Z, as the bits of their f64.
    window: (Vec<u64>, Vec<u64>, u64),
}

impl RunState {
    /// The state after `step` steps.
    pub fn new(step: u64, order_digest: String, window: &LossSum) -> Self {
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
        let window = (bits(&window.nats), bits(&window.tokens), window.squared_log_z.to_bits());
        Self {
            format_version: FORMAT_VERSION,
            step,
            order_digest,
            metrics_bytes: 0,
            skipped: 0,
            skipped_in_row: 0,
            window,
        }
    }

    /// The loss sums since the last record.
    pub fn window(&self) -> LossSum {
        let values = |bits: &[u64]| bits.iter().copied().map(f64::from_bits).collect();
        let (nats, tokens, squared_log_z) = &self.window;
        LossSum { nats: values(nats), tokens: values(tokens), squared_log_z: f64::from_bits(*squared_log_z) }
    }
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

/// The content of a checkpoint.
pub(super) struct Content<'a> {
    /// The model's sizes.
    pub(super) config: &'a ModelConfig,
    /// Its weights.
    pub(super) model: &'a Decoder,
    /// The folder to copy the tokenizer and settings from.
    pub(super) copied_from: &'a Path,
    /// Additional files, by name.
    pub(super) files: Vec<(&'static str, String)>,
}

impl Checkpoints {
    /// Opens or creates the folder, and removes unfinished folders of a killed process.
    ///
    /// # Errors
    /// When it cannot be read or created.
    pub fn open(folder: &Path, keep: usize) -> Result<Self, PretrainError> {
        fs_err::create_dir_all(folder)?;
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if is_unfinished(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_dir() {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { folder: folder.to_owned(), keep })
    }

    /// The folder of the checkpoints.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All checkpoints, oldest first; anything else in the folder is ignored.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<(u64, PathBuf)>, PretrainError> {
        let mut checkpoints = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let path = entry?.path();
            let step = path.file_name().and_then(|name| step_of(name.to_str()?));
            checkpoints.extend(step.filter(|_| path.is_dir()).map(|step| (step, path)));
        }
        checkpoints.sort();
        Ok(checkpoints)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn newest(&self) -> Result<Option<PathBuf>, PretrainError> {
        Ok(self.list()?.pop().map(|(_, path)| path))
    }

    /// Renames a damaged checkpoint, so that it no longer counts as one; returns its new path.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub(super) fn set_aside(&self, path: &Path) -> Result<PathBuf, PretrainError> {
        let name = format!("damaged-{}", path.file_name().unwrap_or_default().to_string_lossy());
        let mut aside = self.folder.join(&name);
        let mut number = 1;
        while aside.exists() {
            number += 1;
            aside = self.folder.join(format!("{name}.{number}"));
        }
        fs_err::rename(path, &aside)?;
        Ok(aside)
    }

    /// Writes the checkpoint of `state` and removes the oldest ones beyond the configured number.
    ///
    /// # Errors
    /// When a file cannot be written; older checkpoints are kept.
    pub(super) fn save(
        &self,
        content: &Content<'_>,
        optimizer: &OptimizerState,
        state: &RunState,
    ) -> Result<PathBuf, PretrainError> {
        let path = self.folder.join(folder_name(state.step));
        if path.exists() {
            self.remove(&path)?;
        }
        let folder = StagedFolder::begin(&path)?;
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

    /// Renames a checkpoint before removing it, so that no partial checkpoint is visible.
    fn remove(&self, path: &Path) -> Result<(), PretrainError> {
        let hidden = self.folder.join(format!(".old-{}", path.file_name().unwrap_or_default().to_string_lossy()));
        fs_err::rename(path, &hidden)?;
        fs_err::remove_dir_all(hidden)?;
        Ok(())
    }
}

/// The name of the checkpoint after `step` steps.
fn folder_name(step: u64) -> String {
    format!("step-{step:08}")
}

/// The step of a checkpoint's name; `None` for a name that this program does not make.
fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (name == folder_name(step)).then_some(step)
}

/// Whether a killed process of this program can have left a folder of this name: one in which a checkpoint was written
/// or removed.
fn is_unfinished(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) || name.strip_prefix(".old-").and_then(step_of).is_some()
}

/// Writes a model without the trainer's state into `target`, replacing an existing model.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn export_model(target: &Path, content: &Content<'_>) -> Result<(), PretrainError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (fresh, old) = (target.with_file_name(format!(".new-{name}")), target.with_file_name(format!(".old-{name}")));
    for left in [&fresh, &old] {
        if left.exists() {
            fs_err::remove_dir_all(left)?;
        }
    }
    let folder = StagedFolder::begin(&fresh)?;
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

fn write(folder: &StagedFolder, content: &Content<'_>) -> Result<(), PretrainError> {
    ExportOptions::default().write(folder, content.config, content.model, Some(content.copied_from))?;
    for (name, text) in &content.files {
        let path = folder.path().join(name);
        // Keep the model's own files, but replace those about this run.
        if *name == MANIFEST_FILE || !path.exists() {
            fs_err::write(path, text)?;
        }
    }
    Ok(())
}

/// Reads the state of a checkpoint.
///
/// # Errors
/// When this program did not write it.
pub(super) fn read_state(checkpoint: &Path) -> Result<RunState, PretrainError> {
    let path = checkpoint.join("trainer").join("state.json");
    parse(&path, &fs_err::read_to_string(&path)?, FORMAT_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_entries_are_neither_listed_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let foreign_folders =
            [".best", ".old-mine", ".old-step-9", ".tmp-mine", "step-99", "step-00000007-best", "best"];
        let foreign_files = [".DS_Store", ".nfs0001", ".tmp-corpusmill-notes", ".old-step-00000003", "step-00000004"];
        let ours = [".tmp-corpusmill-a1B2c3", ".old-step-00000005", "step-00000010", "step-123456789"];
        for name in foreign_folders.iter().chain(&ours) {
            fs_err::create_dir(folder.path().join(name)).unwrap();
            fs_err::write(folder.path().join(name).join("x"), "x").unwrap();
        }
        for name in foreign_files {
            fs_err::write(folder.path().join(name), "x").unwrap();
        }
        let checkpoints = Checkpoints::open(folder.path(), 2).unwrap();
        let listed: Vec<u64> = checkpoints.list().unwrap().into_iter().map(|(step, _)| step).collect();
        assert_eq!(listed, [10, 123_456_789]);
        let left = |name: &&str| folder.path().join(name).exists();
        assert!(foreign_folders.iter().chain(&foreign_files).all(left));
        assert_eq!(ours.map(|name| left(&name)), [false, false, true, true]);
    }

    #[test]
    fn damaged_checkpoints_are_kept_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(folder.path(), 2).unwrap();
        for expected in ["damaged-step-00000010", "damaged-step-00000010.2"] {
            let path = folder.path().join("step-00000010");
            fs_err::create_dir(&path).unwrap();
            assert_eq!(checkpoints.set_aside(&path).unwrap(), folder.path().join(expected));
            assert!(checkpoints.list().unwrap().is_empty() && folder.path().join(expected).is_dir());
        }
    }
}
