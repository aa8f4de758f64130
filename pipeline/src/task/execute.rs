//! Executes tasks: the key of a task, its existing part, or a new one.
//!
//! Invariant: [`run`] is the only function that executes a stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::handle::{PortParts, Task, TaskContext, TaskIdentity, TaskSpec};
use crate::key::canonical_json;
use crate::plan::{Node, NodeId, Plan};
use crate::port::{Reads, RowContract};
use crate::store::{PartAddress, Store};
use crate::{Digest, Key, Receipt, StageError};

/// The receipts of existing parts, by node and partition.
#[derive(Debug, Clone, Default)]
pub struct Receipts(pub Vec<Vec<Option<Arc<Receipt>>>>);

impl Receipts {
    /// Empty receipts for the nodes and partitions of a plan.
    pub fn for_plan(plan: &Plan) -> Self {
        Self(plan.nodes.iter().map(|node| vec![None; node.partitions as usize]).collect())
    }

    /// The receipt of a part.
    pub fn get(&self, node: NodeId, partition: u32) -> Option<&Arc<Receipt>> {
        self.0.get(node.0)?.get(partition as usize)?.as_ref()
    }

    /// The receipts of one node, in partition order.
    pub fn of(&self, node: NodeId) -> impl Iterator<Item = &Arc<Receipt>> {
        self.0.get(node.0).into_iter().flatten().flatten()
    }
}

/// The inputs that enter a key: for each port, the digests of the rows that it reads. `None` while an input is missing.
pub fn inputs(plan: &Plan, node: &Node, partition: u32, receipts: &Receipts) -> Option<BTreeMap<String, Vec<Digest>>> {
    let mut all = BTreeMap::new();
    for input in &node.inputs {
        let mut digests = Vec::new();
        for (id, part) in plan.reads(input, partition) {
            let result = &receipts.get(id, part)?.result;
            digests.push(match input.reads {
                Reads::Bucket => result.buckets.get(partition as usize)?.digest,
                Reads::Same | Reads::All => result.rows_digest,
            });
        }
        all.insert(input.port.to_owned(), digests);
    }
    if let Some(content) = node.stage.content(partition) {
        all.insert("content".to_owned(), vec![content]);
    }
    Some(all)
}

/// The key of a task: BLAKE3 of a canonical JSON object with the stage's name, version and settings, the columns of
/// each port, the rows digests of what is read, and whether excerpts of rejected documents are kept. Neither the partition
/// nor the bucket is part of it, so that all empty ones are one part. `None` while an input is missing.
pub fn key(plan: &Plan, node: &Node, partition: u32, receipts: &Receipts) -> Option<Key> {
    let inputs = inputs(plan, node, partition, receipts)?;
    let columns: BTreeMap<&str, Vec<String>> = node
        .inputs
        .iter()
        .map(|input| {
            let columns = input.schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect();
            (input.port, columns)
        })
        .collect();
    let excerpts = plan.excerpts.0.is_some() && node.stage.row_contract() == RowContract::Conserving;
    let value = serde_json::json!({
        "stage": node.stage.name(),
        "version": node.stage.version(),
        "settings": node.stage.settings(),
        "buckets": node.buckets,
        "columns": columns,
        "inputs": inputs,
        "excerpts": excerpts,
    });
    Some(Digest::of(canonical_json(&value).as_bytes()))
}

/// Executes one task, or finds its existing part. The flag is true if the part already existed.
///
/// # Errors
/// On failures of the machine, of the settings or of this program; a bad document is not an error.
pub fn run(
    plan: &Plan,
    id: NodeId,
    partition: u32,
    receipts: &Receipts,
    store: &dyn Store,
    context: &TaskContext,
) -> Result<(Receipt, bool), StageError> {
    let node = plan.node(id);
    let not_ready = || StageError::input(format!("{}: an input is missing", node.path));
    let key = key(plan, node, partition, receipts).ok_or_else(not_ready)?;
    let address = PartAddress { stage: node.stage.name().to_owned(), key };
    if let Some(receipt) = store.find(&address)? {
        return Ok((receipt, true));
    }
    let started = Instant::now();
    let mut task = Task::begin(spec(plan, node, partition, receipts), store, context, &address)?;
    node.stage.run(&mut task)?;
    let stage = &node.stage;
    let inputs = inputs(plan, node, partition, receipts).ok_or_else(not_ready)?;
    let identity =
        TaskIdentity { version: stage.version(), settings: stage.settings(), law: stage.row_contract(), key, inputs };
    let receipt = task.finish(identity, started)?;
    Ok((receipt, false))
}

/// What the task of a node computes, with the parts that it reads.
fn spec(plan: &Plan, node: &Node, partition: u32, receipts: &Receipts) -> TaskSpec {
    let address = |receipt: &Receipt| PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
    let ports = node.inputs.iter().map(|input| {
        let parts = plan.reads(input, partition).into_iter();
        let parts =
            parts.filter_map(|(id, part)| receipts.get(id, part).map(|receipt| (address(receipt), receipt.clone())));
        PortParts { name: input.port, reads: input.reads, schema: input.schema.clone(), parts: parts.collect() }
    });
    TaskSpec {
        stage: node.stage.name(),
        partition,
        ports: ports.collect(),
        schema: node.schema.clone(),
        buckets: node.buckets,
        excerpts: plan.excerpts,
    }
}
