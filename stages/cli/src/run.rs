//! `corpusmill run`: builds the corpus of a recipe.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use corpusmill_pipeline::snapshot::Snapshot;
use corpusmill_pipeline::store::LocalStore;
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{Digest, UserError, runner};
use corpusmill_shards::{Manifest, SnapshotEntry};

use crate::args::{GlobalArgs, RecipeArgs};
use corpusmill_terminal::{DecimalBytes, HumanCount};

use crate::console::Console;
use crate::record::RunRecord;
use crate::report;
use corpusmill_stages::compile::{CompiledRecipe, acquire_snapshots};
use corpusmill_stages::mix::assemble::CorpusInputs;
use corpusmill_stages::recipe::{LoadedRecipe, Recipe};

/// Run a recipe: acquire, process, shard. Reuses results of earlier runs.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Parent folder of the corpus.
    #[arg(long, value_name = "DIR", default_value = "corpus")]
    output: PathBuf,
}

/// The file in a corpus folder that identifies the parts that the corpus was built from.
pub(super) const IDENTITY: &str = ".identity";

impl Run {
    /// A run of this recipe without overrides.
    pub(super) fn for_recipe(recipe: PathBuf, output: PathBuf) -> Self {
        Self { recipe: RecipeArgs { recipe, ..RecipeArgs::default() }, output }
    }

    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let started = Instant::now();
        let console = global.console();
        let loaded = self.recipe.load()?;
        let recipe = &loaded.recipe;
        let workspace = global.workspace();
        let store = workspace.store()?;
        let _lock = lock_store(&store)?;
        console.message(format!("{}: acquiring {} sources", recipe.name, recipe.sources.len()));
        let acquire_context = global.acquire_context(&console, cancel);
        let snapshots = acquire_snapshots(&loaded, &self.recipe.lock_mode(&loaded), &acquire_context)?;
        let pinned = entries(&snapshots);
        let dir = loaded.path.parent().unwrap_or(Path::new("."));
        let compiled = CompiledRecipe::new(recipe, snapshots, !self.recipe.no_excerpts, dir)?;
        workspace.begin_run(&recipe.name)?;
        let runner::Run { receipts, reused, computed } =
            runner::run(&compiled.plan, &store, &global.options(cancel), &console)?;
        let target = self.output.join(&recipe.name);
        let record = record(&loaded, &compiled, &receipts, &pinned, &target);
        // Written before the corpus, so that `why` and `query` work even if planning the mixture fails.
        record.write(&workspace.run_path(&recipe.name))?;
        workspace.end_run(&recipe.name)?;
        let manifest = assemble(&loaded, &compiled, &receipts, &store, &pinned, &target, &console)?;
        let seconds = started.elapsed().as_secs_f64();
        let corpus = manifest.corpus_digest.parse().ok();
        RunRecord { corpus, seconds, ..record }.write(&workspace.run_path(&recipe.name))?;
        console.message(summary(recipe, &compiled, &receipts, &manifest));
        console.message(format!(
            "{}: {computed} tasks computed, {reused} reused, {seconds:.1} s\ncorpus {} in {}",
            recipe.name,
            manifest.corpus_digest,
            target.display()
        ));
        Ok(())
    }
}

/// Locks the store against `gc`.
pub(super) fn lock_store(store: &LocalStore) -> anyhow::Result<fs_err::File> {
    let held = store.lock(false)?;
    let in_use = || UserError::new("`corpusmill gc` is using this store").with_hint("run again after it exits");
    Ok(held.ok_or_else(in_use)?)
}

fn entries(snapshots: &BTreeMap<String, Snapshot>) -> BTreeMap<String, SnapshotEntry> {
    let entry = |snapshot: &Snapshot| SnapshotEntry {
        digest: snapshot.digest().to_string(),
        variant: snapshot.variant.clone(),
    };
    snapshots.iter().map(|(name, snapshot)| (name.clone(), entry(snapshot))).collect()
}

fn record(
    loaded: &LoadedRecipe,
    compiled: &CompiledRecipe,
    receipts: &Receipts,
    pinned: &BTreeMap<String, SnapshotEntry>,
    target: &Path,
) -> RunRecord {
    RunRecord {
        name: loaded.recipe.name.clone(),
        recipe: loaded.path.display().to_string(),
        nodes: RunRecord::nodes(&compiled.plan, receipts),
        documents: compiled.documents.0.iter().map(|id| id.0).collect(),
        snapshots: pinned.iter().filter_map(|(name, entry)| Some((name.clone(), entry.digest.parse().ok()?))).collect(),
        corpus: None,
        output: Some(target.to_owned()),
        seconds: 0.0,
    }
}

