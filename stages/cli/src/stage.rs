//! Single-stage commands: each runs the same code as a recipe, as a plan of one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use corpusmill_pipeline::UserError;
use corpusmill_pipeline::store::Table;
use corpusmill_recipe::NamedSource;
use corpusmill_shards::{MixtureSettings, TokenBudget};
use serde_json::Value;

use super::io::IoArgs;
use super::single_stage::{InputArgs, SettingsArgs, SingleStage, run_step, spool};
use super::stream;
use super::train_filter::TrainFilter;
use crate::args::GlobalArgs;
use corpusmill_crawler::CrawlSettings;
use corpusmill_extract::CleanSettings;
use corpusmill_stages::filter::FilterSettings;
use corpusmill_stages::filter::language::identify;
use corpusmill_stages::sources::acquire::Acquire;
use corpusmill_stages::step::Step;
use corpusmill_stages::tokenize::{Tokenizer, Train};
use corpusmill_terminal::StopSignals;

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
