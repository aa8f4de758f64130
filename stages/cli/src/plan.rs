//! `corpusmill plan`: shows the graph, and what a run would reuse or compute, and why.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::store::Store;
use corpusmill_pipeline::task::{self, Receipts};
use corpusmill_pipeline::{PartAddress, Plan, Reads};

use crate::args::{GlobalArgs, RecipeArgs};
use crate::console::print;
use crate::record::{NodeRecord, RunRecord};
use crate::run::DEFAULT_OUTPUT;
use corpusmill_stages::compile::{CompiledRecipe, acquire_snapshots};
use corpusmill_stages::sources::lockfile::LockMode;

/// Show a recipe's plan; with --explain, what a run would reuse or compute, and why.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Show for every node whether a run would reuse its parts, and which setting or input changed.
    #[arg(long)]
    explain: bool,
}

impl PlanCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let loaded = self.recipe.load()?;
        let lock_mode = LockMode { write: false, ..self.recipe.lock_mode(&loaded) };
        let target = Path::new(DEFAULT_OUTPUT).join(&loaded.recipe.name);
        let acquire_context = global.acquire_context(&global.console(), cancel, &[&target, &lock_mode.lock]);
        let snapshots = acquire_snapshots(&loaded, &lock_mode, &acquire_context)?;
        let dir = loaded.path.parent().unwrap_or(Path::new("."));
        let compiled = CompiledRecipe::new(&loaded, snapshots, !self.recipe.no_excerpts, dir)?;
        if !self.explain {
            return print(&graph(&compiled.plan));
        }
        let store = global.workspace().store()?;
        let last = RunRecord::read(&global.workspace().run_path(&loaded.recipe.name)).ok();
        print(&explain(&compiled.plan, &store, last.as_ref())?)
    }
}

/// Lists the nodes, one per line.
fn graph(plan: &Plan) -> String {
    let mut out = String::new();
    for node in &plan.nodes {
        let reads: Vec<String> = node
            .inputs
            .iter()
            .map(|input| {
                let from: Vec<&str> = input.upstream.iter().map(|&id| plan.node(id).path.as_str()).collect();
                let how = match input.reads {
                    Reads::Same => "",
                    Reads::Bucket => " by bucket",
                    Reads::All => " whole",
                };
                format!("{}{how}", from.join(" + "))
            })
            .collect();
        let from = if reads.is_empty() { String::new() } else { format!("  <- {}", reads.join(", ")) };
        let _ = writeln!(out, "{:28} {:16} {:>4} parts{from}", node.path, node.stage.name(), node.partitions);
    }
    out
}

fn explain(plan: &Plan, store: &dyn Store, last: Option<&RunRecord>) -> anyhow::Result<String> {
    let mut receipts = Receipts::for_plan(plan);
    let mut out = String::new();
    for (id, node) in plan.nodes.iter().enumerate() {
        let (mut hits, mut misses, mut waiting) = (0, 0, 0);
        for partition in 0..node.partitions {
            let Some(key) = task::key(plan, node, partition, &receipts) else {
                waiting += 1;
                continue;
            };
            match store.find(&PartAddress { stage: node.stage.name().to_owned(), key })? {
                Some(receipt) => {
                    hits += 1;
                    receipts.0[id][partition as usize] = Some(Arc::new(receipt));
                }
                None => misses += 1,
            }
        }
        let state = match (misses, waiting) {
            (0, 0) => "hit".to_owned(),
            _ if hits == 0 => "miss".to_owned(),
            _ => format!("{hits} hit, {} miss", misses + waiting),
        };
        let why =
            if misses + waiting == 0 { String::new() } else { reasons(plan, NodeId(id), &receipts, last).join("; ") };
        let _ = writeln!(
            out,
            "{:28} {:>4} parts  {state}{}{why}",
            node.path,
            node.partitions,
            if why.is_empty() { "" } else { "  because " }
        );
    }
    Ok(out)
}

/// Lists the differences from the last run.
fn reasons(plan: &Plan, id: NodeId, receipts: &Receipts, last: Option<&RunRecord>) -> Vec<String> {
    let node = plan.node(id);
    let Some(old) = last.and_then(|run| run.nodes.iter().find(|old| old.path == node.path)) else {
        return vec!["it has not run before".to_owned()];
    };
    let mut all = Vec::new();
    if old.version != node.stage.version() {
        all.push(format!("the stage version was {} and is {}", old.version, node.stage.version()));
    }
    differences("", &old.settings, &node.stage.settings(), &mut all);
    if old.parts.len() != node.partitions as usize {
        all.push(format!("it had {} partitions and has {}", old.parts.len(), node.partitions));
    }
    let upstream: Vec<&str> = node
        .inputs
        .iter()
        .flat_map(|input| &input.upstream)
        .filter(|&&up| (0..plan.node(up).partitions).any(|partition| receipts.get(up, partition).is_none()))
        .map(|&up| plan.node(up).path.as_str())
        .collect();
    if !upstream.is_empty() {
        all.push(format!("{} will run again", upstream.join(", ")));
    }
    let changed = changed_inputs(plan, id, receipts, old);
    if changed > 0 {
        let what = if node.inputs.is_empty() { "the content" } else { "the input" };
        all.push(format!("{what} of {changed} partitions changed"));
    }
    if all.is_empty() {
        all.push("its parts are missing from the store or damaged".to_owned());
    }
    all
}

fn changed_inputs(plan: &Plan, id: NodeId, receipts: &Receipts, old: &NodeRecord) -> usize {
    let node = plan.node(id);
    (0..node.partitions)
        .filter(|&partition| {
            let now = task::inputs(plan, node, partition, receipts);
            now.is_some_and(|now| old.parts.get(partition as usize).is_none_or(|part| part.inputs != now))
        })
        .count()
}

/// Lists the settings that differ, by path: `gopher-quality.min-words was 50 and is 40`.
fn differences(path: &str, old: &serde_json::Value, new: &serde_json::Value, out: &mut Vec<String>) {
    use serde_json::Value;
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = Value::Null;
                differences(&path, a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}.{index}"), a, b, out);
            }
        }
        _ => out.push(format!("{} was {old} and is {new}", if path.is_empty() { "the setting" } else { path })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_settings_are_named_by_path() {
        let (old, new) = (serde_json::json!({"a": {"b": 1, "c": 2}}), serde_json::json!({"a": {"b": 3, "c": 2}}));
        let mut out = Vec::new();
        differences("", &old, &new, &mut out);
        assert_eq!(out, ["a.b was 1 and is 3"]);
    }
}
