//! `corpusmill gc`: removes parts that no recorded run uses. Parts that an unfinished run may have written stay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use corpusmill_page::plural;
use corpusmill_pipeline::store::{Store, StoreLock};
use corpusmill_pipeline::{PartAddress, UserError};
use corpusmill_stages::workspace::Workspace;
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
            if !paths.iter().any(|path| path.exists()) {
                anyhow::bail!(no_run(&workspace, name)?);
            }
            for path in paths.iter().filter(|path| path.exists() && !self.dry_run) {
                fs_err::remove_file(path)?;
            }
        }
        let mut unfinished = workspace.unfinished_runs()?;
        unfinished.retain(|name, _| !self.forget.contains(name));
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
            if let Some(since) = unfinished.values().min()
                && store.committed_at(address)? >= *since
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
            _ => format!(
                "\n{} of unfinished runs kept ({})\nrun them again, or remove their parts: corpusmill gc --forget NAME",
                plural(kept, "part"),
                unfinished.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
        };
        print(&format!(
            "{}, {}, {verb}; {} in use{resumable}\n",
            plural(parts, "part"),
            DecimalBytes(size),
            plural(reachable.len() as u64, "part")
        ))
    }
}

/// The error for a name without a run, finished or not.
fn no_run(workspace: &Workspace, name: &str) -> anyhow::Result<UserError> {
    let mut names: BTreeSet<String> = crate::record::list_runs(workspace)?.into_iter().collect();
    names.extend(workspace.unfinished_runs()?.into_keys());
    let error = UserError::new(format!("--forget {name}: no run of this name is recorded"));
    Ok(match names.len() {
        0 => error,
        _ => error.with_hint(format!("recorded runs: {}", names.into_iter().collect::<Vec<_>>().join(", "))),
    })
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
