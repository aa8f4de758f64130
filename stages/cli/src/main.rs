//! The `corpusmill` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    corpusmill_cli::main(corpusmill_cli::run_query_program)
}
