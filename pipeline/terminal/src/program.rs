//! How a program begins and ends: command line, printer, log, signals and exit code.
//!
//! Both programs run their commands here. Invariant: every end of a command, a panic included, has one of the exit
//! codes in [`exit_code`], and a reader that closes our output is not an error.

use std::any::Any;
use std::error::Error;
use std::io::{self, Write as _};
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
    set_panic_hook();
    let printer = printer_args(&cli).printer();
    init_logging(&printer);
    let signals = StopSignals::new(printer.clone());
    if let Err(error) = signals.register() {
        printer.warning(format!("cannot handle signals: {error}"));
    }
    // The state behind the references is not used after a panic, only the printer.
    let result = catch_unwind(AssertUnwindSafe(|| command(cli, &printer, &signals)));
    printer.finish_all();
    ExitCode::from(report(C::command().get_name(), &printer, result))
}

/// Memory that reading the debug information for a backtrace may need, in bytes.
const BACKTRACE_BYTES: usize = 64 << 20;

/// Ends the process on a panic without memory, as after the failed allocation of a C library.
///
/// The hook of the standard library allocates while it holds its lock for backtraces. If that allocation fails, the
/// handler of failed allocations waits for the same lock, and the process never ends.
#[expect(clippy::exit, reason = "without memory, no thread can return an error")]
fn set_panic_hook() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if Vec::<u8>::new().try_reserve_exact(BACKTRACE_BYTES).is_err() {
            // Standard error is not buffered, so this allocates nothing.
            let _ = io::stderr()
                .write_all(b"error: out of memory; nothing unfinished is kept, run again with more memory\n");
            std::process::exit(exit_code::FAILURE.into());
        }
        default(panic);
    }));
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
