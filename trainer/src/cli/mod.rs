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

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use corpusmill_terminal::{Failure, Printer, PrinterArgs, StopSignals, error_message, run};

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
    run_command(command, printer, signals).map_err(|failure| match failure {
        Failure::Error(error) => Failure::Error(with_hint(error)),
        other => other,
    })
}

/// Adds to an error of a full disk or of a file size limit what to do about it.
fn with_hint(error: anyhow::Error) -> anyhow::Error {
    let is_limit = |cause: &std::io::Error| {
        matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
    };
    if !error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(is_limit) {
        return error;
    }
    anyhow::anyhow!(
        "{}\nhint: no room to write; free some space or raise the limit (ulimit -f), and run the same command again: written checkpoints are kept",
        error_message(error.as_ref())
    )
}

fn run_command(command: Command, printer: &Printer, signals: &StopSignals) -> Result<(), Failure<anyhow::Error>> {
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
    fn errors_of_limits_have_a_hint() {
        let message = |kind: ErrorKind| {
            let error = anyhow::Error::from(std::io::Error::from(kind)).context("cannot write `a`");
            format!("{:#}", with_hint(error))
        };
        for kind in [ErrorKind::FileTooLarge, ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let message = message(kind);
            assert!(message.starts_with("cannot write `a`: ") && message.contains("\nhint: no room"), "{message}");
        }
        assert!(!message(ErrorKind::NotFound).contains("hint"));
    }

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
