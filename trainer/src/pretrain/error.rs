//! Errors that prevent a run from starting or resuming.

use std::path::PathBuf;

use corpusmill_shards::ShardError;

use crate::checkpoint_io::CheckpointError;
use crate::data::DataError;
use crate::evaluate::EvaluateError;
use crate::metrics::MetricsError;
use crate::model::ConfigError;
use crate::optimize::StateError;
use crate::step::StepError;
use crate::tokenizer::TokenizerError;

/// Errors that prevent a run from starting or resuming.
#[derive(Debug, thiserror::Error)]
pub enum PretrainError {
    /// A file or folder.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The corpus.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The batches.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model's sizes.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A checkpoint's model.
    #[error(transparent)]
    Hub(#[from] CheckpointError),
    /// A checkpoint's optimizer.
    #[error(transparent)]
    State(#[from] StateError),
    /// A step.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Validation.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The model's tokenizer is not the corpus's.
    #[error(
        "{}: the tokenizer's digest is {found}, but the corpus was made with {expected}, so token ids would have other meanings\nhint: build the corpus with `tokenizer: {{ load: {} }}`",
        path.display(), path.display()
    )]
    OtherTokenizer {
        /// The model's tokenizer.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The corpus's.
        expected: String,
    },
    /// The embedding is too small.
    #[error(
        "the model has {model} embedding rows, but the corpus has {corpus} token ids; give the model at least as many rows"
    )]
    Vocabulary {
        /// Rows of the embedding.
        model: usize,
        /// Token ids.
        corpus: u32,
    },
    /// The mask token occurs in text.
    #[error(
        "data.objective.masked: token {token} cannot be the mask token, since it occurs in text (the corpus has {corpus} token ids)\nhint: set data.objective.masked.mask-token to the id of a special token, or give a new model one more embedding"
    )]
    MaskToken {
        /// The mask token.
        token: u32,
        /// Token ids.
        corpus: u32,
    },
    /// The device lacks 16-bit arithmetic.
    #[error("compute.precision is bf16, but the device does not compute in bf16\nhint: set compute.precision to f32")]
    NoBf16,
    /// Documents should begin with the token that ends them, but the corpus has none.
    #[error("data.begin-documents: the tokenizer of the corpus has no end-of-document token; set it to false")]
    NoEndOfDocument,
    /// A checkpoint of a run with other settings.
    #[error(
        "the run cannot be resumed: it had other settings\n  checkpoint: {}\n  {}\nhint: give the old values to resume, or start a new run with another --output",
        path.display(), differences.join("\n  ")
    )]
    OtherSettings {
        /// The checkpoint.
        path: PathBuf,
        /// What differs, each on a line.
        differences: Vec<String>,
    },
    /// A checkpoint of a longer run.
    #[error(
        "the run is already longer: its checkpoint has {done} steps, the recipe {steps}\n  checkpoint: {}\nhint: set data.steps to {done} or more, or start a new run with another --output",
        path.display()
    )]
    Longer {
        /// The checkpoint.
        path: PathBuf,
        /// Its steps.
        done: u64,
        /// The steps of the recipe's run.
        steps: u64,
    },
    /// The checkpoint's run read the corpus in another order.
    #[error(
        "{}: another version of corpusmill-train read the corpus in another order\nhint: resume with that version, or start a new run with another --output",
        .0.display()
    )]
    OtherOrder(PathBuf),
    /// A file of a checkpoint was written by another version of the trainer.
    #[error(
        "{}: format_version is {found}, but this program reads {expected}\nhint: resume with the version of corpusmill-train that wrote it, or train on from the run's `model` folder with `model: {{ from: FOLDER }}` and another --output",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version of this program.
        expected: u32,
    },
    /// A file of a checkpoint is damaged.
    #[error("{}: {detail}; remove this checkpoint to resume from an older one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason.
        detail: String,
    },
    /// There are checkpoints, but none is whole.
    #[error(
        "{}: no checkpoint is whole: {}\nhint: restore one of them, or start a new run with another --output",
        folder.display(), details.join("; ")
    )]
    NoWholeCheckpoint {
        /// The folder of the checkpoints.
        folder: PathBuf,
        /// What is wrong with each, newest first.
        details: Vec<String>,
    },
    /// Another process writes to the output folder.
    #[error("{}: another run is writing there; wait for it, or give another --output", .0.display())]
    Busy(PathBuf),
    /// The thread of one of several devices has ended without an error.
    #[error("a device has stopped training")]
    RankEnded,
    /// Too many consecutive steps with a non-finite loss or gradient.
    #[error(
        "{steps} consecutive steps up to step {step} had a non-finite loss or gradient; the last good checkpoint is {}\nhint: lower optimizer.learning-rate, or compute in f32",
        checkpoint.as_ref().map_or("none".to_owned(), |path| path.display().to_string())
    )]
    NonFinite {
        /// Number of these steps.
        steps: u32,
        /// The last of them.
        step: u64,
        /// The checkpoint to resume from.
        checkpoint: Option<PathBuf>,
    },
}
