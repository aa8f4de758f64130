//! The command `corpusmill`.

use std::process::ExitCode;

fn main() -> ExitCode {
    corpusmill_stages::cli::main()
}
