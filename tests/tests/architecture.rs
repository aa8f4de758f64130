//! Dependencies between crates: what the core and the trainer must not depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use corpusmill_tests::repository;
use serde_json::Value;

/// The packages of the workspace and their dependencies, without dev-dependencies.
struct Graph {
    names: BTreeMap<String, String>,
    dependencies: BTreeMap<String, Vec<String>>,
    default_members: Vec<String>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id is text").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Graph {
    fn read() -> Self {
        let rustc = Command::new("rustc").arg("-vV").output().expect("rustc can be started");
        let rustc = String::from_utf8(rustc.stdout).expect("rustc writes UTF-8");
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
        let mut cargo = Command::new(env!("CARGO"));
        // Packages that only other platforms need may be missing.
        cargo.args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host]);
        let output = cargo.current_dir(repository()).output().expect("cargo can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
        let names =
            list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let is_normal = |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        let dependencies = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                (text(&node["id"]), list(&node["deps"]).iter().filter(is_normal).map(|dep| text(&dep["pkg"])).collect())
            })
            .collect();
        let default_members = list(&metadata["workspace_default_members"]).iter().map(text).collect();
        Self { names, dependencies, default_members }
    }

    fn id(&self, name: &str) -> Option<&String> {
        self.names.iter().find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// The names of our crates that a package depends on itself.
    fn own_dependencies(&self, name: &str) -> Vec<&str> {
        let ids = self.id(name).and_then(|id| self.dependencies.get(id)).into_iter().flatten();
        ids.map(|id| self.names[id].as_str()).filter(|name| name.starts_with("corpusmill-")).collect()
    }

    /// The names of all packages that a package depends on, directly or not.
    fn transitive_dependencies(&self, name: &str) -> BTreeSet<&str> {
        let mut open: Vec<&String> = self.id(name).into_iter().collect();
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.dependencies.get(id).into_iter().flatten());
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).filter(|below| *below != name).collect()
    }
}

#[test]
fn the_core_has_no_runtime_network_or_model_dependencies() {
    let below =
        Graph::read().transitive_dependencies("corpusmill-pipeline").into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert!(below.iter().any(|name| name == "parquet"), "the graph has no parquet: {below:?}");
    for family in ["tokio", "reqwest", "hyper", "polars", "burn", "tokenizers", "scraper", "axum"] {
        let found: Vec<&String> =
            below.iter().filter(|name| *name == family || name.starts_with(&format!("{family}-"))).collect();
        assert!(found.is_empty(), "corpusmill-pipeline depends on {found:?}");
    }
}

/// Each of our crates, and those of ours that it depends on itself; the prefix `corpusmill-` is left out.
const CRATES: [(&str, &[&str]); 19] = [
    ("recipe", &[]),
    ("shards", &[]),
    ("terminal", &[]),
    ("page", &["terminal"]),
    ("codec", &[]),
    ("pipeline", &["codec"]),
    ("warc", &["codec"]),
    ("html", &[]),
    ("extract", &["html"]),
    ("crawler", &["html", "pipeline", "warc"]),
    ("readers", &["codec", "extract", "html", "pipeline"]),
    ("stages", &["codec", "crawler", "extract", "html", "pipeline", "readers", "recipe", "shards", "warc"]),
    ("cli", &["crawler", "extract", "html", "page", "pipeline", "readers", "recipe", "shards", "stages", "terminal"]),
    ("query", &["cli", "pipeline", "recipe", "shards", "terminal"]),
    ("trainer", &["page", "recipe", "shards", "terminal"]),
    ("tools", &["extract"]),
    ("tests", &[]),
    ("examples", &["extract", "html", "pipeline", "shards", "warc"]),
    ("fuzz-targets", &["crawler", "extract", "html", "readers", "recipe", "shards", "stages", "warc"]),
];

fn package(name: &str) -> String {
    format!("corpusmill-{name}")
}

#[test]
fn dependencies_between_crates_point_one_way() {
    let graph = Graph::read();
    for (name, allowed) in CRATES {
        let found: BTreeSet<String> = graph.own_dependencies(&package(name)).into_iter().map(str::to_owned).collect();
        assert_eq!(found, allowed.iter().map(|name| package(name)).collect(), "{name}");
    }
    let members: Vec<&String> = graph.names.values().filter(|name| name.starts_with("corpusmill-")).collect();
    assert_eq!(members.len(), CRATES.len(), "every crate has a line in the table: {members:?}");
}

/// Heavy dependencies, each with the crates of ours that use it; only these and the crates above them may depend on it.
const HEAVY: [(&str, &[&str]); 7] = [
    ("burn", &["trainer"]),
    ("polars", &["query"]),
    ("redb", &["crawler"]),
    ("reqwest", &["crawler"]),
    ("tokio", &["crawler"]),
    ("indicatif", &["stages", "terminal"]),
    ("clap", &["stages", "terminal"]),
];

#[test]
fn heavy_dependencies_stay_where_they_are_used() {
    let graph = Graph::read();
    for (family, users) in HEAVY {
        for (name, _) in CRATES {
            let below = graph.transitive_dependencies(&package(name));
            let allowed = users.iter().any(|user| name == *user || below.contains(package(user).as_str()));
            assert_eq!(below.contains(family), allowed, "{name} and {family}");
        }
    }
}

#[test]
fn a_plain_build_is_the_corpusmill_program() {
    let graph = Graph::read();
    let names: Vec<&str> = graph.default_members.iter().map(|id| graph.names[id].as_str()).collect();
    assert_eq!(names, ["corpusmill-cli"]);
}

/// The value of the first line `KEY: "VALUE"` or `KEY = "VALUE"`.
fn quoted_value<'a>(text: &'a str, key: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix(key));
    let value = lines.next().unwrap_or_else(|| panic!("no line begins with {key}"));
    value.trim_start_matches([' ', ':', '=']).trim_matches('"')
}

#[test]
fn the_minimum_rust_version_is_the_one_that_ci_uses() {
    let read = |name: &str| fs_err::read_to_string(repository().join(name)).expect("a file of the repository");
    let minimum = read("Cargo.toml");
    let minimum = quoted_value(&minimum, "rust-version");
    assert_eq!(quoted_value(&read(".github/workflows/ci.yml"), "RUST_VERSION"), minimum);
    for name in ["README.md", "CONTRIBUTING.md"] {
        let text = read(name);
        for named in text.split("Rust ").skip(1).filter(|rest| rest.starts_with("1.")) {
            assert!(named.starts_with(minimum), "{name} names another version: Rust {}", &named[..4]);
        }
    }
}
