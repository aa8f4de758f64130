//! What both programs share on the terminal: messages, progress bars, errors, signals and exit codes.
//!
//! [`run`] is the shell around every command; it makes the [`Printer`] and ends with an [`exit_code`].
//!
//! Invariant: data goes to stdout, everything else to stderr; bars and colour appear only where stderr is a terminal.

mod error;
mod logging;
mod printer;
mod program;
mod signals;

pub use error::{error_message, is_broken_pipe};
pub use indicatif::{DecimalBytes, HumanCount};
pub use logging::init_logging;
pub use printer::{ColorChoice, Printer, PrinterArgs, Verbosity, write_stdout};
pub use program::{Failure, run};
pub use signals::StopSignals;

/// Exit codes of both programs. They are part of the interface.
pub mod exit_code {
    /// The command did what it was asked to.
    pub const SUCCESS: u8 = 0;
    /// The recipe, the data or the machine is at fault.
    pub const FAILURE: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// The program is at fault.
    pub const BUG: u8 = 70;
    /// Ctrl-C or SIGTERM stopped the program.
    pub const STOPPED: u8 = 130;
}
