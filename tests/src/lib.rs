//! Shared code of the end-to-end tests: the binary under test, a working folder, and a miniature recipe over generated
//! input.
//!
//! The tests use corpusmill as its users do: through command lines, exit codes, streams and files. Each test works in
//! its own temporary folder; nothing depends on the clock, on other tests, or on a network beyond loopback.
//!
//! Invariant: the generated input is a function of the code here, so a different digest is caused by the product.

#![expect(clippy::missing_panics_doc, reason = "test helpers fail by panicking, with a message")]

mod binary;
mod done;
mod input;
mod mill;
mod server;

pub use binary::{corpusmill, repository};
pub use done::Done;
pub use input::{Draw, code, page, prose};
pub use mill::{Mill, Place, RECIPE, files_below};
pub use server::{Answer, Request, Server};
