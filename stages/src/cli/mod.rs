//! The command line: one file a subcommand.
//!
//! Exit codes are part of the interface: 0 done, 1 the recipe or the data is at fault, 2 usage, 70 our bug, 130 stopped.

mod check;
mod completions;
mod gc;
mod io;
mod plan;
mod query;
mod robots;
mod run;
mod schema;
mod serve;
mod stage;
mod stream;
mod verify;
mod why;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::{Args, CommandFactory, Parser, Subcommand};
use corpusmill_pipeline::StageError;
use corpusmill_pipeline::error::{is_broken_pipe, message};
use corpusmill_pipeline::recipe::did_you_mean;
use corpusmill_pipeline::runner::RunError;

use crate::console::{Console, Verbosity};
use crate::recipe::{Loaded, Overrides};
use crate::source::Surroundings;
use crate::source::pin::Pinning;
use crate::workspace::Workspace;

/// Builds corpora for language models: from the web, archives, source trees and datasets to token shards.
#[derive(Debug, Parser)]
#[command(name = "corpusmill", version, propagate_version = true, max_term_width = 110, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0 done; 1 the recipe or the data is at fault; 2 wrong usage; 70 a bug of corpusmill; 130 stopped by Ctrl-C.

Begin with:  corpusmill run recipes/tiny.yaml
Then ask:    corpusmill why ID    corpusmill query \"SELECT stage, rule, count(*) AS n FROM rejected GROUP BY stage, rule\"";

/// Flags of every subcommand.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder of work: the store, snapshots, crawls.
    #[arg(long, global = true, value_name = "DIR", default_value = ".corpusmill", env = "CORPUSMILL_STORE")]
    pub(crate) store: PathBuf,
    /// Worker threads; by default one a core.
    #[arg(long, short = 'j', global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// MiB that each worker may use for buffers before it spills to disk.
    #[arg(long, global = true, value_name = "MIB", default_value_t = 256)]
    pub(crate) memory: u64,
    /// Say nothing but errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Executes ready tasks in an order drawn from this seed: for tests, it changes no result.
    #[arg(long, global = true, hide = true)]
    pub(crate) shuffle: Option<u64>,
}

impl Global {
    pub(crate) fn console(&self) -> Console {
        Console::new(if self.quiet { Verbosity::Quiet } else { Verbosity::Normal })
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::new(&self.store)
    }

    pub(crate) fn options(&self, cancel: &Arc<AtomicBool>) -> corpusmill_pipeline::runner::Options {
        let threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let memory = self.memory.max(1) << 20;
        let context = corpusmill_pipeline::task::Context { cancel: cancel.clone(), memory };
        corpusmill_pipeline::runner::Options { threads, shuffle: self.shuffle, context }
    }

    pub(crate) fn surroundings(&self, console: &Console, cancel: &Arc<AtomicBool>) -> Surroundings {
        Surroundings {
            base: PathBuf::from("."),
            workspace: self.workspace(),
            console: console.clone(),
            cancel: cancel.clone(),
            fresh: false,
            revisions: BTreeMap::new(),
        }
    }
}

/// A recipe and the changes made to it.
#[derive(Debug, Clone, Args)]
pub(crate) struct RecipeArgs {
    /// The recipe: a file, or the name of one in `recipes/`.
    #[arg(value_name = "RECIPE")]
    pub(crate) recipe: PathBuf,
    /// Change a setting: `path.to.key=value`, such as `tokenizer.train.vocab-size=4096`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Name the variant: it is written to `corpus/NAME`.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Fail when an input differs from the lock.
    #[arg(long)]
    pub(crate) locked: bool,
    /// The lock file; by default `RECIPE.lock` beside the recipe.
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Crawl this source anew.
    #[arg(long, value_name = "SOURCE", conflicts_with = "locked")]
    pub(crate) refresh: Vec<String>,
    /// Keep excerpts of rejected documents: on or off.
    #[arg(long, value_name = "ON|OFF", default_value = "on", value_parser = ["on", "off"])]
    pub(crate) excerpts: String,
}

impl RecipeArgs {
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let overrides = Overrides { set: self.set.clone(), name: self.name.clone() };
        let loaded = crate::recipe::load(&find_recipe(&self.recipe)?, &overrides)?;
        for name in &self.refresh {
            if !loaded.recipe.sources.contains_key(name) {
                let names = loaded.recipe.sources.keys().map(String::as_str);
                let near = did_you_mean(name, names).map(|near| format!("\nhint: did you mean `{near}`?"));
                anyhow::bail!("--refresh {name}: the recipe has no such source{}", near.unwrap_or_default());
            }
        }
        Ok(loaded)
    }

    pub(crate) fn pinning(&self, loaded: &Loaded) -> Pinning {
        let variant = loaded.path.file_stem().is_some_and(|stem| stem != loaded.recipe.name.as_str());
        let beside = match (&self.lock, variant) {
            (Some(lock), _) => lock.clone(),
            (None, false) => loaded.path.with_extension("lock"),
            // A variant has inputs of its own.
            (None, true) => loaded.path.with_file_name(format!("{}.lock", loaded.recipe.name)),
        };
        Pinning { lock: beside, locked: self.locked, write: true, refresh: self.refresh.iter().cloned().collect() }
    }
}

