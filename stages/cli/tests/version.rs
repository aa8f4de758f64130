//! The command exists and knows its version. That this test needs the binary also makes `cargo test --workspace` build
//! it for the end-to-end tests.
#![allow(missing_docs, reason = "a test")]

use std::process::Command;

#[test]
fn the_command_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_corpusmill")).arg("--version").output().expect("corpusmill starts");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("corpusmill ", env!("CARGO_PKG_VERSION")));
}
