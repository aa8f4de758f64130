//! The seeds of a target: the files of `fuzz/seeds/NAME`.
//!
//! Invariant: seeds are listed in the order of their names.

use std::io;
use std::path::{Path, PathBuf};

/// The folder `fuzz` of the repository.
///
/// # Panics
/// Never: the package is in a folder.
pub fn fuzz_folder() -> PathBuf {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR"));
    targets.parent().expect("the package is in a folder").to_owned()
}

/// Reads the seeds of a target: path and bytes.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn read(target: &str) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let entries = fs_err::read_dir(fuzz_folder().join("seeds").join(target))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.into_iter().map(|path| fs_err::read(&path).map(|bytes| (path, bytes))).collect()
}
