//! Single-stage commands: each runs the same code as a recipe, as a plan of one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::store::{LocalStore, Selection, Store, Table};
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{Dataset, PartAddress, Plan, PlanBuilder, StageError, UserError, runner};
use corpusmill_recipe::NamedSource;
use corpusmill_shards::{MixtureSettings, TokenBudget};
use serde_json::Value;

use super::concatenate::concatenate_parquet;
use super::io::{BatchWriter, IoArgs, TemporaryFile, check_outputs, is_parquet, is_stdout, outcome};
use super::stream;
use super::train_filter::TrainFilter;
use crate::args::GlobalArgs;
use corpusmill_crawler::CrawlSettings;
use corpusmill_extract::CleanSettings;
use corpusmill_stages::compile::redact_excerpt;
use corpusmill_stages::dedup::paragraphs::DedupParagraphs;
use corpusmill_stages::dedup::{Dedup, SignatureWriter, signature_path};
use corpusmill_stages::filter::FilterSettings;
use corpusmill_stages::filter::language::identify;
use corpusmill_stages::sources::acquire::Acquire;
use corpusmill_stages::sources::files::Files;
use corpusmill_stages::step::Step;
use corpusmill_stages::tokenize::{Tokenizer, Train};
use corpusmill_terminal::StopSignals;

/// Settings without their own flag.
#[derive(Debug, Clone, Args)]
pub(super) struct SettingsArgs {
    /// Override a setting of the step: `path.to.key=value`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Read the step's settings from this YAML file, written as in a recipe. Flags whose value is not the default
    /// override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    fn apply<T: serde::Serialize + serde::de::DeserializeOwned>(&self, flags: T) -> anyhow::Result<T> {
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
    io: IoArgs,
    /// Override how files are read: `path.to.key=value` of the source `files`, such as `columns.text=body`.
    #[arg(long, value_name = "KEY=VALUE")]
    read: Vec<String>,
}

impl InputArgs {
    /// Checks the arguments of a command that reads standard input line by line.
    fn check_stream(&self) -> anyhow::Result<()> {
        self.io.check()?;
        let no_effect = UserError::new("--read has no effect on standard input")
            .with_hint("standard input is JSON Lines; give a file to set how it is read");
        anyhow::ensure!(self.read.is_empty(), no_effect);
        Ok(())
    }

    fn files(&self) -> anyhow::Result<Files> {
        self.io.check()?;
        let mut files = Files { paths: self.io.input.clone(), ..Files::default() };
        for set in &self.read {
            files = corpusmill_stages::recipe::set(&files, set)?;
        }
        Ok(files)
    }
}

/// Runs a plan over acquired input.
struct SingleStage<'a> {
    global: &'a GlobalArgs,
    cancel: &'a Arc<AtomicBool>,
    /// The files that the command writes.
    outputs: Vec<&'a Path>,
    /// Fetch again what the store has.
    fresh: bool,
}

/// The results of a single-stage run.
struct StageResult {
    plan: Plan,
    receipts: Receipts,
    store: LocalStore,
    _held: fs_err::File,
}

