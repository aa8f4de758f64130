//! The record of a recipe's last run: the parts it used, with their settings and inputs.
//!
//! `why`, `query`, `plan --explain`, `gc` and the report read it; no stage does.

use std::collections::BTreeMap;
use std::path::Path;

use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::sealed::{self, SealedError};
use corpusmill_pipeline::store::{LocalStore, PartAddress, Selection, Store, Table};
use corpusmill_pipeline::table::Batches;
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{Digest, Key, Plan, StoreError, UserError};
use corpusmill_stages::workspace::Workspace;
use serde::{Deserialize, Serialize};

/// The parts, settings and inputs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the recipe or its variant.
    pub name: String,
    /// The recipe file, as given on the command line.
    pub recipe: String,
    /// The nodes in topological order.
    pub nodes: Vec<NodeRecord>,
    /// Indices of the nodes that output the final documents.
    pub documents: Vec<usize>,
    /// The snapshot of each source.
    pub snapshots: BTreeMap<String, Digest>,
    /// The digest of the corpus; `None` until the corpus is assembled.
    pub corpus: Option<Digest>,
    /// The folder of the corpus.
    pub output: Option<std::path::PathBuf>,
    /// Wall time of the run, in seconds.
    pub seconds: f64,
}

/// One node of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The path in the plan, such as `rust-docs/clean`.
    pub path: String,
    /// The stage's name.
    pub stage: String,
    /// The stage's version.
    pub version: u32,
    /// The settings that are part of the keys.
    pub settings: serde_json::Value,
    /// The parts.
    pub parts: Vec<PartRecord>,
}

/// One part of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Its key.
    pub key: Key,
    /// Digests of its inputs, by port.
    pub inputs: BTreeMap<String, Vec<Digest>>,
}

impl RunRecord {
    /// The nodes of a finished run.
    pub fn nodes(plan: &Plan, receipts: &Receipts) -> Vec<NodeRecord> {
        let node = |(id, node): (usize, &corpusmill_pipeline::plan::Node)| NodeRecord {
            path: node.path.clone(),
            stage: node.stage.name().to_owned(),
            version: node.stage.version(),
            settings: node.stage.settings(),
            parts: receipts
                .of(NodeId(id))
                .map(|receipt| PartRecord { key: receipt.result.key, inputs: receipt.result.inputs.clone() })
                .collect(),
        };
        plan.nodes.iter().enumerate().map(node).collect()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If the record is missing, or is not what was written.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        sealed::read(path).map_err(|error| match error {
            SealedError::Io(error) => error.into(),
            SealedError::Damaged(problem) => {
                let hint = "run the recipe again, which rewrites the record, or remove it: corpusmill gc --forget NAME";
                StoreError::Damaged { path: path.to_owned(), problem, hint }
            }
        })
    }

    /// Writes the record atomically.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        sealed::write(path, self)
    }

    /// All parts, each with its node.
    pub fn addresses(&self) -> impl Iterator<Item = (&NodeRecord, PartAddress)> {
        self.nodes.iter().flat_map(|node| {
            node.parts.iter().map(move |part| (node, PartAddress { stage: node.stage.clone(), key: part.key }))
        })
    }
}

/// Opens a table of a recorded part; `None` if the part or the table does not exist.
///
/// # Errors
/// If the part is damaged.
pub fn open_table(
    store: &LocalStore,
    address: &PartAddress,
    table: Table,
    columns: Option<&[&str]>,
) -> Result<Option<Batches<'static>>, StoreError> {
    let Some(receipt) = store.find(address)? else { return Ok(None) };
    store.read(address, table, &receipt, Selection { bucket: None, columns })
}

/// The names of all recorded runs of a workspace, latest first.
///
/// # Errors
/// If the folder cannot be listed.
pub fn list_runs(workspace: &Workspace) -> Result<Vec<String>, StoreError> {
    let dir = workspace.root().join("runs");
    let mut found = Vec::new();
    if dir.is_dir() {
        for entry in fs_err::read_dir(&dir)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(name) = path.file_stem()
            {
                found.push((entry.metadata()?.modified()?, name.to_string_lossy().into_owned()));
            }
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// The recorded run with this name, or the latest run.
///
/// # Errors
/// If no such run is recorded, or its record is damaged; the message says what to do.
pub fn find_run(workspace: &Workspace, name: Option<&str>) -> anyhow::Result<RunRecord> {
    let names = list_runs(workspace)?;
    let Some(latest) = names.first() else {
        let message = format!("no run is recorded in {}", workspace.root().display());
        anyhow::bail!(UserError::new(message).with_hint("corpusmill run RECIPE"));
    };
    let name = name.unwrap_or(latest);
    if !names.iter().any(|known| known == name) {
        let error = UserError::new(format!("no run named `{name}` is recorded"));
        anyhow::bail!(error.with_hint(format!("recorded runs: {}", names.join(", "))));
    }
    Ok(RunRecord::read(&workspace.run_path(name))?)
}
