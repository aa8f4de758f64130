//! The lock file: pins the snapshot of each source, and decides when to acquire it again.
//!
//! Local files are listed at every run, since that is cheap: a change updates the lock file and is reported, or is an
//! error with `--locked`. Remote sources are fetched once, and again only with `--refresh SOURCE`.
//!
//! Invariant: stages read the pinned snapshot and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use corpusmill_pipeline::snapshot::{Lockfile, PinnedSnapshot, Snapshot};
use corpusmill_pipeline::{Digest, StageError, UserError};

use super::acquire::Acquire;
use super::{AcquireContext, settings_digest};

/// How the lock file is used.
#[derive(Debug, Clone, Default)]
pub struct LockMode {
    /// The lock file.
    pub lock: PathBuf,
    /// Whether a change of the lock file is an error.
    pub locked: bool,
    /// Whether to write the lock file when it changes; `plan` does not.
    pub write: bool,
    /// Sources to fetch again.
    pub refresh: BTreeSet<String>,
}

/// Returns the pinned snapshot of a source, or acquires one and pins it in `lock`.
///
/// # Errors
/// If acquiring fails, or if the lock file would change under `--locked`.
pub fn acquire_pinned(
    name: &str,
    acquire: &Acquire,
    lock_mode: &LockMode,
    lock: &mut Lockfile,
    context: &AcquireContext,
) -> Result<Snapshot, StageError> {
    let settings = settings_digest(&(acquire, acquire.list_digests()?))?;
    let old = lock.sources.get(name).filter(|pinned| pinned.settings == settings).cloned();
    let refresh = lock_mode.refresh.contains(name);
    if let Some(pinned) = old.as_ref().filter(|_| acquire.is_remote() && !refresh)
        && let Some(snapshot) = context.workspace.snapshot(pinned.snapshot)
    {
        return Ok(snapshot);
    }
    // A change of settings keeps the pinned revisions; `--refresh` resolves them again.
    let revisions = lock.sources.get(name).filter(|_| !refresh).map(|pinned| pinned.revisions.clone());
    let fresh = AcquireContext { fresh: refresh, revisions: revisions.unwrap_or_default(), ..context.clone() };
    let snapshot = acquire.acquire(name, &fresh)?;
    let digest = snapshot.digest();
    if let Some(pinned) = lock.sources.get(name)
        && pinned.snapshot != digest
    {
        check_change(name, pinned, &snapshot, lock_mode, context)?;
    } else if lock_mode.locked && !lock.sources.contains_key(name) {
        let hint = "run once without --locked to pin it";
        let message = format!("source `{name}` is not in the lock");
        return Err(StageError::settings(UserError::new(message).with_hint(hint)));
    }
    // Written even if it exists: equal payloads may now be in the folder of another crawl.
    snapshot.write(&context.workspace.snapshot_path(digest))?;
    let items = snapshot.items.len() as u64;
    let (variant, revisions) = (snapshot.variant.clone(), snapshot.revisions.clone());
    lock.sources.insert(name.to_owned(), PinnedSnapshot { snapshot: digest, variant, revisions, items, settings });
    Ok(snapshot)
}

fn keys(snapshot: &Snapshot) -> BTreeSet<(&str, Digest)> {
    snapshot.items.iter().map(|item| (item.origin.as_str(), item.digest)).collect()
}

fn check_change(
    name: &str,
    pinned: &PinnedSnapshot,
    snapshot: &Snapshot,
    lock_mode: &LockMode,
    context: &AcquireContext,
) -> Result<(), StageError> {
    let mut what = format!("{} items before, {} now", pinned.items, snapshot.items.len());
    if let Ok(old) = Snapshot::read(&context.workspace.snapshot_path(pinned.snapshot)) {
        let (before, after) = (keys(&old), keys(snapshot));
        let (added, gone) = (after.difference(&before).count(), before.difference(&after).count());
        let items = |count: usize| format!("{count} item{}", if count == 1 { "" } else { "s" });
        what = format!("{} added or changed, {} removed or changed", items(added), items(gone));
    }
    if lock_mode.locked {
        let hint = "run without --locked to accept the change";
        let message = format!("source `{name}` differs from the lock: {what}");
        return Err(StageError::input(UserError::new(message).with_hint(hint)));
    }
    let then = if lock_mode.write { "the lock is updated" } else { "a run would update the lock" };
    context.progress.message(&format!("  {name}: {what}; {then}"));
    Ok(())
}