impl SingleStage<'_> {
    fn run(
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
    fn each(
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
    fn write_documents(&self, documents: &Dataset, output: &Path) -> anyhow::Result<u64> {
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

    /// Writes the clusters of `dedup`.
    fn write_clusters(&self, path: &Path, clusters: &Dataset) -> anyhow::Result<()> {
        let node = clusters.0.first().copied().unwrap_or(NodeId(0));
        let schema = &self.plan.node(node).schema;
        // The first column, the row in its partition, is internal.
        let columns: Vec<usize> = (1..schema.fields().len()).collect();
        let mut output = BatchWriter::create(path, &Arc::new(schema.project(&columns)?))?;
        self.each(clusters, Table::Data, |batch| output.write(&batch.project(&columns)?))?;
        output.finish()?;
        Ok(())
    }

    /// Writes the documents and the rejected documents; prints their numbers.
    fn write(&self, name: &str, documents: &Dataset, io: &IoArgs, global: &GlobalArgs) -> anyhow::Result<()> {
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
fn run_step(step: &Step, inputs: &InputArgs, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
    step.check()?;
    let mut documents = None;
    let single = SingleStage { global, cancel, outputs: inputs.io.outputs(), fresh: false };
    let finished = single.run(&Acquire::Files(inputs.files()?), |builder, read| {
        documents = Some(step.add_to(builder, step.name(), &read)?);
        Ok(())
    })?;
    finished.write(step.name(), &documents.context("the step has no output")?, &inputs.io, global)
}

fn threads(global: &GlobalArgs) -> usize {
    global.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
}

/// Read files, archives, WARC, Parquet or JSON Lines as documents.
#[derive(Debug, Args)]
pub(super) struct ReadCommand {
    #[command(flatten)]
    inputs: InputArgs,
}

impl ReadCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let spooled = spool(&self.inputs)?;
        let mut documents = None;
        let single = SingleStage { global, cancel, outputs: self.inputs.io.outputs(), fresh: false };
        let finished = single.run(&Acquire::Files(spooled.inputs.files()?), |_, read| {
            documents = Some(read);
            Ok(())
        })?;
        finished.write("read", &documents.context("the step has no output")?, &self.inputs.io, global)
    }
}

/// Crawl the web from seeds into WARC files and documents.
#[derive(Debug, Args)]
pub(super) struct CrawlCommand {
    /// URL to start from; repeat for more.
    #[arg(long, value_name = "URL", required = true)]
    seed: Vec<String>,
    /// Maximum number of pages.
    #[arg(long, default_value_t = CrawlSettings::default().max_pages)]
    max_pages: u64,
    /// E-mail address or URL where site owners can reach you; required for public hosts.
    #[arg(long)]
    contact: Option<String>,
    /// Fetch the pages again, even if the store has a finished crawl with the same settings.
    #[arg(long)]
    refresh: bool,
    /// Output file for the documents: .parquet, .jsonl, .jsonl.gz, .jsonl.zst, or `-` for standard output. The WARC
    /// files stay in the folder `crawl/` of the store.
    #[arg(long, short, default_value = "-")]
    output: PathBuf,
    /// Write rejected URLs to this file, with rule, value and threshold.
    #[arg(long, value_name = "PATH")]
    rejected: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl CrawlCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let flags = CrawlSettings {
            seeds: self.seed.clone(),
            max_pages: self.max_pages,
            contact: self.contact.clone(),
            ..CrawlSettings::default()
        };
        let settings = self.settings.apply(flags)?;
        let mut documents = None;
        let single = SingleStage { global, cancel, outputs: Vec::new(), fresh: self.refresh };
        let finished = single.run(&Acquire::Crawl(settings), |_, read| {
            documents = Some(read);
            Ok(())
        })?;
        let io = IoArgs { input: Vec::new(), output: self.output.clone(), rejected: self.rejected.clone() };
        finished.write("crawl", &documents.context("the step has no output")?, &io, global)
    }
}

/// Extract the main content of HTML as Markdown or plain text.
#[derive(Debug, Args)]
pub(super) struct CleanCommand {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl CleanCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let step = Step::Clean(self.settings.apply(CleanSettings::default())?);
        let io = &self.inputs.io;
        if io.is_stream() {
            self.inputs.check_stream()?;
            let console = global.console();
            return stream::run_stream(&step, &io.output, io.rejected.as_deref(), true, threads(global), &console);
        }
        run_step(&step, &self.inputs, global, cancel)
    }
}

