//! Sources: what a recipe acquires, the snapshot that pins it, and the stage that reads documents from it.
//!
//! Where a document's path begins. Acquisition (listing, crawling) depends on the outside; [`read`] depends on the
//! snapshot alone.
//!
//! Invariant: everything seen while acquiring is either an item of the snapshot or one of its refusals.

mod asked;
pub mod crates;
pub mod docs;
mod errand;
pub mod files;
mod hub;
mod pages;
pub mod pin;
pub mod read;
pub mod remote;
pub mod statements;
pub mod web;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use corpusmill_pipeline::{Digest, StageError};
use indicatif::ProgressBar;

use crate::console::{Console, bytes};
use crate::crawl::Control;
use crate::workspace::Workspace;

/// What acquiring may use.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The folder to which paths of the recipe are relative.
    pub base: PathBuf,
    /// Where crawls and digests are kept.
    pub workspace: Workspace,
    /// Messages and progress.
    pub console: Console,
    /// Set when the run shall stop.
    pub cancel: Arc<AtomicBool>,
    /// Crawl anew, whatever was crawled before.
    pub fresh: bool,
    /// What names that move are known to stand for; others are looked up.
    pub revisions: BTreeMap<String, String>,
}

/// Shows how far fetching has come, and asks whether to stop.
struct Watched<'a> {
    surroundings: &'a Surroundings,
    bar: ProgressBar,
}

impl Control for Watched<'_> {
    fn cancelled(&self) -> bool {
        self.surroundings.cancel.load(Ordering::Relaxed)
    }

    fn progress(&self, fetched: u64, queued: u64, size: u64) {
        self.bar.set_position(fetched);
        self.bar.set_message(format!("{queued} waiting, {}", bytes(size)));
    }
}

/// The digest of acquisition settings, which decides whether a pinned snapshot still fits.
///
/// # Errors
/// Never in practice: settings always serialise.
pub fn settings_digest(settings: &impl serde::Serialize) -> Result<Digest, StageError> {
    let value = serde_json::to_value(settings).map_err(|error| StageError::Settings(error.to_string()))?;
    Ok(Digest::of(corpusmill_pipeline::key::canonical_json(&value).as_bytes()))
}

/// The error of a reader as one of a stage.
pub(crate) fn acquire_error(error: crate::acquire::AcquireError) -> StageError {
    match error {
        crate::acquire::AcquireError::Io(error) => StageError::Io(error),
        other => StageError::Input(other.to_string()),
    }
}
