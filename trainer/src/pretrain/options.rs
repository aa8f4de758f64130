//! The options of a run, its observer, and its outcome.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;

use crate::metrics::Record;
use crate::recipe::Recipe;

/// Receives the progress of a run.
pub trait Observer {
    /// Prints a message for the user.
    fn message(&mut self, line: &str);

    /// Prints a warning, which is shown even if messages are hidden.
    fn warning(&mut self, line: &str);

    /// Called after each step.
    fn step(&mut self, step: u64, steps: u64, loss: Option<f64>);

    /// Called during validation, with the number of sequences that are done.
    fn validation(&mut self, done: u64, sequences: u64);

    /// Called after a record is written.
    fn record(&mut self, record: &Record);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Done {
        /// The trained model.
        model: PathBuf,
    },
    /// The run was stopped; the same command resumes from this checkpoint.
    Interrupted {
        /// The checkpoint.
        checkpoint: PathBuf,
    },
}

/// The options of a run.
#[derive(Debug)]
pub struct RunOptions<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The folder of the corpus.
    pub corpus: &'a Path,
    /// The device of the first rank; also used for validation and samples.
    pub device: &'a Device,
    /// The devices of the other ranks: each has a copy of the model and a share of each step's sequences.
    pub others: &'a [Device],
    /// Set by the caller to stop after the current step.
    pub cancel: &'a AtomicBool,
}