/// Remove exact and near duplicates.
#[derive(Debug, Args)]
pub(super) struct DedupCommand {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    dedup: Dedup,
    /// Write the documents of clusters to this file: id, cluster (id of the document that is kept), survivor (whether it is
    /// this one), exact (equal text), jaccard, size of the cluster, earlier (kept in an earlier corpus).
    #[arg(long, value_name = "PATH")]
    clusters: Option<PathBuf>,
    /// Write the signatures of the documents that are kept to this Parquet file, for `--against` of a later command.
    #[arg(long, value_name = "PATH")]
    signatures: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl DedupCommand {
    /// Returns an error if an output cannot be written as its name says, or is also an input or another output.
    fn check_outputs_of(&self, dedup: &Dedup) -> anyhow::Result<()> {
        let unnamed = UserError::new("`signatures` is a setting of recipes; a single command writes them to a file")
            .with_hint("--signatures FILE.parquet");
        anyhow::ensure!(!dedup.signatures || self.signatures.is_some(), unnamed);
        if let Some(path) = &self.signatures {
            let other = UserError::new(format!("{}: signatures are written as Parquet", path.display()))
                .with_hint("name a file that ends in .parquet");
            anyhow::ensure!(!is_stdout(path) && is_parquet(path)?, other);
        }
        if let Some(path) = &self.clusters {
            is_parquet(path)?;
        }
        let io = &self.inputs.io;
        let against = dedup.against.iter().map(|path| signature_path(path));
        let inputs: Vec<PathBuf> = io.input.iter().map(PathBuf::from).chain(against).collect();
        let outputs = [Some(&io.output), io.rejected.as_ref(), self.clusters.as_ref(), self.signatures.as_ref()];
        let outputs: Vec<&Path> = outputs.into_iter().flatten().map(PathBuf::as_path).collect();
        check_outputs(&outputs, &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }

    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let dedup = self.settings.apply(self.dedup.clone())?;
        let io = &self.inputs.io;
        self.check_outputs_of(&dedup)?;
        // Signatures are exported to the file that `--signatures` names.
        let dedup = Dedup { signatures: self.signatures.is_some(), ..dedup };
        let extra = [self.clusters.as_deref(), self.signatures.as_deref()];
        let outputs =
            io.outputs().into_iter().chain(extra.into_iter().flatten().filter(|path| !is_stdout(path))).collect();
        let spooled = spool(&self.inputs)?;
        let mut output = None;
        let finished = SingleStage { global, cancel, outputs, fresh: false }.run(
            &Acquire::Files(spooled.inputs.files()?),
            |builder, read| {
                let added = dedup.add_to(builder, "dedup", &read)?;
                let exported = added.signatures.as_ref().map(|one| one.export(builder, &added.documents));
                output = Some((added, exported.transpose()?));
                Ok(())
            },
        )?;
        let (output, exported) = output.context("the step has no output")?;
        finished.write("dedup", &output.documents, io, global)?;
        if let Some(path) = &self.clusters {
            finished.write_clusters(path, &output.clusters)?;
        }
        if let (Some(path), Some(exported)) = (&self.signatures, &exported) {
            let temporary = TemporaryFile::new(path)?;
            let mut writer = SignatureWriter::create(temporary.path(), exported)?;
            finished.each(&exported.dataset, Table::Data, |batch| Ok(writer.write(batch)?))?;
            writer.finish()?;
            temporary.publish(path)?;
        }
        Ok(())
    }
}

/// Cut paragraphs or lines that stand in many documents.
#[derive(Debug, Args)]
pub(super) struct DedupParagraphsCommand {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    paragraphs: DedupParagraphs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl DedupParagraphsCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let step = Step::DedupParagraphs(self.settings.apply(self.paragraphs.clone())?);
        let spooled = spool(&self.inputs)?;
        run_step(&step, &spooled.inputs, global, cancel)
    }
}

/// Compute quality signals and filter by thresholds, write scores, or train a filter's model.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct FilterCommand {
    #[command(subcommand)]
    command: Option<FilterSubcommand>,
    #[command(flatten)]
    apply: ApplyFilter,
}

/// Commands of `filter`.
#[derive(Debug, Subcommand)]
enum FilterSubcommand {
    /// Train the model of a filter from labelled texts.
    #[command(subcommand)]
    Train(TrainFilter),
}

