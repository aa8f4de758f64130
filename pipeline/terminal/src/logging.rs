//! Log messages (`tracing`) on stderr, printed so that they never tear a progress bar.

use std::io::Write;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::{Printer, Verbosity};

/// Sends log messages to `printer`: warnings by default, debug messages of corpusmill's crates with `--verbose`, and whatever
/// `RUST_LOG` selects. Does nothing if the process already has a subscriber.
pub fn init_logging(printer: &Printer) {
    let default = match printer.verbosity() {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "warn",
        Verbosity::Verbose => "warn,corpusmill=debug",
    };
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::new(directives),
        // A directive's target is a prefix, so that `corpusmill` selects all our crates.
        _ => EnvFilter::new(default),
    };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(printer.has_color())
        .without_time()
        .with_writer(LogWriter(printer.clone()))
        .try_init();
}

struct LogWriter(Printer);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = &'a Printer;

    fn make_writer(&'a self) -> &'a Printer {
        &self.0
    }
}

impl Write for &Printer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.suspend(|| std::io::stderr().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
