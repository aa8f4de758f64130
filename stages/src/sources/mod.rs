//! Sources: what a recipe acquires, the snapshot that pins it, and the stage that reads documents from it.
//!
//! Runs first. Acquisition (listing, crawling) depends on the outside world; [`read`] depends only
//! on the snapshot.
//!
//! Invariant: every input seen while acquiring is either an item of the snapshot or one of its refusals.

pub mod acquire;
pub mod crates;
pub mod crawl;
mod fetch;
pub mod files;
mod hub;
pub mod lockfile;
mod pages;
pub mod read;
pub mod remote;
mod remote_ref;
pub mod rust_docs;
pub mod statements;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::workspace::Workspace;
use corpusmill_crawler::{Control, CrawlError};
use corpusmill_pipeline::progress::Progress;
use corpusmill_pipeline::{Digest, StageError, UserError};

/// The environment of an acquisition.
#[derive(Debug, Clone)]
pub struct AcquireContext {
    /// The folder that the paths of the recipe are relative to.
    pub base: PathBuf,
    /// The folder of crawls and file digests.
    pub workspace: Workspace,
    /// Receives messages and progress.
    pub progress: Arc<dyn Progress>,
    /// Set when the run is cancelled.
    pub cancel: Arc<AtomicBool>,
    /// Whether to fetch again even if the files were fetched before.
    pub fresh: bool,
    /// Canonical paths of the outputs of the command: no output is ever an input.
    pub outputs: Vec<PathBuf>,
    /// Pinned commits of branches and tags; others are resolved over the network.
    pub revisions: BTreeMap<String, String>,
}

impl AcquireContext {
    /// The control of a piece of crawler work with this name.
    fn control<'a>(&'a self, name: &'a str) -> Control<'a> {
        Control { name, progress: &*self.progress, cancel: &self.cancel }
    }
}

/// The digest of acquisition settings. A pinned snapshot is valid only for the same digest.
///
/// # Errors
/// Never in practice: settings always serialize.
pub fn settings_digest(settings: &impl serde::Serialize) -> Result<Digest, StageError> {
    let value = serde_json::to_value(settings).map_err(|error| StageError::settings(error.to_string()))?;
    Ok(Digest::of(corpusmill_pipeline::key::canonical_json(&value).as_bytes()))
}

/// Converts an error of the crawler to a stage error of a step.
pub(crate) fn crawler_error(step: &'static str) -> impl Fn(CrawlError) -> StageError {
    move |error| match error {
        CrawlError::Io(error) => StageError::Io(error),
        CrawlError::Setting { key, problem, remedy } => {
            StageError::settings(UserError::new(format!("{step}: `{key}`: {problem}")).with_hint(remedy))
        }
        other => StageError::settings(format!("{step}: {other}")),
    }
}

/// Converts a reader error to a stage error.
pub(crate) fn reader_error(error: corpusmill_readers::ReaderError) -> StageError {
    match error {
        corpusmill_readers::ReaderError::Io(error) => StageError::Io(error),
        other => StageError::input(other.to_string()),
    }
}
