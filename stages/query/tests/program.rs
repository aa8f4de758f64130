//! The program starts and has the commands of `corpusmill`. That this test needs the program also makes
//! `cargo test --workspace` build it, beside `corpusmill`, which starts it in the end-to-end tests.
#![allow(missing_docs, reason = "a test")]

use std::process::Command;

#[test]
fn a_query_needs_a_recorded_run() {
    let store = std::env::temp_dir().join(format!("corpusmill-query-without-runs-{}", std::process::id()));
    let mut query = Command::new(env!("CARGO_BIN_EXE_corpusmill-query"));
    let output = query.arg("--store").arg(&store).args(["query", "SELECT 1"]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("no run is recorded"), "{message}");
}
