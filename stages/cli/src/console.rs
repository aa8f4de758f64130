//! What the subcommands write to the terminal: text on stdout, progress events on stderr.

use std::ops::Deref;

use corpusmill_pipeline::progress::{Event, Progress};
use corpusmill_terminal::{Printer, write_stdout};

/// A printer that handles progress events.
#[derive(Debug, Clone)]
pub(crate) struct Console(pub(crate) Printer);

impl Deref for Console {
    type Target = Printer;

    fn deref(&self) -> &Printer {
        &self.0
    }
}

impl Progress for Console {
    fn handle(&self, event: Event<'_>) {
        match event {
            Event::Message(text) => self.0.message(text),
            Event::Warning(text) => self.0.warning(text),
            Event::Started { name, total, unit } => self.0.start(name, total, unit),
            Event::Advanced { name, done, detail } => self.0.advance(name, done, detail),
            Event::Finished { name } => self.0.finish(name),
        }
    }
}

/// Writes text to stdout.
///
/// # Errors
/// If stdout cannot be written.
pub fn print(text: &str) -> anyhow::Result<()> {
    Ok(write_stdout(text)?)
}
