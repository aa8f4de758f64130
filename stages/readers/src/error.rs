//! The errors of all readers: what the machine or the recipe is at fault for.
//!
//! Invariant: the content of an input never causes an error; it causes a rejection.

use std::io;
use std::path::PathBuf;

/// The input cannot be read as requested, because of the machine or the recipe.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// A file system operation failed; the message names the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A path of the recipe does not exist.
    #[error("no such file or directory: `{}` (the nearest existing folder is `{}`){hint}", path.display(), nearest.display())]
    NotFound {
        /// Path as given.
        path: PathBuf,
        /// Nearest existing parent.
        nearest: PathBuf,
        /// `; did you mean …`, or empty.
        hint: String,
    },
    /// A path is neither a regular file nor a directory.
    #[error("`{}` is neither a file nor a directory: give a file, a directory, a glob, or `-` for standard input", path.display())]
    NotAFile {
        /// Path as given.
        path: PathBuf,
    },
    /// A glob cannot be parsed.
    #[error("`{pattern}` is not a valid glob: {reason}")]
    BadGlob {
        /// Pattern as given.
        pattern: String,
        /// What is wrong with the pattern.
        reason: String,
    },
    /// A glob matched no file.
    #[error("`{pattern}` matches no file below `{}`: check the pattern, or set `hidden` to include hidden files", base.display())]
    NoMatch {
        /// Pattern as given.
        pattern: String,
        /// Folder in which the search began.
        base: PathBuf,
    },
    /// The data lacks a column of the mapping.
    #[error("`{file}` has no column `{column}`; it has {columns}{hint}")]
    NoColumn {
        /// The file.
        file: String,
        /// Column in the mapping.
        column: String,
        /// Columns of the file, quoted and separated by commas.
        columns: String,
        /// `; did you mean …`, or empty.
        hint: String,
    },
    /// No reader of this crate supports the file.
    #[error("cannot read `{file}`: {reason}")]
    UnknownFormat {
        /// The file.
        file: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// A Cargo.lock cannot be used.
    #[error("cannot use `{}`: {reason}", path.display())]
    BadLock {
        /// Path of the lock file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// Packages of the lock file are not in cargo's cache.
    #[error(
        "{missing} of {total} packages of `{}` are not in cargo's cache `{}` ({examples}): run `cargo fetch --locked` there, or set CARGO_HOME",
        lock.display(), cache.display()
    )]
    CratesMissing {
        /// Path of the lock file.
        lock: PathBuf,
        /// Folder in which archives were searched.
        cache: PathBuf,
        /// Number of missing packages.
        missing: usize,
        /// Number of packages in the lock file.
        total: usize,
        /// Names of up to five missing packages.
        examples: String,
    },
    /// An archive differs from the one in the lock file.
    #[error(
        "`{}` has sha256 {found}, but Cargo.lock has {expected}: delete the file and run `cargo fetch --locked`",
        path.display()
    )]
    Checksum {
        /// Path of the archive.
        path: PathBuf,
        /// Digest of the archive, lower-case hex.
        found: String,
        /// Digest in the lock file.
        expected: String,
    },
}