fn assemble(
    loaded: &LoadedRecipe,
    compiled: &CompiledRecipe,
    receipts: &Receipts,
    store: &LocalStore,
    pinned: &BTreeMap<String, SnapshotEntry>,
    target: &Path,
    console: &Console,
) -> anyhow::Result<Manifest> {
    let parts = CorpusInputs {
        plan: &compiled.plan,
        receipts,
        store,
        documents: &compiled.documents.0,
        tokenizer: &compiled.tokenizer,
        shards: &compiled.shards,
        layout: &compiled.layout,
        name: &loaded.recipe.name,
        mixture: &loaded.recipe.mixture,
        settings: serde_json::to_value(&loaded.recipe)?,
        snapshots: pinned.clone(),
    };
    let identity = parts.identity();
    if let Some(manifest) = existing_corpus(target, identity) {
        return Ok(manifest);
    }
    console.message("  assembling the corpus");
    let manifest = parts.write(target, |dir, manifest| {
        fs_err::write(dir.join("report.html"), report::page(&parts, manifest)?)?;
        Ok(fs_err::write(dir.join(IDENTITY), format!("{identity}\n"))?)
    })?;
    Ok(manifest)
}

/// The manifest of the existing corpus, if it was built from the same parts and all its files have the right size.
fn existing_corpus(target: &Path, identity: Digest) -> Option<Manifest> {
    let known: Digest = fs_err::read_to_string(target.join(IDENTITY)).ok()?.trim().parse().ok()?;
    let manifest = Manifest::read(target).ok()?;
    let whole = manifest
        .shards
        .values()
        .flat_map(BTreeMap::values)
        .flatten()
        .all(|shard| fs_err::metadata(target.join(&shard.path)).is_ok_and(|meta| meta.len() == shard.bytes));
    let rest = ["tokenizer.json", "report.html", "rejected"].iter().all(|name| target.join(name).exists());
    (known == identity && whole && rest).then_some(manifest)
}

/// Formats the funnel and the mixture as text.
fn summary(recipe: &Recipe, compiled: &CompiledRecipe, receipts: &Receipts, manifest: &Manifest) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{:28} {:>10} {:>10} {:>9} {:>10} {:>8}",
        "stage", "documents", "bytes", "rejected", "kept", "seconds"
    );
    for row in report::funnel(&compiled.plan, receipts) {
        let _ = writeln!(
            out,
            "{:28} {:>10} {:>10} {:>9} {:>10} {:>8.1}",
            row.path,
            HumanCount(row.rows_in).to_string(),
            if row.bytes_in == 0 { "-".to_owned() } else { DecimalBytes(row.bytes_in).to_string() },
            HumanCount(row.rejected).to_string(),
            HumanCount(row.rows_out).to_string(),
            row.seconds
        );
    }
    let _ = writeln!(
        out,
        "\n{:20} {:>12} {:>12} {:>12} {:>9} {:>8} {:>7}",
        "source", "documents", "train", "validation", "requested", "actual", "epochs"
    );
    for name in recipe.sources.keys() {
        let Some(source) = manifest.sources.get(name) else { continue };
        let (requested, actual) = report::shares(manifest, name);
        let epochs = manifest.schedule.sources.get(name).map_or(0.0, |source| source.epochs);
        let _ = writeln!(
            out,
            "{name:20} {:>12} {:>12} {:>12} {:>8.1}% {:>7.1}% {epochs:>7.2}",
            HumanCount(source.train.documents + source.validation.documents).to_string(),
            HumanCount(source.train.tokens).to_string(),
            HumanCount(source.validation.tokens).to_string(),
            requested * 100.0,
            actual * 100.0
        );
    }
    let _ = writeln!(
        out,
        "\n{} tokens scheduled{}, vocabulary {}",
        HumanCount(manifest.schedule.tokens),
        if manifest.schedule.shortfall > 0 {
            format!(
                " ({} fewer than requested: sources ran out at max-epochs)",
                HumanCount(manifest.schedule.shortfall)
            )
        } else {
            String::new()
        },
        HumanCount(manifest.tokenizer.vocabulary_size.into())
    );
    out
}
