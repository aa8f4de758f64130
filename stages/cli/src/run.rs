//! `corpusmill run`: builds the corpus of a recipe.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use corpusmill_page::plural;
use corpusmill_pipeline::runner::RunError;
use corpusmill_pipeline::snapshot::Snapshot;
use corpusmill_pipeline::store::{LocalStore, Store, StoreLock, remove_abandoned_files};
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{Digest, PartAddress, StageError, StoreError, UserError, runner};
use corpusmill_shards::{Manifest, SnapshotEntry};

use crate::args::{GlobalArgs, RecipeArgs};
use corpusmill_terminal::{DecimalBytes, HumanCount};

use crate::console::Console;
use crate::corpus_files::{Check, CorpusFiles, FILE_LIST};
use crate::record::RunRecord;
use crate::report;
use corpusmill_stages::compile::{CompiledRecipe, acquire_snapshots};
use corpusmill_stages::mix::assemble::{CorpusInputs, check_replaceable, remove_unfinished_corpora};
use corpusmill_stages::recipe::{LoadedRecipe, Recipe};
use corpusmill_stages::sources::lockfile::LockMode;
use corpusmill_stages::step::Step;
use corpusmill_stages::workspace::Workspace;

/// The parent folder of corpora, if the command line names none.
pub(super) const DEFAULT_OUTPUT: &str = "corpus";

/// Run a recipe: acquire, process, shard. Reuses results of earlier runs.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Parent folder of the corpus.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUTPUT)]
    output: PathBuf,
}

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
        remove_debris(&[workspace.root(), &self.output, &lock_folder(&self.recipe.lock_mode(&loaded))])?;
        console.message(format!("{}: acquiring {}", recipe.name, plural(recipe.sources.len() as u64, "source")));
        let target = self.output.join(&recipe.name);
        let lock_mode = self.recipe.lock_mode(&loaded);
        check_against(recipe, &target)?;
        let acquire_context = global.acquire_context(&console, cancel, &[&target, &lock_mode.lock]);
        let snapshots = acquire_snapshots(&loaded, &lock_mode, &acquire_context)?;
        let pinned = entries(&snapshots);
        let dir = loaded.path.parent().unwrap_or(Path::new("."));
        let compiled = CompiledRecipe::new(&loaded, snapshots, !self.recipe.no_excerpts, dir)?;
        check_replaceable(&target)?;
        warn_of_replacement(&loaded, &workspace.run_path(&recipe.name), &target, &console);
        warn_of_mixture(recipe, &console);
        workspace.begin_run(&recipe.name)?;
        // The record of a run that failed is beside that of the last one that ended: `why` and `query` answer for it, and
        // `gc` keeps the parts of both.
        let failed_name = format!("{}.failed", recipe.name);
        let mut recomputed = BTreeSet::new();
        let (record, runner::Run { receipts, reused, computed }, manifest) = loop {
            let run = runner::run(&compiled.plan, &store, &global.options(cancel), &console).inspect_err(|failed| {
                let record = record(&loaded, &compiled, &failed.receipts, &pinned, &target);
                record_failure(failed, &RunRecord { name: failed_name.clone(), ..record }, &workspace);
            })?;
            let record = record(&loaded, &compiled, &run.receipts, &pinned, &target);
            // Written before the corpus, so that `why` and `query` work even if planning the mixture fails.
            record.write(&workspace.run_path(&recipe.name))?;
            workspace.end_run(&recipe.name)?;
            match assemble(&loaded, &compiled, &run.receipts, &store, &pinned, &target, &console) {
                Ok(manifest) => break (record, run, manifest),
                // The runner has recomputed the damaged parts that it read; the corpus is made of others, too.
                Err(error) => match corrupt_part(&error).cloned() {
                    Some(address) if recomputed.insert(address.clone()) => {
                        console.warning(format!("{error:#}"));
                        store.discard(&address)?;
                    }
                    _ => return Err(error),
                },
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        let corpus = manifest.corpus_digest.parse().ok();
        RunRecord { corpus, seconds, ..record }.write(&workspace.run_path(&recipe.name))?;
        if workspace.run_path(&failed_name).exists() {
            fs_err::remove_file(workspace.run_path(&failed_name))?;
        }
        console.message(summary(recipe, &compiled, &receipts, &manifest));
        warn_of_schedule(recipe, &manifest, &console);
        console.message(format!(
            "{}: {} computed, {reused} reused, {seconds:.1} s",
            recipe.name,
            plural(computed.into(), "task")
        ));
        console.message(outputs(&target, &manifest));
        Ok(())
    }
}

