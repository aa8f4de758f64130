//! The crates point one way: what the core and the trainer must never depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use corpusmill_tests::repository;
use serde_json::Value;

/// The packages of the workspace and what they depend on, dev-dependencies left out.
struct Graph {
    names: BTreeMap<String, String>,
    depends: BTreeMap<String, Vec<String>>,
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
        // Of other platforms' packages, those may be missing that no build here needs.
        cargo.args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host]);
        let output = cargo.current_dir(repository()).output().expect("cargo can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
        let names =
            list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let for_real = |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        let depends = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                (text(&node["id"]), list(&node["deps"]).iter().filter(for_real).map(|dep| text(&dep["pkg"])).collect())
            })
            .collect();
        let default_members = list(&metadata["workspace_default_members"]).iter().map(text).collect();
        Self { names, depends, default_members }
    }

    fn id(&self, name: &str) -> Option<&String> {
        self.names.iter().find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// The names of all packages that a package depends on, directly or not.
    fn all_below(&self, name: &str) -> BTreeSet<&str> {
        let mut open: Vec<&String> = self.id(name).into_iter().collect();
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.depends.get(id).into_iter().flatten());
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).filter(|below| *below != name).collect()
    }
}

#[test]
fn the_core_knows_no_runtime_no_network_no_frames_no_models() {
    let below = Graph::read().all_below("corpusmill-pipeline").into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert!(below.iter().any(|name| name == "parquet"), "the graph was read: {below:?}");
    for family in ["tokio", "reqwest", "hyper", "polars", "burn", "tokenizers", "scraper", "axum"] {
        let found: Vec<&String> =
            below.iter().filter(|name| *name == family || name.starts_with(&format!("{family}-"))).collect();
        assert!(found.is_empty(), "corpusmill-pipeline depends on {found:?}");
    }
}

#[test]
fn crates_point_one_way() {
    let graph = Graph::read();
    let ours = |name: &str| {
        graph.all_below(name).into_iter().filter(|below| below.starts_with("corpusmill-")).collect::<Vec<_>>()
    };
    assert_eq!(ours("corpusmill-pipeline"), Vec::<&str>::new());
    assert_eq!(ours("corpusmill-stages"), ["corpusmill-pipeline"]);
    // The trainer learns from shards; it never sees a stage.
    if graph.id("corpusmill-trainer").is_some() {
        assert_eq!(ours("corpusmill-trainer"), ["corpusmill-pipeline"]);
    }
    let stages = graph.all_below("corpusmill-stages");
    assert!(
        !stages.iter().any(|name| *name == "burn" || name.starts_with("burn-")),
        "a build of the stages compiles no Burn"
    );
}

#[test]
fn a_plain_build_is_the_stages() {
    let graph = Graph::read();
    let names: Vec<&str> = graph.default_members.iter().map(|id| graph.names[id].as_str()).collect();
    assert_eq!(names, ["corpusmill-stages"]);
}
