//! A run: trains a model from a recipe and a corpus, in steps that can be interrupted at any point.
//!
//! ```text
//! OUTPUT/checkpoints/step-N/   Hugging Face folder, manifest.json, and the trainer's state
//! OUTPUT/metrics.jsonl         one record per measurement   OUTPUT/tensorboard/   the same as events
//! OUTPUT/train.html            the same as curves           OUTPUT/model/         the trained model
//! ```
//!
//! Invariant: with a fixed number of threads, the losses and the model depend only on recipe, corpus and version;
//! interruptions do not affect them.

mod checkpoint;
mod differences;
mod error;
mod finish;
mod format_version;
mod loader;
mod measure;
mod options;
mod provenance;
mod ranks;
mod resume_point;
mod run;
mod setup;

pub use checkpoint::{Checkpoints, RunState};
pub use error::PretrainError;
pub use options::{Observer, Outcome, RunOptions};
pub use provenance::{BURN_VERSION, CorpusEntry, MANIFEST_FILE, Provenance};
pub use run::run;
pub use setup::{check_tokenizer, check_vocabulary, model_config, new_config};

#[cfg(test)]
mod tests;
