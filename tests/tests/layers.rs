//! Dependencies point one way: what the crates may never reach, by what cargo resolves.

use std::collections::BTreeSet;
use std::process::Command;

/// Names of all packages that `package` ships with on this platform, with its default features.
fn reached(package: &str) -> BTreeSet<String> {
    let done = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--package", package])
        .current_dir(corpusmill_tests::repository())
        .output()
        .expect("cargo can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let tree = String::from_utf8(done.stdout).expect("names are UTF-8");
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn no_crate_reaches_what_it_must_not() {
    for (package, never) in [
        ("corpusmill-pipeline", &["tokio", "reqwest", "polars", "burn", "corpusmill-stages", "corpusmill-trainer"][..]),
        ("corpusmill-stages", &["burn", "corpusmill-trainer"]),
        ("corpusmill-trainer", &["corpusmill-stages", "reqwest", "polars"]),
    ] {
        let reached = reached(package);
        assert!(reached.contains("arrow-array"), "{package} reads Arrow: {reached:?}");
        for name in never {
            assert!(!reached.contains(*name), "{package} must not depend on {name}");
        }
    }
}
