//! Locates the binary under test, and rebuilds it if it is older than its sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The root of the repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ has a parent").to_owned()
}

/// The `corpusmill` binary of this build; built first if it is missing or older than its sources.
///
/// The environment variable `CORPUSMILL_BIN` selects another binary, such as that of a release.
pub fn corpusmill() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("CORPUSMILL_BIN") {
        Some(path) => fs_err::canonicalize(path).expect("CORPUSMILL_BIN names a file"),
        None => current(),
    })
}

/// `target/PROFILE/corpusmill`, next to the folder `deps` of the running test.
fn current() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its executable");
    let profile = test.parent().and_then(Path::parent).expect("a test is in target/PROFILE/deps");
    let binary = profile.join(format!("corpusmill{}", std::env::consts::EXE_SUFFIX));
    let built = fs_err::metadata(&binary).and_then(|meta| meta.modified()).ok();
    let root = repository();
    let sources = ["Cargo.lock", "Cargo.toml", "pipeline", "stages"];
    // `corpusmill query` starts it.
    let has_query = profile.join(format!("corpusmill-query{}", std::env::consts::EXE_SUFFIX)).exists();
    if !has_query || built.is_none_or(|built| sources.iter().any(|name| changed_since(&root.join(name), built))) {
        build(profile);
    }
    assert!(binary.exists(), "cargo did not build {}", binary.display());
    binary
}

fn changed_since(path: &Path, time: SystemTime) -> bool {
    if path.is_dir() {
        let entries = fs_err::read_dir(path).expect("a source folder can be listed");
        return entries.flatten().any(|entry| changed_since(&entry.path(), time));
    }
    fs_err::metadata(path).and_then(|meta| meta.modified()).is_ok_and(|changed| changed > time)
}

/// Builds with the features of all packages, as `cargo test --workspace` does, so that dependencies are not built
/// twice.
fn build(profile: &Path) {
    let target = profile.parent().expect("a profile's folder has a parent");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--workspace", "--bins", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // ring's build script reads these variables: with those of this package, ring and its dependents would be rebuilt
    // each time.
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
        cargo.env_remove(name);
    }
    let status = cargo.current_dir(repository()).status().expect("cargo can be started");
    assert!(status.success(), "cargo could not build the binary under test");
}
