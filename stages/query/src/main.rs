//! The program `corpusmill-query`: `corpusmill` with the SQL engine in it.
//!
//! `corpusmill query` starts it. It is a program of its own because Polars takes about as long to compile as everything else
//! in `corpusmill` together.

mod aggregates;
mod output;
mod query;
mod query_words;
mod tables;

use std::process::ExitCode;

fn main() -> ExitCode {
    corpusmill_cli::main(query::run)
}
