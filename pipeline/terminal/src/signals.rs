//! Signals: how a program is asked to stop.
//!
//! Invariant: the first Ctrl-C or SIGTERM ends a command that has nothing to save, the second ends any command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit_code::STOPPED;

/// What Ctrl-C and SIGTERM do: end the process at once or, after [`Self::defer`], ask the command to stop.
#[derive(Debug)]
pub struct StopSignals {
    /// A signal that finds it set ends the process; every signal sets it.
    stop: Arc<AtomicBool>,
}

impl Default for StopSignals {
    fn default() -> Self {
        Self { stop: Arc::new(AtomicBool::new(true)) }
    }
}

impl StopSignals {
    /// Handles the signals. A file that grows beyond the process's size limit becomes an error of the write instead of
    /// killing the process.
    ///
    /// # Errors
    /// When the operating system does not let the process handle signals.
    pub(crate) fn register(&self) -> std::io::Result<()> {
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, i32::from(STOPPED), self.stop.clone())?;
            signal_hook::flag::register(signal, self.stop.clone())?;
        }
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
        Ok(())
    }

    /// From now on the first signal only sets the returned flag, so that the command can save its work and stop; a
    /// second signal ends the process at once.
    pub fn defer(&self) -> &Arc<AtomicBool> {
        self.stop.store(false, Ordering::SeqCst);
        &self.stop
    }
}