impl FilterCommand {
    /// Training is ended at once by a signal; it writes nothing before its end.
    pub(super) fn run(self, global: &GlobalArgs, signals: &StopSignals) -> anyhow::Result<()> {
        match self.command {
            Some(FilterSubcommand::Train(command)) => command.run(global),
            None => self.apply.run(global, signals.defer()),
        }
    }
}

/// Groups of rules and the documents to apply them to.
#[derive(Debug, Args)]
struct ApplyFilter {
    /// Rule groups to apply with their default settings: language, licence, length, gopher-quality, gopher-repetition,
    /// c4, fineweb, code, toxicity, lines, redact.
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Write scores instead of rejecting documents; for `toxicity` and `language`, on JSON Lines.
    #[arg(long)]
    score: bool,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl ApplyFilter {
    fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let io = &self.inputs.io;
        let groups: serde_json::Map<String, Value> =
            self.groups.iter().map(|group| (group.clone(), serde_json::json!({}))).collect();
        let text = Value::Object(groups).to_string();
        let flags: FilterSettings = NamedSource { file: "GROUP".to_owned(), text }.parse()?;
        let mut settings = self.settings.apply(flags)?;
        // Once, not for each chunk of a stream.
        settings.load_models()?;
        if self.score {
            let error = UserError::new("--score reads standard input only").with_hint("--input -");
            anyhow::ensure!(io.is_stream(), error);
            self.inputs.check_stream()?;
            let has_settings = !self.settings.set.is_empty() || self.settings.config.is_some();
            let no_effect = UserError::new("`--set` and `--config` have no effect on the scores of `language`");
            anyhow::ensure!(!has_settings || self.groups != ["language"], no_effect.with_hint("remove them"));
            return score(&self.groups, settings, &io.output, threads(global));
        }
        let step = Step::Filter(Box::new(settings));
        step.check()?;
        if io.is_stream() {
            self.inputs.check_stream()?;
            let console = global.console();
            return stream::run_stream(&step, &io.output, io.rejected.as_deref(), false, threads(global), &console);
        }
        run_step(&step, &self.inputs, global, cancel)
    }
}

fn score(groups: &[String], settings: FilterSettings, output: &Path, threads: usize) -> anyhow::Result<()> {
    match groups {
        [group] if group == "toxicity" => {
            let toxicity = settings.toxicity.unwrap_or_default();
            stream::map_lines(output, threads, |line| {
                let Some(text) = line.text("text") else { return line.null_score() };
                let language = line.text("language").or_else(|| line.text("lang"));
                serde_json::json!({ "id": line.id(), "score": toxicity.score(text, language) })
            })
        }
        [group] if group == "language" => stream::map_lines(output, threads, |line| {
            let Some(text) = line.text("text") else { return line.null_score() };
            let found = identify(text);
            let (lang, score) = found.map_or((None, None), |found| (Some(found.language), Some(found.score)));
            serde_json::json!({ "id": line.id(), "lang": lang, "score": score })
        }),
        _ => anyhow::bail!("--score takes one group: `toxicity` or `language`"),
    }
}

/// Train or load a tokenizer and encode documents.
#[derive(Debug, Args)]
pub(super) struct TokenizeCommand {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    train: Train,
    /// Load this tokenizer.json instead of training one.
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Write the tokenizer.json to this file.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl TokenizeCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let tokenizer = match &self.tokenizer {
            Some(path) => Tokenizer::Load(path.clone()),
            None => Tokenizer::Train(self.train.clone()),
        };
        let spooled = spool(&self.inputs)?;
        let mut datasets = None;
        let outputs = self.inputs.io.outputs().into_iter().chain(self.save.as_deref()).collect();
        let finished = SingleStage { global, cancel, outputs, fresh: false }.run(
            &Acquire::Files(spooled.inputs.files()?),
            |builder, read| {
                datasets = Some(tokenizer.add_to(builder, &read, &BTreeMap::new(), Path::new("."))?);
                Ok(())
            },
        )?;
        let (tokenizer, tokens) = datasets.context("the step has no output")?;
        if let Some(path) = &self.save {
            finished.each(&tokenizer, Table::Data, |batch| {
                let json = corpusmill_pipeline::document::text_column(batch, "json")?.value(0).to_owned();
                Ok(corpusmill_pipeline::store::write_atomically(path, json.as_bytes())?)
            })?;
        }
        finished.write("tokenize", &tokens, &self.inputs.io, global)
    }
}

