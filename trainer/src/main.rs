//! `corpusmill-train`.

fn main() -> std::process::ExitCode {
    corpusmill_trainer::cli::main()
}
