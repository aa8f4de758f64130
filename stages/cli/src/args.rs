//! Arguments that several subcommands share: the global options, and a recipe with the changes to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use corpusmill_pipeline::UserError;
use corpusmill_pipeline::runner::RunnerOptions;
use corpusmill_pipeline::task::TaskContext;
use corpusmill_recipe::{Overrides, did_you_mean, find, load};
use corpusmill_stages::recipe::LoadedRecipe;
use corpusmill_stages::sources::AcquireContext;
use corpusmill_stages::sources::lockfile::LockMode;
use corpusmill_stages::workspace::Workspace;
use corpusmill_terminal::PrinterArgs;

use crate::console::Console;

/// Options of every subcommand.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Folder of the store of parts, of snapshots and of crawls.
    #[arg(long, global = true, value_name = "DIR", default_value = ".corpusmill", env = "CORPUSMILL_STORE")]
    pub(crate) store: PathBuf,
    /// Number of worker threads; one per core by default.
    #[arg(long, short = 'j', global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Buffer memory of each worker in MiB; beyond it, the worker spills to disk.
    #[arg(long, global = true, value_name = "MIB", default_value_t = 256)]
    pub(crate) memory: u64,
    #[command(flatten)]
    pub(crate) printer: PrinterArgs,
    /// Run ready tasks in a random order from this seed. For tests: results do not change.
    #[arg(long, global = true, hide = true)]
    pub(crate) shuffle: Option<u64>,
}

impl GlobalArgs {
    pub(crate) fn console(&self) -> Console {
        Console(self.printer.printer())
    }

    /// The working folder that `--store` names.
    pub fn workspace(&self) -> Workspace {
        Workspace::new(&self.store)
    }

    pub(crate) fn options(&self, cancel: &Arc<AtomicBool>) -> RunnerOptions {
        let threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let memory = self.memory.max(1) << 20;
        let context = TaskContext { cancel: cancel.clone(), memory };
        RunnerOptions { threads, shuffle: self.shuffle, context }
    }

    /// The context of acquiring input for a command with these outputs, which are never read.
    pub(crate) fn acquire_context(
        &self,
        console: &Console,
        cancel: &Arc<AtomicBool>,
        outputs: &[&Path],
    ) -> AcquireContext {
        let existing = |path: &&Path| fs_err::canonicalize(path).ok();
        AcquireContext {
            outputs: outputs.iter().chain([&self.store.as_path()]).filter_map(existing).collect(),
            base: PathBuf::from("."),
            workspace: self.workspace(),
            progress: Arc::new(console.clone()),
            cancel: cancel.clone(),
            fresh: false,
            revisions: BTreeMap::new(),
        }
    }
}

/// The folder of recipes that are given by name.
const RECIPES: &str = "recipes";

/// A recipe and the changes to it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RecipeArgs {
    /// Recipe: a file, or the name of one in `recipes/`.
    #[arg(value_name = "RECIPE")]
    pub(crate) recipe: PathBuf,
    /// Override a setting: `path.to.key=value`, such as `tokenizer.train.vocab-size=4096`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Name of this variant of the recipe; its corpus is written to `corpus/NAME`.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Fail if an input differs from the lock file.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Lock file; `RECIPE.lock` next to the recipe by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Fetch this source again, even if the lock file pins it.
    #[arg(long, value_name = "SOURCE", conflicts_with = "locked")]
    pub(crate) refresh: Vec<String>,
    /// Store no excerpts of rejected documents.
    #[arg(long)]
    pub(crate) no_excerpts: bool,
}

impl RecipeArgs {
    pub(crate) fn load(&self) -> anyhow::Result<LoadedRecipe> {
        let overrides = Overrides { set: self.set.clone(), name: self.name.clone() };
        let loaded: LoadedRecipe = load(&find(&self.recipe, Path::new(RECIPES))?, &overrides)?;
        for name in &self.refresh {
            if !loaded.recipe.sources.contains_key(name) {
                let names = loaded.recipe.sources.keys().map(String::as_str);
                let error = UserError::new(format!("--refresh {name}: the recipe has no source of this name"));
                anyhow::bail!(match did_you_mean(name, names) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error,
                });
            }
        }
        Ok(loaded)
    }

    pub(crate) fn lock_mode(&self, loaded: &LoadedRecipe) -> LockMode {
        let variant = loaded.path.file_stem().is_some_and(|stem| stem != loaded.recipe.name.as_str());
        let beside = match (&self.lock, variant) {
            (Some(lock), _) => lock.clone(),
            (None, false) => loaded.path.with_extension("lock"),
            // A variant has its own inputs.
            (None, true) => loaded.path.with_file_name(format!("{}.lock", loaded.recipe.name)),
        };
        LockMode { lock: beside, locked: self.locked, write: true, refresh: self.refresh.iter().cloned().collect() }
    }
}
