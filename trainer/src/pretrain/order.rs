//! What a run is asked to do, what it tells meanwhile, and how it ended.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;

use crate::metrics::Record;
use crate::recipe::Recipe;

/// What is told while a run goes on.
pub trait Observer {
    /// A message for a person.
    fn say(&mut self, line: &str);

    /// A step is done.
    fn step(&mut self, step: u64, steps: u64, loss: Option<f64>);

    /// A record was written.
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
    /// It was asked to stop, and goes on from here when it is run again.
    Interrupted {
        /// The checkpoint.
        checkpoint: PathBuf,
    },
}

/// What a run is made of.
#[derive(Debug)]
pub struct Order<'a> {
    /// What to do.
    pub recipe: &'a Recipe,
    /// The folder of the corpus.
    pub corpus: &'a Path,
    /// Where to compute; validation and samples too.
    pub device: &'a Device,
    /// Further devices that train with it: each has a copy of the model and takes its share of a step's sequences.
    pub others: &'a [Device],
    /// Set from outside to stop after the current step.
    pub cancel: &'a AtomicBool,
}
