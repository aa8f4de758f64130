//! `corpusmill query`: SQL over the last run, by the program `corpusmill-query`.
//!
//! Polars is in that program alone, so that a build of `corpusmill` does not compile it.

use corpusmill_pipeline::UserError;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use clap::{Args, ValueEnum};

use crate::args::GlobalArgs;

/// Query the last run with SQL: tables documents, rejected, edits, shards, receipts.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// SQL query over the tables documents, rejected, edits, shards and receipts.
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Recipe whose recorded run is queried; the latest run by default.
    #[arg(long, value_name = "NAME")]
    pub recipe: Option<String>,
    /// Output format: by default a table on a terminal, otherwise CSV.
    #[arg(long, value_enum)]
    pub format: Option<QueryFormat>,
    /// Write the result to this .parquet or .jsonl file instead.
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

/// How the result of a query is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// A table for people, long values truncated.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Json,
}

/// Executes a query: within the program, or by another one.
pub type QueryRunner = fn(&QueryArgs, &GlobalArgs) -> anyhow::Result<()>;

/// `corpusmill-query` failed, and has reported why.
#[derive(Debug)]
pub(crate) struct QueryProgramFailed {
    /// Its exit code.
    pub(crate) code: u8,
}

impl std::fmt::Display for QueryProgramFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PROGRAM} ended with exit code {}", self.code)
    }
}

impl std::error::Error for QueryProgramFailed {}

/// The name of the program that has the SQL engine.
const PROGRAM: &str = "corpusmill-query";

/// Runs `corpusmill-query` from the folder of this program, or from a folder of `PATH`, with this program's arguments.
///
/// # Errors
/// If there is no such program, with how to build it, or if it fails.
pub fn run_query_program(_query: &QueryArgs, _global: &GlobalArgs) -> anyhow::Result<()> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX))));
    let program = beside.filter(|path| path.exists()).unwrap_or_else(|| Path::new(PROGRAM).to_owned());
    let status = match Command::new(&program).args(std::env::args_os().skip(1)).status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => anyhow::bail!(
            UserError::new(format!("the program {PROGRAM}, which runs SQL, is not installed"))
                .with_hint(format!("build it once: cargo build --release --locked --workspace --bin {PROGRAM}"))
        ),
        status => status.with_context(|| format!("cannot start {}", program.display()))?,
    };
    // The program has reported its own error.
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(QueryProgramFailed { code: u8::try_from(code).unwrap_or(1) }.into()),
        None => anyhow::bail!("{} was stopped: {status}", program.display()),
    }
}

fn word(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::UInt64, false)
}

/// The columns of the table `receipts`.
pub fn receipts_schema() -> SchemaRef {
    let mut fields = vec![word("node"), word("stage")];
    fields.extend(["partition", "rows_in", "rows_out", "rejected", "bytes_in", "bytes_out"].map(number));
    fields.extend(["seconds", "store_seconds"].map(|name| Field::new(name, DataType::Float64, false)));
    fields.extend(["key", "rows_digest"].map(word));
    Arc::new(Schema::new(fields))
}

/// The columns of the table `shards`.
pub fn shards_schema() -> SchemaRef {
    let words = ["split", "source", "path", "rows_digest"].map(word);
    let numbers = ["documents", "tokens", "bytes"].map(number);
    Arc::new(Schema::new(words.into_iter().chain(numbers).collect::<Vec<_>>()))
}
