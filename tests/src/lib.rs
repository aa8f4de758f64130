//! What the end-to-end tests share: the binary under test, a folder to work in, and a miniature recipe over generated
//! input.
//!
//! The tests know corpusmill as its users do: by command lines, exit codes, streams and files. Each works in a temporary
//! folder of its own; nothing depends on the clock, on other tests, or on a network beyond loopback.
//!
//! Invariant: the generated input is a function of the code here, so a digest that differs is the product's doing.

#![expect(clippy::missing_panics_doc, reason = "helpers of tests: a panic is how they fail, and its message says why")]

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
