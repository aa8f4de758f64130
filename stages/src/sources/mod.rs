//! Sources: what a recipe acquires, the snapshot that pins it, and the stage that reads documents from it.
//!
//! On a document's path: the start. Acquisition (listing, crawling) depends on the outside world; [`read`] depends only
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
use std::sync::atomic::{AtomicBool, Ordering};

use crate::workspace::Workspace;
use corpusmill_crawler::Control;
use corpusmill_pipeline::progress::{Event, Progress};
use corpusmill_pipeline::{Digest, StageError};
use indicatif::DecimalBytes;

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
    /// Pinned commits of branches and tags; others are resolved over the network.
    pub revisions: BTreeMap<String, String>,
}

/// Reports the progress of fetching, and whether it is cancelled.
struct FetchProgress<'a> {
    context: &'a AcquireContext,
    name: String,
}

impl<'a> FetchProgress<'a> {
    /// Starts the progress of `total` units of work.
    fn start(context: &'a AcquireContext, name: String, total: u64, unit: &'static str) -> Self {
        context.progress.handle(Event::Started { name: &name, total, unit });
        Self { context, name }
    }
}

impl Drop for FetchProgress<'_> {
    fn drop(&mut self) {
        self.context.progress.handle(Event::Finished { name: &self.name });
    }
}

impl Control for FetchProgress<'_> {
    fn cancelled(&self) -> bool {
        self.context.cancel.load(Ordering::Relaxed)
    }

    fn progress(&self, fetched: u64, queued: u64, size: u64) {
        let detail = format!("{queued} waiting, {}", DecimalBytes(size));
        self.context.progress.handle(Event::Advanced { name: &self.name, done: fetched, detail: &detail });
    }
}

/// The digest of acquisition settings. A pinned snapshot is valid only for the same digest.
///
/// # Errors
/// Never in practice: settings always serialize.
pub fn settings_digest(settings: &impl serde::Serialize) -> Result<Digest, StageError> {
    let value = serde_json::to_value(settings).map_err(|error| StageError::Settings(error.to_string()))?;
    Ok(Digest::of(corpusmill_pipeline::key::canonical_json(&value).as_bytes()))
}

/// Converts a reader error to a stage error.
pub(crate) fn reader_error(error: corpusmill_readers::ReaderError) -> StageError {
    match error {
        corpusmill_readers::ReaderError::Io(error) => StageError::Io(error),
        other => StageError::Input(other.to_string()),
    }
}
