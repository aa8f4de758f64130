//! Progress of work: what a run, a crawl or a download reports while it works, and who listens.
//!
//! Libraries of corpusmill never write to a terminal. They report [`Event`]s to a [`Progress`]; the programs show them, tests
//! collect them, and [`Silent`] ignores them.
//!
//! Invariant: nothing that a listener does changes a result.

use std::fmt::Debug;

/// Receives events, from several threads.
pub trait Progress: Debug + Send + Sync {
    /// Handles one event.
    fn handle(&self, event: Event<'_>);

    /// Reports a message for the user.
    fn message(&self, text: &str) {
        self.handle(Event::Message(text));
    }

    /// Reports something that the user should look at, although work continues.
    fn warning(&self, text: &str) {
        self.handle(Event::Warning(text));
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message for the user.
    Message(&'a str),
    /// Something that the user should look at, although work continues.
    Warning(&'a str),
    /// A piece of work begins, or continues with another total.
    Started {
        /// Its name, unique among what runs at a time, such as `web/crawl`.
        name: &'a str,
        /// Units of work; 0 if unknown.
        total: u64,
        /// The unit, in the plural: `pages`, `parts`.
        unit: &'static str,
    },
    /// A piece of work has come further.
    Advanced {
        /// Its name.
        name: &'a str,
        /// Units done so far.
        done: u64,
        /// More about it, such as `1200 rows, 3 rejected`.
        detail: &'a str,
    },
    /// A piece of work ended, in success or failure.
    Finished {
        /// Its name.
        name: &'a str,
    },
}

/// Ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn handle(&self, _event: Event<'_>) {}
}
