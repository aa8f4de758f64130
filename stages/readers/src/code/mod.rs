//! Source code: the files of source trees and archives, and the packages of a Cargo.lock.
//!
//! | module | subject |
//! |---|---|
//! | `code_files` | the rules by which a file is code, prose or rejected |
//! | `content_kind` | prose and code as two sources of one archive |
//! | `crates` | the packages of a Cargo.lock, from cargo's cache |
//! | `languages` | media types of programming and markup languages |
//!
//! Invariant: the rules depend only on the path and the bytes of a file.

mod code_files;
mod content_kind;
mod crates;
pub(crate) mod languages;

pub use code_files::{CodeSettings, apply_rules};
pub use content_kind::{ContentKind, SplitByMedia, is_source_code};
pub use crates::{CrateFile, CrateList};
