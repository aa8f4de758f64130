//! The command line: one file per subcommand.
//!
//! Exit codes are part of the interface: `corpusmill_terminal::exit_code`.

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
Exit codes:
  0    success
  1    an error in the recipe, the data or the machine, or a prompt that failed
  2    wrong usage
  70   a bug in corpusmill-train
  130  stopped by Ctrl-C or SIGTERM; `pretrain` has written a checkpoint

Examples:
  corpusmill-train plan --recipe recipes/train/tiny.yaml
  corpusmill-train pretrain recipes/train/tiny.yaml
  corpusmill-train perplexity --model runs/tiny/model --corpus corpus/tiny
  corpusmill-train generate --model runs/tiny/model --prompt \"The ferry\"";

#[derive(Debug, Subcommand)]
enum Command {
    Pretrain(pretrain::PretrainCommand),
    Perplexity(perplexity::PerplexityCommand),
    Generate(generate::GenerateCommand),
    Plan(plan::PlanCommand),
    Check(schema::CheckCommand),
    Import(import::ImportCommand),
    Export(export::ExportCommand),
    Devices(devices::DevicesCommand),
    Schema(schema::SchemaCommand),
}

/// Runs the command and returns the process's exit code.
pub fn main() -> ExitCode {
    run(|cli: &Cli| &cli.printer, |cli, printer, signals| dispatch(cli.command, printer, signals))
}

fn dispatch(command: Command, printer: &Printer, signals: &StopSignals) -> Result<(), Failure<anyhow::Error>> {
    corpusmill_terminal::keep_freed_memory(usize::MAX);
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
        Command::Plan(command) => command.run(printer),
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

    /// clap wraps descriptions, but breaks written lines in odd places.
    #[test]
    fn written_lines_of_the_help_fit_into_a_terminal() {
        let mut command = Cli::command();
        command.build();
        let own = command.clone();
        for subcommand in [own].into_iter().chain(command.get_subcommands().cloned()) {
            let usage = subcommand.clone().render_usage().to_string();
            let after = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in usage.lines().chain(after.lines()) {
                assert!(line.chars().count() <= 80, "{}: {line}", subcommand.get_name());
            }
        }
    }
}
