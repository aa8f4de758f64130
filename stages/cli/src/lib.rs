//! The command line, one file per subcommand.
//!
//! Exit codes are part of the interface: 0 success, 1 an error in the recipe or the data, 2 a usage error, 70 a bug in
//! corpusmill, 130 interrupted.

mod args;
mod check;
mod columns;
mod completions;
mod concatenate;
mod console;
mod corpus_files;
mod dedup;
mod gc;
mod io;
mod plan;
mod query;
pub mod record;
mod report;
mod robots;
mod rules;
mod run;
mod schema;
mod serve;
mod single_stage;
mod stage;
mod stream;
mod train_filter;
mod verify;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use corpusmill_pipeline::StageError;
use corpusmill_pipeline::runner::RunError;
use corpusmill_pipeline::store::Store as _;
use corpusmill_stages::workspace::Workspace;
use corpusmill_terminal::{Failure, Printer, StopSignals};

pub use args::GlobalArgs;
pub use console::print;
pub use io::BatchWriter;
pub use query::{QueryArgs, QueryFormat, QueryRunner, receipts_schema, run_query_program, shards_schema};

/// Build corpora for language models: from web pages, archives, source trees and datasets to token shards.
#[derive(Debug, Parser)]
#[command(name = "corpusmill", version, propagate_version = true, max_term_width = 110, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0 success; 1 error in the recipe or the data; 2 usage error; 70 bug in corpusmill; 130 interrupted (Ctrl-C).

Examples:
  corpusmill run recipes/tiny.yaml
  corpusmill why ID
  corpusmill query \"SELECT stage, rule, count(*) AS n FROM rejected GROUP BY stage, rule\"";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a recipe: acquire, process, shard. Reuses results of earlier runs.
    Run(run::Run),
    /// Show a recipe's plan; with --explain, what a run would reuse or compute, and why.
    Plan(plan::PlanCommand),
    /// Check recipes without running them, and run their examples.
    Check(check::Check),
    /// Explain why a document was kept or rejected, with the measured values.
    Why(why::Why),
    /// Query the last run with SQL: tables documents, rejected, edits, shards, receipts.
    Query(query::QueryArgs),
    /// Read every stored part and check it against its receipt.
    Verify(verify::Verify),
    /// Remove stored parts that no recorded run uses.
    Gc(gc::Gc),
    /// Read files, archives, WARC, Parquet or JSON Lines as documents.
    Read(stage::ReadCommand),
    /// Crawl the web from seeds into WARC files and documents.
    Crawl(stage::CrawlCommand),
    /// Extract the main content of HTML as Markdown or plain text.
    Clean(stage::CleanCommand),
    /// Remove exact and near duplicates.
    Dedup(dedup::DedupCommand),
    /// Cut paragraphs or lines that stand in many documents.
    DedupParagraphs(dedup::DedupParagraphsCommand),
    /// Compute quality signals and filter by thresholds, write scores, or train a filter's model.
    Filter(stage::FilterCommand),
    /// Train or load a tokenizer and encode documents.
    Tokenize(stage::TokenizeCommand),
    /// Build a corpus from documents: tokenize, shard and plan the mixture.
    Mix(stage::MixCommand),
    /// Serve a folder on 127.0.0.1, with robots.txt and a sitemap, for crawling local documentation.
    Serve(serve::Serve),
    /// Show what a robots.txt allows, and which line decides.
    Robots(robots::RobotsCommand),
    /// Print the JSON Schema of recipes, or check the one in schemas/.
    Schema(schema::SchemaCommand),
    /// Print a completion script for a shell, or the man page.
    Completions(completions::Completions),
}

/// Freed memory that a thread keeps for the next task: what the texts of a few batches take, compressed and not.
const FREED_BYTES_KEPT: usize = 64 << 20;

/// Runs the command; the result is the process's exit code.
pub fn main(query: QueryRunner) -> ExitCode {
    corpusmill_terminal::keep_freed_memory(FREED_BYTES_KEPT);
    corpusmill_terminal::run(
        |cli: &Cli| &cli.global.printer,
        |cli, printer, signals| {
            let workspace = cli.global.workspace();
            dispatch(cli, query, signals).map_err(|error| {
                discard_damage(&workspace, &error, printer);
                classify(error)
            })
        },
    )
}

/// Commands that can stop and resume get the flag of [`StopSignals::defer`]; a signal ends the others at once.
fn dispatch(cli: Cli, query: QueryRunner, signals: &StopSignals) -> anyhow::Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Run(command) => command.run(global, signals.defer()),
        Command::Plan(command) => command.run(global, signals.defer()),
        Command::Check(command) => command.run(global),
        Command::Why(command) => command.run(global),
        Command::Query(command) => query(&command, global),
        Command::Verify(command) => command.run(global),
        Command::Gc(command) => command.run(global),
        Command::Read(command) => command.run(global, signals.defer()),
        Command::Crawl(command) => command.run(global, signals.defer()),
        Command::Clean(command) => command.run(global, signals.defer()),
        Command::Dedup(command) => command.run(global, signals.defer()),
        Command::DedupParagraphs(command) => command.run(global, signals.defer()),
        Command::Filter(command) => command.run(global, signals),
        Command::Tokenize(command) => command.run(global, signals.defer()),
        Command::Mix(command) => command.run(global, signals.defer()),
        Command::Serve(command) => command.run(global, signals.defer()),
        Command::Robots(command) => command.run(),
        Command::Schema(command) => command.run(Cli::command()),
        Command::Completions(command) => command.run(Cli::command()),
    }
}

/// Removes the damaged part that a command met, so that the next run computes it again, as the error says.
fn discard_damage(workspace: &Workspace, error: &anyhow::Error, printer: &Printer) {
    if let Some(address) = run::corrupt_part(error)
        && let Err(error) = workspace.store().and_then(|store| store.discard(address))
    {
        printer.warning(format!("cannot remove the damaged part: {error}"));
    }
}

/// Sorts an error by who is to blame.
fn classify(error: anyhow::Error) -> Failure<anyhow::Error> {
    if let Some(failed) = error.downcast_ref::<query::QueryProgramFailed>() {
        return Failure::Reported(failed.code);
    }
    let is = |matches: fn(&StageError) -> bool| {
        error.chain().any(|cause| {
            cause.downcast_ref::<RunError>().is_some_and(|error| matches(&error.source))
                || cause.downcast_ref::<StageError>().is_some_and(matches)
        })
    };
    if is(|error| matches!(error, StageError::Cancelled)) {
        Failure::Stopped("stopped; run the same command again to resume".to_owned())
    } else if is(StageError::is_bug) {
        Failure::Bug(error)
    } else {
        Failure::Error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_former_option_for_excerpts_names_the_present_one() {
        for command in ["run", "plan"] {
            let error = Cli::try_parse_from(["corpusmill", command, "tiny", "--excerpts", "off"]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("'--no-excerpts'"), "{error}");
        }
    }
}