/// Records how far a run came that failed, so that `why` and `query` can answer for it; a run that was stopped goes on.
fn record_failure(failed: &RunError, record: &RunRecord, workspace: &Workspace) {
    if !matches!(*failed.source, StageError::Cancelled) {
        // If this cannot be written, the error of the run itself says why.
        let _ = record.write(&workspace.run_path(&record.name));
    }
}

/// Where the results are, one on each line.
fn outputs(target: &Path, manifest: &Manifest) -> String {
    let report = target.join("report.html");
    format!("corpus {}\nreport {}\ndigest {}", target.display(), report.display(), manifest.corpus_digest)
}

/// Returns an error if the corpus to be written is one whose documents are to be left out.
fn check_against(recipe: &Recipe, target: &Path) -> anyhow::Result<()> {
    let steps = recipe.sources.values().flat_map(|source| &source.steps).chain(&recipe.steps);
    let against = steps.flat_map(|step| match step {
        Step::Dedup(dedup) => dedup.against.as_slice(),
        _ => &[],
    });
    for path in against {
        let (Ok(path), Ok(target)) = (fs_err::canonicalize(path), fs_err::canonicalize(target)) else { continue };
        let error = UserError::new(format!("dedup: against: {} is the corpus that this run replaces", path.display()))
            .with_hint("give the new corpus another name: --name NAME");
        anyhow::ensure!(!path.starts_with(target), error);
    }
    Ok(())
}

/// Warns about sources without a weight.
fn warn_of_mixture(recipe: &Recipe, console: &Console) {
    for source in recipe.mixture.unscheduled(recipe.sources.keys().map(String::as_str)) {
        let effect = "so none of its tokens are scheduled";
        console.warning(format!("no phase of the mixture has a weight for `{source}`, {effect}"));
    }
}

/// Warns about a schedule that is shorter than requested, and about a validation split that came out empty.
fn warn_of_schedule(recipe: &Recipe, manifest: &Manifest, console: &Console) {
    if manifest.schedule.shortfall > 0 {
        console.warning(format!(
            "{} fewer tokens are scheduled than the mixture requests: the sources ran out\nhint: add documents, raise \
             `mixture.max-epochs`, or request fewer `tokens`",
            HumanCount(manifest.schedule.shortfall)
        ));
    }
    let validation: u64 = manifest.sources.values().map(|source| source.validation.tokens).sum();
    if validation == 0 && recipe.mixture.validation_share > 0.0 {
        console.warning(format!(
            "the validation split is empty: a share of {} of the documents is less than one\nhint: raise \
             `mixture.validation-share`",
            recipe.mixture.validation_share
        ));
    }
}

/// Warns if the corpus of this name is that of another recipe, which still exists.
fn warn_of_replacement(loaded: &LoadedRecipe, record: &Path, target: &Path, console: &Console) {
    // A record that cannot be read is written anew by this run.
    let Ok(previous) = RunRecord::read(record) else { return };
    let (Ok(before), Ok(now)) = (fs_err::canonicalize(&previous.recipe), fs_err::canonicalize(&loaded.path)) else {
        return;
    };
    if before != now && previous.output.as_deref() == Some(target) && target.exists() {
        console.warning(format!(
            "{} was built from {}; this run replaces it\nhint: to keep both, give this one another name: --name NAME",
            target.display(),
            previous.recipe
        ));
    }
}

