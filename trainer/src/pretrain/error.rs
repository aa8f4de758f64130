//! Why a run cannot begin or go on.

use std::path::PathBuf;

use corpusmill_pipeline::shard::ShardError;

use crate::data::DataError;
use crate::evaluate::EvaluateError;
use crate::hub::HubError;
use crate::metrics::MetricsError;
use crate::model::ConfigError;
use crate::optimize::StateError;
use crate::step::StepError;
use crate::token_bytes::TokenizerError;

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum PretrainError {
    /// A file or folder.
    #[error(transparent)]
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
    Hub(#[from] HubError),
    /// A checkpoint's optimiser.
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
    /// The model's vocabulary is not the corpus's.
    #[error(
        "{}: its digest is {found}, but the corpus was made with the tokenizer {expected}: the same numbers would mean other texts\nhint: build the corpus with `tokenizer: {{ load: {} }}`",
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
    #[error("the model has {model} embeddings, the corpus {corpus} token ids; give the model at least as many")]
    Vocabulary {
        /// Rows of the embedding.
        model: usize,
        /// Token ids.
        corpus: u32,
    },
    /// No token is free to hide others.
    #[error(
        "data.objective.masked: token {token} would hide others, but texts hold it (the corpus has {corpus} token ids)\nhint: set data.objective.masked.mask-token to the id of a special token, or give a new model one more embedding"
    )]
    MaskToken {
        /// The id.
        token: u32,
        /// Token ids.
        corpus: u32,
    },
    /// A checkpoint of another run.
    #[error(
        "{}: {what}\nhint: set it back to go on with this run, or give another `output` to begin a new one", path.display()
    )]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// A checkpoint's own file is not what was written.
    #[error("{}: {detail}; remove this checkpoint to go on from an older one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Another process trains there.
    #[error("{}: another run is writing there; wait for it, or give another `output`", .0.display())]
    Busy(PathBuf),
    /// A thread that trains on one of several devices is no more, and has not said why.
    #[error("a device has stopped training")]
    RankEnded,
    /// Too many steps in a row that are not finite.
    #[error(
        "{steps} steps in a row had a loss or gradient that is not finite, up to step {step}; the last good checkpoint is {}\nhint: lower optimizer.learning-rate, or compute in f32",
        checkpoint.as_ref().map_or("none".to_owned(), |path| path.display().to_string())
    )]
    NonFinite {
        /// How many.
        steps: u32,
        /// The last of them.
        step: u64,
        /// Where to go on.
        checkpoint: Option<PathBuf>,
    },
}