/// Standard input copied to a file, for steps that need all documents at once.
struct SpooledInputs {
    inputs: InputArgs,
    _dir: Option<tempfile::TempDir>,
}

fn spool(inputs: &InputArgs) -> anyhow::Result<SpooledInputs> {
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

/// Build a corpus from documents: tokenize, shard and plan the mixture.
#[derive(Debug, Args)]
pub(super) struct MixCommand {
    /// Documents of one source: `NAME=PATH`; repeat for each source.
    #[arg(long, short, value_name = "NAME=PATH", required = true)]
    input: Vec<String>,
    /// Weight of a source in the mixture: `NAME=WEIGHT`; by default proportional to its tokens.
    #[arg(long, value_name = "NAME=WEIGHT")]
    weight: Vec<String>,
    /// Token budget of the mixture, such as 20M; by default one pass over the sources.
    #[arg(long)]
    tokens: Option<TokenBudget>,
    /// Maximum number of passes over a source.
    #[arg(long, default_value_t = MixtureSettings::default().max_epochs)]
    max_epochs: f64,
    /// Seed of the shuffle order.
    #[arg(long, default_value_t = MixtureSettings::default().seed)]
    seed: u64,
    /// Load this tokenizer.json instead of training one.
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    #[command(flatten)]
    train: Train,
    /// Folder of the corpus; its last component is the corpus's name.
    #[arg(long, short)]
    output: PathBuf,
}

impl MixCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let pair = |text: &str, what: &str| -> anyhow::Result<(String, String)> {
            let (name, value) = text.split_once('=').with_context(|| format!("`{text}` is not {what}"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let mut sources = serde_json::Map::new();
        for input in &self.input {
            let (name, path) = pair(input, "NAME=PATH")?;
            let source = sources.entry(name).or_insert_with(|| serde_json::json!([{ "files": { "paths": [] } }]));
            if let Some(paths) = source[0]["files"]["paths"].as_array_mut() {
                paths.push(Value::String(path));
            }
        }
        let mut weights = serde_json::Map::new();
        for weight in &self.weight {
            let (name, value) = pair(weight, "NAME=WEIGHT")?;
            let value: f64 = value.parse().with_context(|| format!("`{value}` is not a number"))?;
            weights.insert(name, Value::from(value));
        }
        let tokenizer = match &self.tokenizer {
            Some(path) => serde_json::json!({ "load": fs_err::canonicalize(path)? }),
            None => serde_json::json!({ "train": self.train }),
        };
        let mut phase = serde_json::json!({ "weights": weights });
        if let Some(tokens) = self.tokens {
            phase["tokens"] = serde_json::json!(tokens);
        }
        let name = self.output.file_name().context("--output has no name")?.to_string_lossy().into_owned();
        let recipe = serde_json::json!({
            "name": name, "sources": sources, "tokenizer": tokenizer,
            "mixture": { "seed": self.seed, "max-epochs": self.max_epochs, "phases": [phase] },
        });
        // The recipe equivalent to these flags, kept next to the store so that it can be read, changed and run again.
        let path = global.workspace().root().join("mix").join(format!("{name}.yaml"));
        corpusmill_pipeline::store::write_atomically(&path, serde_json::to_string_pretty(&recipe)?.as_bytes())?;
        let parent = self.output.parent().filter(|parent| !parent.as_os_str().is_empty());
        super::run::Run::for_recipe(path, parent.unwrap_or(Path::new(".")).to_owned()).run(global, cancel)
    }
}
