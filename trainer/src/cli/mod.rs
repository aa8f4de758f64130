//! The command line: one file per subcommand.
//!
//! Exit codes are part of the interface: 0 success, 1 invalid input, 2 usage, 70 internal bug, 130 stopped by Ctrl-C.

mod devices;
mod export;
mod generate;
mod import;
mod perplexity;
mod plan;
mod pretrain;
mod schema;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use corpusmill_terminal::{error_message as message, is_broken_pipe};

use crate::device::DeviceChoice;

/// Train language models on token shards, and convert them from and to Hugging Face format.
#[derive(Debug, Parser)]
#[command(name = "corpusmill-train", version, propagate_version = true, max_term_width = 110, after_help = AFTER)]
struct Cli {
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
    /// Export a checkpoint as a Hugging Face folder, with a number type and file size of your choice.
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

/// The device that a command runs on.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// Device: cpu, vulkan, cuda, metal, wgpu or rocm. A number selects another device than the first, as in vulkan:1.
    #[arg(long, value_name = "DEVICE", default_value = "cpu", env = "DEVICE")]
    pub(crate) device: DeviceChoice,
}

/// Runs the command and returns the process's exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; clap prints them to stdout, usage errors to stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    crate::allocator::keep_freed_memory();
    // A panic in any thread is an internal bug.
    let result = std::panic::catch_unwind(|| match cli.command {
        Command::Import(command) => success(command.run()),
        Command::Export(command) => success(command.run()),
        Command::Generate(command) => success(command.run()),
        Command::Devices(command) => success(command.run()),
        Command::Pretrain(command) => command.run(),
        Command::Perplexity(command) => success(command.run()),
        Command::Plan(command) => success(command.run()),
        Command::Check(command) => success(command.run()),
        Command::Schema(command) => success(command.run()),
    });
    match result {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            print_message(&format!("error: {}", message(error.as_ref())));
            ExitCode::from(1)
        }
        Err(_) => {
            print_message("error: this is a bug in corpusmill-train; please report it with the lines above");
            ExitCode::from(70)
        }
    }
}

/// Maps the result of a command that has no other exit code to success.
fn success(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

/// Prints a line to stderr.
pub(crate) fn print_message(line: &str) {
    use std::io::Write as _;
    // A closed stderr does not stop the command.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes data to stdout and flushes it.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    write(text).context("cannot write to standard output")
}

/// As [`print`], with the I/O error itself.
pub(crate) fn write(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Parses a number of bytes: `500MB`, `5GB`, `64KiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let fault = || format!("`{text}` is not a size; write it as 500MB, 5GB or 2GiB");
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(fault()),
    };
    let number: u64 = number.trim().parse().map_err(|_| fault())?;
    number.checked_mul(scale).filter(|&bytes| bytes > 0).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("5GB"), Ok(5_000_000_000));
        assert_eq!(bytes("2 KiB"), Ok(2048));
        assert_eq!(bytes("7"), Ok(7));
        for fault in ["", "GB", "5 parsecs", "0", "99999999999GB", "-1MB"] {
            assert!(bytes(fault).is_err(), "{fault}");
        }
    }
}
