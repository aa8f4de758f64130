//! Shared code of the end-to-end tests: the binary under test, a working folder, and a miniature recipe over generated
//! input.
//!
//! The tests use corpusmill as its users do: through command lines, exit codes, streams and files. Each test works in
//! its own temporary folder; nothing depends on the clock, on other tests, or on a network beyond loopback.
//!
//! Invariant: the generated input is a function of the code here, so a different digest is caused by the product.

#![expect(clippy::missing_panics_doc, reason = "test helpers fail by panicking, with a message")]

mod binary;
mod command_result;
mod input;
mod markdown;
mod server;
mod shell;
mod workdir;

pub use binary::{corpusmill, repository};
pub use command_result::CommandResult;
pub use input::{TextGenerator, code, page, prose};
pub use markdown::{CodeBlock, Page, pages_below};
pub use server::{Request, Response, Server};
pub use shell::shell_commands;
pub use workdir::{RECIPE, RunDir, Workdir, files_below};
