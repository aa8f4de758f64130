//! Checks and measures training on one device, such as a GPU that is lent for an hour: `make gpu-day`.
//!
//! ```text
//! gpu_day prove    --device cuda                 training steps beside those of the CPU
//! gpu_day ceilings --device cuda                 copy and matrix products at the shapes of the recipes
//! gpu_day bench    --device cuda --peak 989      tokens/s, MFU, memory of the GPU, time to compile and tune
//! gpu_day profile  --device cuda                 time by part and by kernel, launches, read-backs
//! gpu_day learn    --device cuda CORPUS          a loss curve
//! ```
//!
//! Each subcommand ends within `--seconds` and prints a table last; lines on stderr show what is measured. With `--dry`,
//! sizes and counts are tiny, and every subcommand ends in seconds on the CPU. A value that could not be measured is
//! shown as `not measured`. The program reads no file but those that are given: the recipes are part of it.

mod bench;
mod ceilings;
mod child;
mod ladder;
mod learn;
mod profile;
mod prove;
mod session;
mod setup;
mod table;

#[path = "../../src/data/fixture.rs"]
#[expect(clippy::unwrap_used, reason = "a corpus for tests, which fails on any unexpected error")]
mod fixture;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use corpusmill_trainer::device::DeviceChoice;

use self::child::Measurement;
use self::session::Session;
use self::table::Table;

/// Check and measure training on one device.
#[derive(Debug, Parser)]
#[command(name = "gpu_day", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train tiny models on the device and on the CPU, and compare losses and gradient norms.
    Prove(Common),
    /// Measure copies and matrix products at the shapes of the recipes.
    Ceilings(Common),
    /// Measure tokens/s, MFU, memory, and the time to compile and tune, for each recipe.
    Bench(Recipes),
    /// Measure the time of each part of a step and of each kernel, launches, uploads and read-backs.
    Profile(Recipes),
    /// Train on a corpus and print the loss curve.
    Learn(Learn),
    /// Measure one recipe in this process and print the result as JSON; `bench` and `profile` start it.
    #[command(hide = true)]
    Child(Child),
}

#[derive(Debug, Args)]
struct Common {
    /// Device: cpu, vulkan, cuda, metal, wgpu or rocm. A number selects a device other than the first, as in vulkan:1.
    #[arg(long, value_name = "DEVICE", default_value = "cpu", env = "CORPUSMILL_DEVICE")]
    device: DeviceChoice,
    /// Use tiny sizes and counts, to try the program without a GPU.
    #[arg(long)]
    dry: bool,
    /// Time limit in seconds; what is not measured by then is shown as not measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 220.0)]
    seconds: f64,
}

#[derive(Debug, Args)]
struct Recipes {
    #[command(flatten)]
    common: Common,
    /// Peak of the device in teraFLOP/s for the matrix products of the recipe, for MFU; 989 for bf16 on an H100 SXM.
    #[arg(long, value_name = "TERAFLOPS")]
    peak: Option<f64>,
    /// Training recipes of new models; by default those of 125 M and 1 B parameters (`profile`: 1 B).
    #[arg(value_name = "RECIPE")]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Learn {
    #[command(flatten)]
    common: Common,
    /// Folder of the corpus; with `--dry`, a generated one by default.
    #[arg(value_name = "CORPUS")]
    corpus: Option<PathBuf>,
    /// Training recipe; by default that of 125 M parameters, with one micro-batch per step.
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<PathBuf>,
    /// Number of steps; fewer if the corpus is shorter or the time ends.
    #[arg(long, value_name = "STEPS", default_value_t = 400)]
    steps: u64,
}

#[derive(Debug, Args)]
struct Child {
    #[command(flatten)]
    common: Common,
    /// What to measure.
    #[arg(long)]
    what: Measurement,
    /// Change a setting of the recipe.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without stderr, the exit code is all that is left to say.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let (table, failed) = match command {
        Command::Prove(common) => prove::run(&Session::new(&common)?)?,
        Command::Ceilings(common) => (ceilings::run(&Session::new(&common)?)?, None),
        Command::Bench(given) => (bench::run(&Session::new(&given.common)?, &given)?, None),
        Command::Profile(given) => (profile::run(&Session::new(&given.common)?, &given)?, None),
        Command::Learn(given) => (learn::run(&Session::new(&given.common)?, &given)?, None),
        Command::Child(child) => return child::run(&Session::new(&child.common)?, &child),
    };
    print(&table)?;
    match failed {
        Some(reason) => anyhow::bail!("{reason}"),
        None => Ok(()),
    }
}

fn print(table: &Table) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{table}").and_then(|()| out.flush()).context("cannot write the table to stdout")
}
