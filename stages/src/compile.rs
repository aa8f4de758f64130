//! Compiles a recipe to a plan: sources, steps in order, tokenizer, shards.
//!
//! Invariant: the plan is a function of the recipe and its snapshots.

use std::collections::BTreeMap;
use std::path::Path;

use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::snapshot::{Lockfile, Snapshot};
use corpusmill_pipeline::{Dataset, Plan, PlanBuilder, StageError};

use crate::dedup::{Dedup, ExportedSignatures};
use crate::mix::ShardLayout;
use crate::recipe::{LoadedRecipe, Recipe, acquire_error};
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
    /// If a step's settings or columns are invalid.
    pub fn new(
        recipe: &Recipe,
        snapshots: BTreeMap<String, Snapshot>,
        excerpts: bool,
        recipe_dir: &Path,
    ) -> Result<Self, StageError> {
        let mut builder = PlanBuilder::new(Excerpts(excerpts.then_some(redact_excerpt as fn(&str) -> String)));
        let mut snapshots = snapshots;
        let (mut datasets, mut exported) = (Vec::new(), Vec::new());
        for (name, source) in &recipe.sources {
            let snapshot = snapshots.remove(name).unwrap_or_default();
            let read = source.acquire.add_to(&mut builder, name, snapshot, recipe.partitions)?;
            datasets.push(source_steps(recipe, name, &mut builder, read, &mut exported)?);
        }
        let documents = shared_steps(recipe, &mut builder, Dataset::union(datasets), &mut exported)?;
        let (tokenizer, tokens) = recipe.tokenizer.add_to(&mut builder, &documents, &recipe.weights(), recipe_dir)?;
        let layout = ShardLayout { sources: recipe.sources.keys().cloned().collect(), shards: recipe.shards };
        let shards = layout.add_to(&mut builder, &tokens, &recipe.mixture)?;
        Ok(Self { plan: builder.finish(), documents, tokenizer, shards, layout, signatures: exported.pop() })
    }
}

/// Adds a source's own steps after the stage that reads its documents; signatures that they export are appended to
/// `exported`.
///
/// # Errors
/// If a step's settings or columns are invalid.
pub fn source_steps(
    recipe: &Recipe,
    name: &str,
    builder: &mut PlanBuilder,
    documents: Dataset,
    exported: &mut Vec<ExportedSignatures>,
) -> Result<Dataset, StageError> {
    let steps = recipe.sources.get(name).map(|source| source.steps.as_slice()).unwrap_or_default();
    add(recipe, steps, name, builder, documents, exported)
}

/// Adds the steps shared by all sources; signatures that they export are appended to `exported`.
///
/// # Errors
/// If a step's settings or columns are invalid.
pub fn shared_steps(
    recipe: &Recipe,
    builder: &mut PlanBuilder,
    documents: Dataset,
    exported: &mut Vec<ExportedSignatures>,
) -> Result<Dataset, StageError> {
    add(recipe, &recipe.steps, "all", builder, documents, exported)
}

fn add(
    recipe: &Recipe,
    steps: &[Step],
    prefix: &str,
    builder: &mut PlanBuilder,
    mut documents: Dataset,
    exported: &mut Vec<ExportedSignatures>,
) -> Result<Dataset, StageError> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for step in steps {
        let count = seen.entry(step.name()).or_default();
        *count += 1;
        let path =
            if *count == 1 { format!("{prefix}/{}", step.name()) } else { format!("{prefix}/{}-{count}", step.name()) };
        documents = match step {
            Step::Dedup(dedup) => {
                // By default, the order of the sources decides which duplicate survives.
                let prefer = dedup.prefer.clone().unwrap_or_else(|| recipe.sources.keys().cloned().collect());
                let dedup = Dedup { prefer: Some(prefer), ..dedup.clone() };
                let output = dedup.add_to(builder, &path, &documents)?;
                exported.extend(output.signatures);
                output.documents
            }
            step => step.add_to(builder, &path, &documents)?,
        };
    }
    Ok(documents)
}
