//! Errors of shards and mixtures; each names its file or setting.
//!
//! Invariant: a message can be understood without the source code, and says what to do if anything can be done.

use std::path::{Path, PathBuf};

/// Why a shard, a manifest or a corpus could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// An error of the operating system; its message names the path.
    #[error("{source}")]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Parquet could not read or write the file.
    #[error("{}: cannot read or write the token shard: {source}", path.display())]
    Parquet {
        /// The shard.
        path: PathBuf,
        /// Parquet's error.
        source: parquet::errors::ParquetError,
    },
    /// The rows given to the writer are not those of a token shard.
    #[error("{}: {detail}", path.display())]
    Rows {
        /// The shard being written.
        path: PathBuf,
        /// What is wrong, and with which document.
        detail: String,
    },
    /// The file's bytes contradict the manifest or themselves.
    #[error("{}: {detail}; the shard is damaged or belongs to another corpus; build the corpus again", path.display())]
    Corrupt {
        /// The shard.
        path: PathBuf,
        /// What was expected and what was found.
        detail: String,
    },
    /// `manifest.json` is invalid or contradicts itself.
    #[error("{}: {detail}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The field, its value and what was expected.
        detail: String,
    },
    /// A request or the options of a reader do not match the corpus.
    #[error("{0}")]
    Options(String),
}

impl ShardError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    pub(super) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + '_ {
        move |source| Self::Parquet { path: path.to_path_buf(), source }
    }

    pub(super) fn rows(path: &Path, detail: impl Into<String>) -> Self {
        Self::Rows { path: path.to_path_buf(), detail: detail.into() }
    }

    pub(super) fn corrupt(path: &Path, detail: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_path_buf(), detail: detail.into() }
    }

    pub(super) fn manifest(path: &Path, detail: impl Into<String>) -> Self {
        Self::Manifest { path: path.to_path_buf(), detail: detail.into() }
    }
}

/// Why a mixture cannot be planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MixtureError {
    /// A weight that is negative, infinite or not a number.
    #[error("mixture.phases[{phase}].weights.{source_name}: {value} is not a weight; give a number of 0 or more")]
    Weight {
        /// Which phase, from 0.
        phase: usize,
        /// The source whose weight it is.
        source_name: String,
        /// What was given.
        value: f64,
    },
    /// Every weight of a phase is zero.
    #[error("mixture.phases[{phase}].weights: all are 0; at least one source needs a weight above 0")]
    ZeroWeights {
        /// Which phase, from 0.
        phase: usize,
    },
    /// A weight names a source that the recipe does not have.
    #[error("mixture.phases[{phase}].weights: there is no source `{source_name}`{}; the sources are {}",
        .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default(),
        .known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    UnknownSource {
        /// Which phase, from 0.
        phase: usize,
        /// What was given.
        source_name: String,
        /// The known name nearest in spelling, if one is near.
        nearest: Option<String>,
        /// All sources, by name.
        known: Vec<String>,
    },
    /// A token budget of zero.
    #[error("mixture.phases[{phase}].tokens: 0 tokens; give a number above 0, or leave it out for one pass")]
    ZeroBudget {
        /// Which phase, from 0.
        phase: usize,
    },
    /// A repeat cap that is not a positive number.
    #[error("mixture.max-epochs: {0} is not a number of passes; give a number above 0, for example 4")]
    MaxEpochs(f64),
    /// A validation share outside its range.
    #[error("mixture.validation-share: {0} is not a share; give a number from 0 to below 1, for example 0.01")]
    ValidationShare(f64),
    /// No source has any token.
    #[error("mixture: no source has training tokens; see the report for why documents were rejected")]
    Empty,
    /// More tokens than a 64-bit number counts.
    #[error("mixture: the phases' tokens add up to more than 2^63")]
    Overflow,
}
