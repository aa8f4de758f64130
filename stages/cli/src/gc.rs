//! `corpusmill gc`: removes parts that no recorded run uses. Parts that an unfinished run may have written stay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use corpusmill_pipeline::store::{Store, StoreLock};
use corpusmill_pipeline::{PartAddress, UserError};
use corpusmill_terminal::DecimalBytes;

use crate::args::GlobalArgs;
use crate::console::print;
use crate::record::RunRecord;

/// Remove stored parts that no recorded run uses.
#[derive(Debug, Args)]
pub(super) struct Gc {
    /// First delete the run record of this recipe, so that its parts are removed too.
    #[arg(long, value_name = "NAME")]
    forget: Vec<String>,
    /// Print what would be removed, without removing it.
    #[arg(long)]
    dry_run: bool,
}

impl Gc {
    pub(super) fn run(self, global: &GlobalArgs) -> anyhow::Result<()> {
        let workspace = global.workspace();
        let store = workspace.store()?;
        let lock = store.lock(StoreLock::Exclusive)?;
        let in_use =
            UserError::new("another corpusmill process is using this store").with_hint("run gc after it exits");
        anyhow::ensure!(lock.is_some(), in_use);
        for name in &self.forget {
            let paths = [workspace.run_path(name), workspace.unfinished_path(name)];
            anyhow::ensure!(paths.iter().any(|path| path.exists()), "no record of a run named `{name}`");
            for path in paths.iter().filter(|path| path.exists() && !self.dry_run) {
                fs_err::remove_file(path)?;
            }
        }
        let unfinished = workspace.unfinished_since(&self.forget)?;
        let mut reachable: BTreeSet<PartAddress> = BTreeSet::new();
        let mut folders = vec![workspace.root().to_owned()];
        for name in crate::record::list_runs(&workspace)? {
            if self.forget.contains(&name) {
                continue;
            }
            let run = RunRecord::read(&workspace.run_path(&name))?;
            reachable.extend(run.addresses().map(|(_, address)| address));
            folders.extend(run.output.as_deref().and_then(Path::parent).map(Path::to_owned));
        }
        let (mut parts, mut size, mut kept) = (0, 0, 0);
        for address in store.addresses()?.iter().filter(|address| !reachable.contains(address)) {
            if let Some(since) = unfinished
                && store.committed_at(address)? >= since
            {
                kept += 1;
                continue;
            }
            parts += 1;
            size += store.size(address)?;
            if !self.dry_run {
                store.discard(address)?;
            }
        }
        if !self.dry_run {
            store.remove_unfinished()?;
            super::run::remove_debris(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        }
        let verb = if self.dry_run { "would be removed" } else { "removed" };
        let resumable = match kept {
            0 => String::new(),
            _ => format!("; kept {kept} parts of unfinished runs: run those recipes again, or use --forget NAME"),
        };
        print(&format!(
            "{parts} parts, {}, {verb}; {} parts are in use{resumable}\n",
            DecimalBytes(size),
            reachable.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_lists_part_addresses() {
        let run: RunRecord = serde_json::from_value(serde_json::json!({
            "name": "n", "recipe": "r", "documents": [], "snapshots": {}, "corpus": null, "output": null, "seconds": 0.0,
            "nodes": [{ "path": "p", "stage": "read", "version": 1, "settings": null,
                "parts": [{ "key": "0".repeat(64), "inputs": {} }] }],
        }))
        .unwrap();
        assert_eq!(run.addresses().count(), 1);
    }
}
