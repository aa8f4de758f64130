//! The command line: one file per subcommand.
//!
//! Exit codes are part of the interface: 0 success, 1 invalid input, 2 usage, 70 internal bug, 130 stopped by Ctrl-C.

mod args;
mod devices;
mod export;
mod generate;
mod import;
mod perplexity;
mod plan;
mod pretrain;
mod schema;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use corpusmill_terminal::{Failure, Printer, PrinterArgs, StopSignals, run};

/// Train language models on token shards, and convert them from and to Hugging Face format.
#[derive(Debug, Parser)]
#[command(name = "corpusmill-train", version, propagate_version = true, max_term_width = 110, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    printer: PrinterArgs,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0 success; 1 invalid input; 2 wrong usage; 70 a bug in corpusmill-train; 130 stopped by Ctrl-C.

Examples:
  corpusmill-train devices
  corpusmill-train generate --model DIR --prompt \"The capital of France is\"";

#[derive(Debug, Subcommand)]
enum Command {
    /// Convert a Hugging Face or llama.cpp model to a Hugging Face folder.
    Import(import::ImportCommand),
    /// Export a checkpoint as a Hugging Face folder, with a data type and maximum file size.
    Export(export::ExportCommand),
    /// Generate text from a prompt.
    Generate(generate::GenerateCommand),
    /// List the compute devices.
    Devices(devices::DevicesCommand),
    Pretrain(pretrain::PretrainCommand),
    Perplexity(perplexity::PerplexityCommand),
    Plan(plan::PlanCommand),
    Check(schema::CheckCommand),
    Schema(schema::SchemaCommand),
}

/// Runs the command and returns the process's exit code.
pub fn main() -> ExitCode {
    run(|cli: &Cli| &cli.printer, |cli, printer, signals| dispatch(cli.command, printer, signals))
}

fn dispatch(command: Command, printer: &Printer, signals: &StopSignals) -> Result<(), Failure<anyhow::Error>> {
    crate::allocator::keep_freed_memory();
    match command {
        Command::Pretrain(command) => return command.run(printer, signals),
        Command::Import(command) => command.run(printer),
        Command::Export(command) => command.run(printer),
        Command::Generate(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Perplexity(command) => command.run(printer),
        Command::Plan(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Schema(command) => command.run(Cli::command()),
    }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
