//! How a program begins and ends: command line, printer, log, signals and exit code.
//!
//! Both programs run their commands here. Invariant: every end of a command, a panic included, has one of the exit
//! codes in [`exit_code`], and a reader that closes our output is not an error.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::{Printer, PrinterArgs, StopSignals, error_message, exit_code, init_logging, is_broken_pipe};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure<E> {
    /// A signal stopped it; the text says how to resume.
    Stopped(String),
    /// The input or the machine is at fault.
    Error(E),
    /// The program is at fault.
    Bug(E),
    /// Another program, which did the work, has reported the error; it ended with this exit code.
    Reported(u8),
}

impl<E> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Self::Error(error)
    }
}

/// Parses the command line, runs `command`, prints its error, and returns the process's exit code.
///
/// `printer_args` selects the flags of the printer. A signal ends the process at once unless the command calls
/// [`StopSignals::defer`].
pub fn run<C: Parser, E: AsRef<dyn Error + 'static>>(
    printer_args: impl FnOnce(&C) -> &PrinterArgs,
    command: impl FnOnce(C, &Printer, &StopSignals) -> Result<(), Failure<E>>,
) -> ExitCode {
    let cli = match C::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout, usage errors to stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit_code::USAGE));
        }
    };
    let printer = printer_args(&cli).printer();
    init_logging(&printer);
    let signals = StopSignals::default();
    if let Err(error) = signals.register() {
        printer.warning(format!("cannot handle signals: {error}"));
    }
    // The state behind the references is not used after a panic, only the printer.
    let result = catch_unwind(AssertUnwindSafe(|| command(cli, &printer, &signals)));
    ExitCode::from(report(C::command().get_name(), &printer, result))
}

/// Prints why the command did not succeed, and returns the exit code.
fn report<E: AsRef<dyn Error + 'static>>(
    program: &str,
    printer: &Printer,
    result: Result<Result<(), Failure<E>>, Box<dyn Any + Send>>,
) -> u8 {
    match result {
        Ok(Ok(())) => exit_code::SUCCESS,
        Ok(Err(Failure::Stopped(how_to_resume))) => {
            printer.message(how_to_resume);
            exit_code::STOPPED
        }
        Ok(Err(Failure::Error(error) | Failure::Bug(error))) if is_broken_pipe(error.as_ref()) => exit_code::SUCCESS,
        Ok(Err(Failure::Error(error))) => {
            printer.error(error_message(error.as_ref()));
            exit_code::FAILURE
        }
        Ok(Err(Failure::Bug(error))) => {
            printer.error(error_message(error.as_ref()));
            exit_code::BUG
        }
        Ok(Err(Failure::Reported(code))) => code,
        // The panic hook has printed the message and the location.
        Err(_) => {
            printer.error(format!("this is a bug in {program}; please report it with the lines above"));
            exit_code::BUG
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    type Command = fn() -> Result<(), Failure<Box<dyn Error>>>;

    #[test]
    fn every_end_has_its_exit_code() {
        let cases: [(Command, u8); 8] = [
            (|| Ok(()), 0),
            (|| Err(Failure::Stopped("run it again".to_owned())), 130),
            (|| Err(Failure::Error(Box::new(io::Error::other("no such recipe")))), 1),
            (|| Err(Failure::Bug(Box::new(io::Error::other("a stage lost a row")))), 70),
            (|| Err(Failure::Error(Box::new(io::Error::from(io::ErrorKind::BrokenPipe)))), 0),
            (|| Err(Failure::Bug(Box::new(io::Error::from(io::ErrorKind::BrokenPipe)))), 0),
            (|| Err(Failure::Reported(3)), 3),
            (|| panic!("a test of the message after a panic"), 70),
        ];
        let printer = Printer::default();
        for (at, (command, expected)) in cases.into_iter().enumerate() {
            assert_eq!(report("corpusmill", &printer, catch_unwind(command)), expected, "case {at}");
        }
    }
}
