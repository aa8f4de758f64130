//! `corpusmill check`: validates recipes and runs their examples, without running the recipes.

use std::path::PathBuf;

use clap::Args;
use corpusmill_page::plural;
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::document::{DOCUMENT, Document, DocumentBuilder, content_digest, text_column};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{MemoryStore, Selection, Store, Table};
use corpusmill_pipeline::{DocumentId, PartAddress, PlanBuilder, StageError};

use crate::args::{GlobalArgs, RecipeArgs};
use crate::console::print;
use corpusmill_stages::compile::{shared_steps, source_steps};
use corpusmill_stages::recipe::{Example, Expect, LoadedRecipe};
use corpusmill_stages::sources::acquire::Acquire;

/// Check recipes without running them, and run their examples.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Recipe files, or names of recipes in `recipes/`.
    #[arg(required = true, value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// Override a setting: `path.to.key=value`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The outcome of an example.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Kept,
    Rejected(String),
}

impl Check {
    pub(super) fn run(self, global: &GlobalArgs) -> anyhow::Result<()> {
        let mut failed = 0;
        for recipe in &self.recipes {
            let arguments = RecipeArgs { recipe: recipe.clone(), set: self.set.clone(), ..RecipeArgs::default() };
            let checked = arguments.load().and_then(|loaded| {
                for warning in missing_paths(&loaded) {
                    global.console().warning(warning);
                }
                examples(&loaded)
            });
            match checked {
                Ok(count) => {
                    print(&format!("{}: valid, {} passed\n", recipe.display(), plural(count as u64, "example")))?;
                }
                Err(error) if self.recipes.len() == 1 => return Err(error),
                Err(error) => {
                    failed += 1;
                    global.console().warning(format!("{error:#}"));
                }
            }
        }
        anyhow::ensure!(failed == 0, "{failed} of {} recipes failed the check", self.recipes.len());
        Ok(())
    }
}

/// A warning for each path of the recipe without a file; a recipe is often checked before its input is there.
fn missing_paths(loaded: &LoadedRecipe) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, source) in &loaded.recipe.sources {
        let Acquire::Files(files) = &source.acquire else { continue };
        for path in files.missing_paths() {
            let message = format!("source `{name}`: `{path}` does not exist; paths are relative to the current folder");
            warnings.push(loaded.source.error_near(&["sources", name, "0", "files"], message).to_string());
        }
    }
    warnings
}

/// Runs the examples of a recipe; returns their number.
fn examples(loaded: &LoadedRecipe) -> anyhow::Result<usize> {
    for (index, example) in loaded.recipe.examples.iter().enumerate() {
        let outcome = outcome(loaded, example)?;
        let expected = match &example.expect {
            Expect::Kept => Outcome::Kept,
            Expect::Rejected(rule) => Outcome::Rejected(rule.clone()),
        };
        if outcome != expected {
            let head: String = example.text.chars().take(60).collect();
            let message = format!(
                "example {} ({head:?}) was {}, but {} was expected",
                index + 1,
                describe(&outcome),
                describe(&expected)
            );
            return Err(loaded.source.error_at(&["examples", &index.to_string(), "expect"], message).into());
        }
    }
    Ok(loaded.recipe.examples.len())
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Kept => "kept".to_owned(),
        Outcome::Rejected(rule) => format!("rejected by {rule}"),
    }
}

/// Runs one document through the steps of its source and the shared steps, with the same code as a run.
fn outcome(loaded: &LoadedRecipe, example: &Example) -> anyhow::Result<Outcome> {
    let recipe = &loaded.recipe;
    let first = recipe.sources.keys().next().cloned().unwrap_or_default();
    let source = example.source.clone().unwrap_or(first);
    let media_type = example.media_type.clone().unwrap_or_else(|| "text/plain".to_owned());
    let document = Document {
        id: DocumentId::new(&source, "example").to_string(),
        source: source.clone(),
        origin: "example".to_owned(),
        content_digest: content_digest(example.text.as_bytes()),
        text: example.text.clone(),
        title: None,
        language: example.language.clone(),
        licence: example.licence.clone(),
        media_type: Some(media_type),
        charset: None,
    };
    let mut rows = DocumentBuilder::default();
    let batches = rows.push(document)?.into_iter().chain(rows.take()?).collect();
    let mut builder = PlanBuilder::new(Excerpts(None));
    let literal = builder.add("example", InMemorySource::new(DOCUMENT.clone(), vec![batches])?, &[])?;
    let own = source_steps(loaded, &source, &mut builder, literal, &mut Vec::new())?;
    shared_steps(loaded, &mut builder, own, &mut Vec::new())?;
    let plan = builder.finish();
    let store = MemoryStore::default();
    let options =
        RunnerOptions { threads: 1, shuffle: None, context: corpusmill_pipeline::task::TaskContext::default() };
    let receipts = runner::run(&plan, &store, &options, &Silent)?.receipts;
    for receipt in receipts.0.iter().flatten().flatten().filter(|receipt| receipt.result.rejected_rows() > 0) {
        let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
        let rows = store.read(&address, Table::Rejected, receipt, Selection::default())?;
        if let Some(batch) = rows.into_iter().flatten().next() {
            let batch = batch.map_err(StageError::from)?;
            return Ok(Outcome::Rejected(format!(
                "{}.{}",
                receipt.result.stage,
                text_column(&batch, "rule")?.value(0)
            )));
        }
    }
    Ok(Outcome::Kept)
}
