//! Compiles a recipe to a plan: sources, steps in order, tokenizer, shards.
//!
//! Invariant: the plan is a function of the recipe and its snapshots.

use std::collections::BTreeMap;
use std::path::Path;

use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::snapshot::{Lockfile, Snapshot};
use corpusmill_pipeline::{Dataset, Plan, PlanBuilder, StageError};

use crate::dedup::{Dedup, ExportedSignatures, Signatures};
use crate::mix::ShardLayout;
use crate::recipe::{LoadedRecipe, Recipe, acquire_error, compile_error};
use crate::sources::AcquireContext;
use crate::sources::lockfile::{LockMode, acquire_pinned};
use crate::step::Step;

/// A plan and the datasets of its results.
#[derive(Debug)]
pub struct CompiledRecipe {
    /// The graph.
    pub plan: Plan,
    /// The final documents, before tokenization.
    pub documents: Dataset,
    /// The tokenizer.
    pub tokenizer: Dataset,
    /// The shards, one partition each, in the order of `layout`.
    pub shards: Dataset,
    /// Maps partitions to shards.
    pub layout: ShardLayout,
    /// The signatures that the corpus exports.
    pub signatures: Option<ExportedSignatures>,
}

/// Redacts an excerpt of a rejected document.
pub fn redact_excerpt(text: &str) -> String {
    crate::filter::redact::redact(text, &crate::filter::redact::RedactSettings::default()).0.into_owned()
}

/// Returns the snapshot of every source, pinned or newly acquired; writes the lock file if it changes.
///
/// # Errors
/// If a source cannot be acquired.
pub fn acquire_snapshots(
    loaded: &LoadedRecipe,
    lock_mode: &LockMode,
    context: &AcquireContext,
) -> Result<BTreeMap<String, Snapshot>, StageError> {
    let mut lock = Lockfile::read(&lock_mode.lock)?;
    let mut all = BTreeMap::new();
    for (name, source) in &loaded.recipe.sources {
        let snapshot = acquire_pinned(name, &source.acquire, lock_mode, &mut lock, context)
            .map_err(|error| acquire_error(error, name, &source.acquire, &loaded.source))?;
        if snapshot.items.is_empty() {
            context
                .progress
                .warning(&format!("the source `{name}` is empty: {} inputs were rejected", snapshot.rejected.len()));
        }
        all.insert(name.clone(), snapshot);
    }
    lock.sources.retain(|name, _| loaded.recipe.sources.contains_key(name));
    if lock_mode.write && !lock_mode.locked {
        lock.write(&lock_mode.lock)?;
    }
    Ok(all)
}

impl CompiledRecipe {
    /// Builds the plan of a recipe from its snapshots.
    ///
    /// # Errors
    /// If a step's settings or columns are invalid, at its place in the recipe.
    pub fn new(
        loaded: &LoadedRecipe,
        snapshots: BTreeMap<String, Snapshot>,
        excerpts: bool,
        recipe_dir: &Path,
    ) -> Result<Self, StageError> {
        let mut builder = PlanBuilder::new(Excerpts(excerpts.then_some(redact_excerpt as fn(&str) -> String)));
        let recipe = &loaded.recipe;
        let mut snapshots = snapshots;
        let (mut datasets, mut exported) = (Vec::new(), Vec::new());
        for (name, source) in &recipe.sources {
            let snapshot = snapshots.remove(name).unwrap_or_default();
            let read = source.acquire.add_to(&mut builder, name, snapshot, recipe.partitions)?;
            datasets.push(source_steps(loaded, name, &mut builder, read, &mut exported)?);
        }
        let documents = shared_steps(loaded, &mut builder, Dataset::union(datasets), &mut exported)?;
        let (tokenizer, tokens) = recipe.tokenizer.add_to(&mut builder, &documents, &recipe.weights(), recipe_dir)?;
        let layout = ShardLayout { sources: recipe.sources.keys().cloned().collect(), shards: recipe.shards };
        let shards = layout.add_to(&mut builder, &tokens, &recipe.mixture)?;
        let signatures = exported.pop().map(|signatures| signatures.export(&mut builder, &documents)).transpose()?;
        Ok(Self { plan: builder.finish(), documents, tokenizer, shards, layout, signatures })
    }
}

/// Adds a source's own steps after the stage that reads its documents; signatures that they export are appended to
/// `exported`.
///
/// # Errors
/// If a step's settings or columns are invalid.
pub fn source_steps(
    loaded: &LoadedRecipe,
    name: &str,
    builder: &mut PlanBuilder,
    documents: Dataset,
    exported: &mut Vec<Signatures>,
) -> Result<Dataset, StageError> {
    let steps = loaded.recipe.sources.get(name).map(|source| source.steps.as_slice()).unwrap_or_default();
    // The first entry of a source acquires its documents.
    let place = |index: usize| vec!["sources".to_owned(), name.to_owned(), (index + 1).to_string()];
    add(loaded, steps, (name, &place), builder, documents, exported)
}

/// Adds the steps shared by all sources; signatures that they export are appended to `exported`.
///
/// # Errors
/// If a step's settings or columns are invalid.
pub fn shared_steps(
    loaded: &LoadedRecipe,
    builder: &mut PlanBuilder,
    documents: Dataset,
    exported: &mut Vec<Signatures>,
) -> Result<Dataset, StageError> {
    let place = |index: usize| vec!["steps".to_owned(), index.to_string()];
    add(loaded, &loaded.recipe.steps, ("all", &place), builder, documents, exported)
}

/// The prefix of the paths of steps in the plan, and the place of each in the recipe.
type StepPlaces<'a> = (&'a str, &'a dyn Fn(usize) -> Vec<String>);

fn add(
    loaded: &LoadedRecipe,
    steps: &[Step],
    (prefix, place): StepPlaces<'_>,
    builder: &mut PlanBuilder,
    mut documents: Dataset,
    exported: &mut Vec<Signatures>,
) -> Result<Dataset, StageError> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let count = seen.entry(step.name()).or_default();
        *count += 1;
        let path =
            if *count == 1 { format!("{prefix}/{}", step.name()) } else { format!("{prefix}/{}-{count}", step.name()) };
        let added = match step {
            Step::Dedup(dedup) => add_dedup(&loaded.recipe, dedup, builder, &path, &documents, exported),
            step => step.add_to(builder, &path, &documents),
        };
        documents = added.map_err(|error| compile_error(error, &place(index), step.name(), &loaded.source))?;
    }
    Ok(documents)
}

/// Adds a step `dedup`. By default, the order of the sources decides which duplicate survives.
fn add_dedup(
    recipe: &Recipe,
    dedup: &Dedup,
    builder: &mut PlanBuilder,
    path: &str,
    documents: &Dataset,
    exported: &mut Vec<Signatures>,
) -> Result<Dataset, StageError> {
    let prefer = dedup.prefer.clone().unwrap_or_else(|| recipe.sources.keys().cloned().collect());
    let output = Dedup { prefer: Some(prefer), ..dedup.clone() }.add_to(builder, path, documents)?;
    exported.extend(output.signatures);
    Ok(output.documents)
}
