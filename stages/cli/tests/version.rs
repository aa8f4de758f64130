//! The command exists and prints its version. Since this test needs the binary, `cargo test --workspace` also builds it
//! for the end-to-end tests.
#![allow(missing_docs, reason = "a test")]

use std::process::Command;

#[test]
fn the_command_prints_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_corpusmill")).arg("--version").output().expect("corpusmill starts");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("corpusmill ", env!("CARGO_PKG_VERSION")));
}
