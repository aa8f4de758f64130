//! What all single-stage commands share: their input and settings, and the run of a plan of one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::Args;
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::store::{LocalStore, Selection, Store, Table};
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{Dataset, PartAddress, Plan, PlanBuilder, StageError, UserError, runner};
use corpusmill_recipe::NamedSource;
use serde_json::Value;

use super::concatenate::concatenate_parquet;
use super::io::{BatchWriter, IoArgs, is_parquet, outcome};
use crate::args::GlobalArgs;
use corpusmill_stages::compile::redact_excerpt;
use corpusmill_stages::sources::acquire::Acquire;
use corpusmill_stages::sources::files::Files;
use corpusmill_stages::step::Step;

/// Settings without their own flag.
#[derive(Debug, Clone, Args)]
pub(super) struct SettingsArgs {
    /// Override a setting of the step: `path.to.key=value`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Read the step's settings from this YAML file, written as in a recipe. Flags whose value is not the default
    /// override it.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// The settings of `file`, overridden by those of `flags` that are not the default. A group of settings that both have is
/// that of the file.
fn merged<T: serde::Serialize + serde::de::DeserializeOwned>(file: &T, flags: &T) -> anyhow::Result<T> {
    let defaults = serde_json::to_value(serde_json::from_str::<T>("{}")?)?;
    let (mut settings, flags) = (serde_json::to_value(file)?, serde_json::to_value(flags)?);
    let Some(all) = settings.as_object_mut() else { return Ok(serde_json::from_value(flags)?) };
    for (key, value) in flags.as_object().into_iter().flatten() {
        let is_group = value.is_object() && all.get(key).is_some_and(Value::is_object);
        if defaults.get(key) != Some(value) && !is_group {
            all.insert(key.clone(), value.clone());
        }
    }
    Ok(serde_json::from_value(settings)?)
}

impl SettingsArgs {
    /// The step's settings: from the file or the flags, then overridden by `--set`.
    pub(super) fn apply<T: serde::Serialize + serde::de::DeserializeOwned>(&self, flags: T) -> anyhow::Result<T> {
        let mut settings = match &self.config {
            None => flags,
            Some(path) => merged(&NamedSource::read(path)?.parse()?, &flags)?,
        };
        for set in &self.set {
            settings = corpusmill_stages::recipe::set(&settings, set)?;
        }
        Ok(settings)
    }
}

/// The input of a single-stage command and how to read it.
#[derive(Debug, Clone, Args)]
pub(super) struct InputArgs {
    #[command(flatten)]
    pub(super) io: IoArgs,
    /// Override how files are read: `path.to.key=value` of the source `files`, such as `columns.text=body`.
    #[arg(long, value_name = "KEY=VALUE")]
    read: Vec<String>,
}

impl InputArgs {
    /// Checks the arguments of a command that reads standard input line by line.
    pub(super) fn check_stream(&self) -> anyhow::Result<()> {
        self.io.check()?;
        let no_effect = UserError::new("--read has no effect on standard input")
            .with_hint("standard input is JSON Lines; give a file to set how it is read");
        anyhow::ensure!(self.read.is_empty(), no_effect);
        Ok(())
    }

    pub(super) fn files(&self) -> anyhow::Result<Files> {
        self.io.check()?;
        let mut files = Files { paths: self.io.input.clone(), ..Files::default() };
        for set in &self.read {
            files = corpusmill_stages::recipe::set(&files, set)?;
        }
        Ok(files)
    }
}

/// Runs a plan over acquired input.
pub(super) struct SingleStage<'a> {
    pub(super) global: &'a GlobalArgs,
    pub(super) cancel: &'a Arc<AtomicBool>,
    /// The files that the command writes.
    pub(super) outputs: Vec<&'a Path>,
    /// Fetch again what the store has.
    pub(super) fresh: bool,
}

/// The results of a single-stage run.
pub(super) struct StageResult {
    pub(super) plan: Plan,
    receipts: Receipts,
    store: LocalStore,
    _held: fs_err::File,
}

