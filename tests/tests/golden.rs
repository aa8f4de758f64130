//! Golden digests: the rows of every stage over the tiny recipe.
//!
//! A changed digest means that equal input gives different rows: raise the stage's version, and accept the new snapshot
//! in the same commit. This test guarantees equal digests on every machine and with any number of threads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use corpusmill_tests::{corpusmill, repository};

fn stdout_of(store: &std::path::Path, arguments: &[&str]) -> String {
    let output = Command::new(corpusmill())
        .current_dir(repository())
        .arg("--store")
        .arg(store)
        .args(arguments)
        .output()
        .expect("corpusmill starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("corpusmill writes UTF-8")
}

#[test]
fn the_tiny_recipe_gives_the_rows_that_it_always_gave() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = dir.path().join("store");
    let (output, lock) = (dir.path().join("corpus"), dir.path().join("tiny.lock"));
    let path = |path: &std::path::Path| path.display().to_string();
    stdout_of(&store, &["run", "recipes/tiny.yaml", "--output", &path(&output), "--lock", &path(&lock)]);
    let sql = "SELECT node, partition, rows_digest FROM receipts";
    let mut nodes: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for line in stdout_of(&store, &["query", sql, "--format", "json"]).lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        let text = |name: &str| row[name].as_str().expect("a text").to_owned();
        let partition = row["partition"].as_u64().expect("a number");
        nodes.entry(text("node")).or_default().push((partition, text("rows_digest")));
    }
    assert!(nodes.len() > 15, "the tiny recipe has all kinds of stages");
    let mut golden = String::new();
    for (node, mut parts) in nodes {
        parts.sort();
        let prefixes: Vec<&str> = parts.iter().map(|(_, digest)| &digest[..16]).collect();
        let _ = writeln!(golden, "{node}: {}", prefixes.join(" "));
    }
    let manifest = fs_err::read_to_string(output.join("tiny/manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let _ = writeln!(golden, "corpus: {}", manifest["corpus_digest"].as_str().expect("a digest"));
    insta::assert_snapshot!(golden);
}
