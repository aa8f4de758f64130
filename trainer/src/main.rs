//! The command `corpusmill-train`.

use std::process::ExitCode;

fn main() -> ExitCode {
    corpusmill_trainer::cli::main()
}