impl SingleStage<'_> {
    pub(super) fn run(
        &self,
        acquire: &Acquire,
        build: impl FnOnce(&mut PlanBuilder, Dataset) -> Result<(), StageError>,
    ) -> anyhow::Result<StageResult> {
        let console = self.global.console();
        let mut acquire_context = self.global.acquire_context(&console, self.cancel, &self.outputs);
        acquire_context.fresh = self.fresh;
        let store = acquire_context.workspace.store()?;
        let held = super::run::lock_store(&store)?;
        let snapshot = acquire.acquire("input", &acquire_context)?;
        let mut builder = PlanBuilder::new(Excerpts(Some(redact_excerpt)));
        let read = acquire.add_to(&mut builder, "input", snapshot, 64)?;
        build(&mut builder, read)?;
        let plan = builder.finish();
        let receipts = runner::run(&plan, &store, &self.global.options(self.cancel), &console)?.receipts;
        Ok(StageResult { plan, receipts, store, _held: held })
    }
}

impl StageResult {
    pub(super) fn each(
        &self,
        dataset: &Dataset,
        table: Table,
        mut visit: impl FnMut(&arrow_array::RecordBatch) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for &node in &dataset.0 {
            for receipt in self.receipts.of(node) {
                let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
                for batch in self.store.read(&address, table, receipt, Selection::default())?.into_iter().flatten() {
                    visit(&batch.map_err(StageError::from)?)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the documents. Returns their number.
    pub(super) fn write_documents(&self, documents: &Dataset, output: &Path) -> anyhow::Result<u64> {
        let last = documents.0.first().copied().unwrap_or(NodeId(0));
        let schema = &self.plan.node(last).schema;
        if is_parquet(output)? {
            let parts = documents.0.iter().flat_map(|&node| self.receipts.of(node));
            let with_rows = parts.filter(|receipt| receipt.result.rows_out > 0);
            return concatenate_parquet(output, schema, with_rows.map(|receipt| self.store.data_file(receipt)));
        }
        let mut output = BatchWriter::create(output, schema)?;
        self.each(documents, Table::Data, |batch| output.write(batch))?;
        output.finish()
    }

    /// Writes the documents and the rejected documents; prints their numbers.
    pub(super) fn write(
        &self,
        name: &str,
        documents: &Dataset,
        io: &IoArgs,
        global: &GlobalArgs,
    ) -> anyhow::Result<()> {
        let kept = self.write_documents(documents, &io.output)?;
        let all = Dataset((0..self.plan.nodes.len()).map(NodeId).collect());
        let mut rejected = io
            .rejected
            .as_ref()
            .map(|path| BatchWriter::create(path, &corpusmill_pipeline::document::REJECTED))
            .transpose()?;
        let mut rules: BTreeMap<String, u64> = BTreeMap::new();
        for receipt in self.receipts.0.iter().flatten().flatten() {
            for (rule, count) in &receipt.result.rejected {
                *rules.entry(format!("{}.{rule}", receipt.result.stage)).or_default() += count;
            }
        }
        if let Some(output) = &mut rejected {
            self.each(&all, Table::Rejected, |batch| output.write(batch))?;
        }
        rejected.map(BatchWriter::finish).transpose()?;
        global.console().message(outcome(name, kept, &rules));
        Ok(())
    }
}

/// Runs one step over files.
pub(super) fn run_step(
    step: &Step,
    inputs: &InputArgs,
    global: &GlobalArgs,
    cancel: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    step.check()?;
    let mut documents = None;
    let single = SingleStage { global, cancel, outputs: inputs.io.outputs(), fresh: false };
    let finished = single.run(&Acquire::Files(inputs.files()?), |builder, read| {
        documents = Some(step.add_to(builder, step.name(), &read)?);
        Ok(())
    })?;
    finished.write(step.name(), &documents.context("the step has no output")?, &inputs.io, global)
}

/// Standard input copied to a file, for steps that need all documents at once.
pub(super) struct SpooledInputs {
    pub(super) inputs: InputArgs,
    _dir: Option<tempfile::TempDir>,
}

pub(super) fn spool(inputs: &InputArgs) -> anyhow::Result<SpooledInputs> {
    if !inputs.io.is_stream() {
        return Ok(SpooledInputs { inputs: inputs.clone(), _dir: None });
    }
    inputs.io.check()?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("stdin.jsonl");
    std::io::copy(&mut std::io::stdin().lock(), &mut fs_err::File::create(&path)?)?;
    let mut inputs = inputs.clone();
    inputs.io.input = vec![path.display().to_string()];
    Ok(SpooledInputs { inputs, _dir: Some(dir) })
}
