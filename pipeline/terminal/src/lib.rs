//! What both programs share on the terminal: messages, progress bars, errors, signals and exit codes.
//!
//! [`run`] is the shell around every command; it makes the [`Printer`] and ends with an [`exit_code`].
//!
//! Invariant: data goes to stdout, everything else to stderr; bars and colour appear only where stderr is a terminal.

mod allocator;
mod cli_reference;
mod error;
pub mod exit_code;
mod logging;
mod printer;
mod program;
mod signals;
mod wrap;

pub use allocator::keep_freed_memory;
pub use cli_reference::cli_reference;
pub use error::{error_message, is_broken_pipe};
pub use indicatif::{DecimalBytes, HumanCount};
pub use logging::init_logging;
pub use printer::{ColorChoice, Printer, PrinterArgs, Verbosity, stdout_width, write_stdout};
pub use program::{Failure, run};
pub use signals::StopSignals;
pub use wrap::wrap;
