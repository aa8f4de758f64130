//! Signals: how a program is asked to stop.
//!
//! Invariant: the first Ctrl-C or SIGTERM ends a command that has nothing to save, the second ends any command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Printer;
use crate::exit_code::STOPPED;

/// How often the thread that announces a stop looks, and how long a command has to stop before that.
const POLL: Duration = Duration::from_millis(200);

/// What Ctrl-C and SIGTERM do: end the process at once or, after [`Self::defer`], ask the command to stop.
#[derive(Debug)]
pub struct StopSignals {
    /// A signal that finds it set ends the process; every signal sets it.
    stop: Arc<AtomicBool>,
    printer: Printer,
}

impl StopSignals {
    /// Signals that end the process, until [`Self::defer`].
    pub(crate) fn new(printer: Printer) -> Self {
        Self { stop: Arc::new(AtomicBool::new(true)), printer }
    }

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
        let (stop, printer) = (Arc::clone(&self.stop), self.printer.clone());
        // Ends with the process. Without this thread, a command that takes long to stop would seem to ignore the signal; if
        // it cannot be started, only the message is missing.
        let _ = std::thread::Builder::new().spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(POLL);
            }
            std::thread::sleep(POLL);
            printer.message("stopping after the work at hand; press Ctrl-C again to end at once");
        });
        &self.stop
    }
}
