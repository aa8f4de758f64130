//! The commands of `corpusmill-train`, one file each.

mod perplexity;
mod plan;
mod pretrain;
mod schema;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "corpusmill-train", version, about = "Train language models on token shards")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Pretrain(pretrain::PretrainCommand),
    Perplexity(perplexity::PerplexityCommand),
    Plan(plan::PlanCommand),
    Check(schema::CheckCommand),
    Schema(schema::SchemaCommand),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Pretrain(command) => command.run(),
        Command::Perplexity(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Plan(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Check(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Schema(command) => command.run().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(1)
    })
}

/// Writes to stdout; a closed pipe is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A recipe given as a path, or as a name of one in `recipes/train/`.
fn find_recipe(given: &Path) -> PathBuf {
    let named = Path::new("recipes/train").join(given).with_extension("yaml");
    if !given.exists() && given.components().count() == 1 && named.exists() { named } else { given.to_owned() }
}