/// Locks the store against `gc`, and removes what killed runs left in it.
pub(super) fn lock_store(store: &LocalStore) -> anyhow::Result<fs_err::File> {
    let held = store.lock(StoreLock::Shared)?;
    let in_use = || UserError::new("`corpusmill gc` is using this store").with_hint("run again after it exits");
    let held = held.ok_or_else(in_use)?;
    store.sweep()?;
    Ok(held)
}

/// Removes what killed runs left in the folders of a workspace, beside corpora and beside a lock file.
pub(super) fn remove_debris(folders: &[&Path]) -> anyhow::Result<()> {
    for folder in folders {
        for dir in [folder.to_path_buf(), folder.join("runs"), folder.join("snapshots")] {
            remove_abandoned_files(&dir)?;
        }
        remove_unfinished_corpora(folder)?;
    }
    Ok(())
}

fn lock_folder(lock_mode: &LockMode) -> PathBuf {
    match lock_mode.lock.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The damaged part that an error is about.
pub(super) fn corrupt_part(error: &anyhow::Error) -> Option<&PartAddress> {
    error.chain().find_map(|cause| match cause.downcast_ref::<StoreError>() {
        Some(StoreError::Corrupt { address, .. }) => Some(address),
        _ => match cause.downcast_ref::<StageError>() {
            Some(StageError::Store(StoreError::Corrupt { address, .. })) => Some(address),
            _ => None,
        },
    })
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
    let inputs = CorpusInputs {
        plan: &compiled.plan,
        receipts,
        store,
        documents: &compiled.documents.0,
        tokenizer: &compiled.tokenizer,
        shards: &compiled.shards,
        layout: &compiled.layout,
        signatures: compiled.signatures.as_ref(),
        name: &loaded.recipe.name,
        mixture: &loaded.recipe.mixture,
        settings: serde_json::to_value(&loaded.recipe)?,
        snapshots: pinned.clone(),
    };
    let identity = inputs.identity();
    if let Some(manifest) = existing_corpus(target, identity, console)? {
        return Ok(manifest);
    }
    console.message("  assembling the corpus");
    let manifest = inputs.write(target, |dir, manifest| {
        fs_err::write(dir.join("report.html"), report::page(&inputs, manifest)?)?;
        CorpusFiles::of(dir, identity)?.write(dir)
    })?;
    Ok(manifest)
}

/// The manifest of the existing corpus, if it was built from the same inputs and none of its files has changed.
fn existing_corpus(target: &Path, inputs: Digest, console: &Console) -> anyhow::Result<Option<Manifest>> {
    let files = match CorpusFiles::read(target) {
        Ok(Some(files)) if files.inputs == inputs => files,
        Ok(_) => return Ok(None),
        Err(error) => {
            console.warning(format!("{}: {error}; the corpus is assembled again", target.join(FILE_LIST).display()));
            return Ok(None);
        }
    };
    let differences = files.differences(target, Check::Changed)?;
    if let Some(first) = differences.first() {
        console.warning(format!("{first}; the corpus is assembled again"));
        return Ok(None);
    }
    Ok(Some(Manifest::read(target)?))
}

/// Formats two tables: documents per stage, and tokens per source.
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
        "\n{:16} {:>9} {:>13} {:>13} {:>9} {:>7} {:>6}",
        "source", "documents", "train tokens", "valid. tokens", "requested", "actual", "epochs"
    );
    for name in recipe.sources.keys() {
        let Some(source) = manifest.sources.get(name) else { continue };
        let (requested, actual) = report::shares(manifest, name);
        let epochs = manifest.schedule.sources.get(name).map_or(0.0, |source| source.epochs);
        let _ = writeln!(
            out,
            "{name:16} {:>9} {:>13} {:>13} {:>8.1}% {:>6.1}% {epochs:>6.2}",
            HumanCount(source.train.documents + source.validation.documents).to_string(),
            HumanCount(source.train.tokens).to_string(),
            HumanCount(source.validation.tokens).to_string(),
            requested * 100.0,
            actual * 100.0
        );
    }
    let _ = writeln!(
        out,
        "\n{} tokens scheduled, vocabulary {}",
        HumanCount(manifest.schedule.tokens),
        HumanCount(manifest.tokenizer.vocabulary_size.into())
    );
    out
}
