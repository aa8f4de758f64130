//! Signals: how a program is asked to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::exit_code::STOPPED;

/// Sets `stop` on Ctrl-C and SIGTERM; a second signal ends the process at once. A file that grows beyond the process's size
/// limit becomes an error of the write instead of killing the process.
///
/// # Errors
/// When the operating system does not let the process handle signals.
pub fn stop_on_signals(stop: &Arc<AtomicBool>) -> std::io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(STOPPED), stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
    Ok(())
}