/// A recipe given as a path, or as a name of one in `recipes/`.
fn find_recipe(given: &Path) -> anyhow::Result<PathBuf> {
    if given.exists() || given.components().count() > 1 {
        return Ok(given.to_owned());
    }
    let named = Path::new("recipes").join(given).with_extension("yaml");
    if named.exists() {
        return Ok(named);
    }
    let mut names: Vec<String> = fs_err::read_dir("recipes")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    let name = given.to_string_lossy();
    let hint = match did_you_mean(&name, names.iter().map(String::as_str)) {
        Some(near) => format!("\nhint: did you mean `{near}`?"),
        None if names.is_empty() => "\nhint: give the path of a recipe file".to_owned(),
        None => format!("\nhint: there are {}", names.join(", ")),
    };
    anyhow::bail!("there is no recipe `{name}`{hint}")
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a recipe: acquire, process, shard; what was done before is found again.
    Run(run::Run),
    /// Show a recipe's plan; with --explain, what would be found and what would be computed, and why.
    Plan(plan::PlanCommand),
    /// Check recipes without running them, and run their examples.
    Check(check::Check),
    /// Why a document was dropped or kept, and what was measured.
    Why(why::Why),
    /// Ask the last run in SQL: tables documents, rejected, edits, shards, receipts.
    Query(query::Query),
    /// Read every stored part and compare it with its receipt.
    Verify(verify::Verify),
    /// Remove stored parts that no recorded run uses.
    Gc(gc::Gc),
    /// Read files, archives, WARC, Parquet or JSON lines as documents.
    Read(stage::ReadCommand),
    /// Crawl the web from seeds into WARC files and documents.
    Crawl(stage::CrawlCommand),
    /// Turn HTML into Markdown or plain text.
    Clean(stage::CleanCommand),
    /// Remove equal and nearly equal documents.
    Dedup(stage::DedupCommand),
    /// Measure and judge documents, or score them.
    Filter(stage::FilterCommand),
    /// Learn or load a tokenizer and encode documents.
    Tokenize(stage::TokenizeCommand),
    /// Shard tokenized documents and plan their mixture: a corpus from documents.
    Mix(stage::MixCommand),
    /// Serve a folder on 127.0.0.1, with robots.txt and sitemap: to crawl local documentation.
    Serve(serve::Serve),
    /// What a robots.txt allows, and by which line.
    Robots(robots::RobotsCommand),
    /// Print the JSON Schema of recipes, or check the one in schemas/.
    Schema(schema::SchemaCommand),
    /// Print a completion script for a shell, or the man page.
    Completions(completions::Completions),
}

/// Runs the command; the result is the process's exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no faults; clap prints them to stdout, usage errors to stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    log();
    let cancel = Arc::new(AtomicBool::new(false));
    if let Err(error) = signals(&cancel) {
        fail(&format!("signals cannot be watched: {error}"));
    }
    match dispatch(cli, &cancel) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) if is_cancelled(&error) => {
            tell("stopped; run the same command again to go on");
            ExitCode::from(130)
        }
        Err(error) => {
            fail(&message(error.as_ref()));
            ExitCode::from(exit_code(&error))
        }
    }
}

fn dispatch(cli: Cli, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Run(command) => command.run(global, cancel),
        Command::Plan(command) => command.run(global, cancel),
        Command::Check(command) => command.run(global),
        Command::Why(command) => command.run(global),
        Command::Query(command) => command.run(global),
        Command::Verify(command) => command.run(global),
        Command::Gc(command) => command.run(global),
        Command::Read(command) => command.run(global, cancel),
        Command::Crawl(command) => command.run(global, cancel),
        Command::Clean(command) => command.run(global, cancel),
        Command::Dedup(command) => command.run(global, cancel),
        Command::Filter(command) => command.run(global, cancel),
        Command::Tokenize(command) => command.run(global, cancel),
        Command::Mix(command) => command.run(global, cancel),
        Command::Serve(command) => command.run(global, cancel),
        Command::Robots(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Completions(command) => command.run(Cli::command()),
    }
}

/// `RUST_LOG=debug` shows spans and events on stderr, never torn by a bar.
fn log() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let bars = tracing_indicatif::IndicatifLayer::new();
    let lines = tracing_subscriber::fmt::layer().with_writer(bars.get_stderr_writer()).without_time();
    let _ = tracing_subscriber::registry().with(filter).with(lines).with(bars).try_init();
}

/// Ctrl-C and SIGTERM ask the run to stop; a second one ends it at once. A crossed file size limit becomes an error of
/// the write instead of the process's death.
fn signals(cancel: &Arc<AtomicBool>) -> std::io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, cancel.clone())?;
        signal_hook::flag::register(signal, cancel.clone())?;
    }
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
    Ok(())
}

fn fail(text: &str) {
    tell(&format!("error: {text}"));
}

fn tell(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<RunError>().is_some_and(|error| matches!(*error.source, StageError::Cancelled))
            || matches!(cause.downcast_ref::<StageError>(), Some(StageError::Cancelled))
    })
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let bug = error.chain().any(|cause| {
        cause.downcast_ref::<RunError>().is_some_and(|error| error.source.is_bug())
            || cause.downcast_ref::<StageError>().is_some_and(StageError::is_bug)
    });
    if bug { 70 } else { 1 }
}

/// Writes a text to stdout.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")
}
