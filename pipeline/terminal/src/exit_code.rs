//! Exit codes of both programs.
//!
//! Invariant: they are part of the interface, and change only with it.

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
