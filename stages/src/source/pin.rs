//! The lock: which snapshot each source stands on, and when it is taken anew.
//!
//! Files are listed at every run, since that is cheap: a change is taken up and said, or refused with `--locked`.
//! Crawls are taken once and then again only with `--refresh SOURCE`.
//!
//! Invariant: what stages read is the pinned snapshot and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use corpusmill_pipeline::snapshot::{Lock, Pinned, Snapshot};
use corpusmill_pipeline::{Digest, StageError};

use super::{Surroundings, settings_digest};
use crate::step::Acquire;

/// How strictly the lock is kept.
#[derive(Debug, Clone, Default)]
pub struct Pinning {
    /// The lock file.
    pub lock: PathBuf,
    /// Refuse any change of the lock.
    pub locked: bool,
    /// Write the lock when it changes; to plan is not to decide.
    pub write: bool,
    /// Sources to take anew.
    pub refresh: BTreeSet<String>,
}

/// Takes or finds the snapshot of a source and pins it in `lock`.
///
/// # Errors
/// When acquiring fails, or the lock would change under `--locked`.
pub fn pin(
    name: &str,
    acquire: &Acquire,
    pinning: &Pinning,
    lock: &mut Lock,
    surroundings: &Surroundings,
) -> Result<Snapshot, StageError> {
    let settings = settings_digest(&(acquire, acquire.listed_files()?))?;
    let old = lock.sources.get(name).filter(|pinned| pinned.settings == settings).cloned();
    let refresh = pinning.refresh.contains(name);
    if let Some(pinned) = old.as_ref().filter(|_| acquire.is_remote() && !refresh)
        && let Some(snapshot) = surroundings.workspace.snapshot(pinned.snapshot)
    {
        return Ok(snapshot);
    }
    // Another setting of the source does not move it to another revision; --refresh does.
    let revisions = lock.sources.get(name).filter(|_| !refresh).map(|pinned| pinned.revisions.clone());
    let fresh = Surroundings { fresh: refresh, revisions: revisions.unwrap_or_default(), ..surroundings.clone() };
    let snapshot = acquire.acquire(name, &fresh)?;
    let digest = snapshot.digest();
    if let Some(pinned) = lock.sources.get(name)
        && pinned.snapshot != digest
    {
        changed(name, pinned, &snapshot, pinning, surroundings)?;
    } else if pinning.locked && !lock.sources.contains_key(name) {
        let hint = "run once without --locked to pin it";
        return Err(StageError::Settings(format!("source `{name}` is not in the lock\nhint: {hint}")));
    }
    // Written anew even if it is there: equal payloads may lie in another crawl's folder now.
    snapshot.write(&surroundings.workspace.snapshot_path(digest))?;
    let items = snapshot.items.len() as u64;
    let (variant, revisions) = (snapshot.variant.clone(), snapshot.revisions.clone());
    lock.sources.insert(name.to_owned(), Pinned { snapshot: digest, variant, revisions, items, settings });
    Ok(snapshot)
}

fn keys(snapshot: &Snapshot) -> BTreeSet<(&str, Digest)> {
    snapshot.items.iter().map(|item| (item.origin.as_str(), item.digest)).collect()
}

fn changed(
    name: &str,
    pinned: &Pinned,
    snapshot: &Snapshot,
    pinning: &Pinning,
    surroundings: &Surroundings,
) -> Result<(), StageError> {
    let mut what = format!("{} items before, {} now", pinned.items, snapshot.items.len());
    if let Ok(old) = Snapshot::read(&surroundings.workspace.snapshot_path(pinned.snapshot)) {
        let (before, after) = (keys(&old), keys(snapshot));
        let (added, gone) = (after.difference(&before).count(), before.difference(&after).count());
        what = format!("{added} items new or changed, {gone} gone or changed");
    }
    if pinning.locked {
        let hint = "run without --locked to take the change up";
        return Err(StageError::Input(format!("source `{name}` differs from the lock: {what}\nhint: {hint}")));
    }
    let then = if pinning.write { "the lock is updated" } else { "a run would update the lock" };
    surroundings.console.say(format!("  {name}: {what}; {then}"));
    Ok(())
}
