//! The plan: a graph of stages. Every edge is checked before any task runs.
//!
//! Invariant: nodes are in topological order, so a node reads only nodes before it.

use arrow_schema::{Schema, SchemaRef};

use crate::excerpts::Excerpts;
use crate::table::unify;
use crate::{Reads, Stage, StageError};

/// Index of a node in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// One stage in the graph, with its inputs.
#[derive(Debug)]
pub struct Node {
    /// A readable, unique name such as `rust-docs/clean`.
    pub path: String,
    /// The stage that it runs.
    pub stage: Box<dyn Stage>,
    /// Its inputs, one per port.
    pub inputs: Vec<NodeInput>,
    /// Number of partitions.
    pub partitions: u32,
    /// Number of buckets per partition.
    pub buckets: u32,
    /// The schema of its rows.
    pub schema: SchemaRef,
}

/// What one port of a node reads.
#[derive(Debug)]
pub struct NodeInput {
    /// The port's name.
    pub port: &'static str,
    /// Which partitions it reads.
    pub reads: Reads,
    /// The datasets whose partitions are read one after the other.
    pub upstream: Vec<NodeId>,
    /// The schema to which all rows are adapted.
    pub schema: SchemaRef,
}

/// The rows of one node, or of several one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset(pub Vec<NodeId>);

impl Dataset {
    /// The partitions of several datasets, one dataset after the other.
    pub fn union(datasets: impl IntoIterator<Item = Self>) -> Self {
        Self(datasets.into_iter().flat_map(|dataset| dataset.0).collect())
    }
}

/// A checked graph of stages.
#[derive(Debug)]
pub struct Plan {
    /// The nodes, in topological order.
    pub nodes: Vec<Node>,
    /// Redacts the excerpts of rejected documents; `None` stores no excerpts.
    pub excerpts: Excerpts,
}

impl Plan {
    /// The node with this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// All (node, partition) pairs, in topological order.
    pub fn tasks(&self) -> impl Iterator<Item = (NodeId, u32)> {
        self.nodes.iter().enumerate().flat_map(|(id, node)| (0..node.partitions).map(move |p| (NodeId(id), p)))
    }

    /// The parts that a task reads from one input: node and partition.
    pub fn reads(&self, input: &NodeInput, partition: u32) -> Vec<(NodeId, u32)> {
        let all = input.upstream.iter().flat_map(|&id| (0..self.node(id).partitions).map(move |p| (id, p)));
        match input.reads {
            Reads::Same => all.skip(partition as usize).take(1).collect(),
            Reads::Bucket | Reads::All => all.collect(),
        }
    }
}

/// Builds a plan node by node.
#[derive(Debug)]
pub struct PlanBuilder {
    plan: Plan,
}

impl PlanBuilder {
    /// An empty plan.
    pub fn new(excerpts: Excerpts) -> Self {
        Self { plan: Plan { nodes: Vec::new(), excerpts } }
    }

    /// Adds a stage that reads these datasets, one per port.
    ///
    /// # Errors
    /// When a column that a port needs is missing or has another type, or the numbers of partitions do not match.
    pub fn add(
        &mut self,
        path: impl Into<String>,
        stage: impl Stage + 'static,
        inputs: &[&Dataset],
    ) -> Result<Dataset, StageError> {
        let path = path.into();
        if self.plan.nodes.iter().any(|node| node.path == path) {
            return Err(StageError::settings(format!("two nodes of the plan are named {path}; rename the source")));
        }
        let ports = stage.ports();
        if ports.len() != inputs.len() {
            return Err(StageError::settings(format!("{path}: {} inputs given, {} needed", inputs.len(), ports.len())));
        }
        let mut node_inputs = Vec::new();
        for (port, dataset) in ports.iter().zip(inputs) {
            let schema = unify(dataset.0.iter().map(|&id| &self.plan.node(id).schema))?;
            require(&schema, &port.schema)?;
            node_inputs.push(NodeInput { port: port.name, reads: port.reads, upstream: dataset.0.clone(), schema });
        }
        let counts: Vec<u32> =
            inputs.iter().map(|dataset| dataset.0.iter().map(|&id| self.plan.node(id).partitions).sum()).collect();
        let documents =
            node_inputs.first().map_or_else(|| std::sync::Arc::new(Schema::empty()), |input| input.schema.clone());
        let schema = stage.output(&documents)?;
        let partitions = stage.partitions(&counts);
        for (input, count) in node_inputs.iter().zip(&counts) {
            self.check_partitions(&path, input, *count, partitions)?;
        }
        let buckets = stage.buckets(counts.first().copied().unwrap_or(partitions)).max(1);
        let stage: Box<dyn Stage> = Box::new(stage);
        self.plan.nodes.push(Node { path, stage, inputs: node_inputs, partitions, buckets, schema });
        Ok(Dataset(vec![NodeId(self.plan.nodes.len() - 1)]))
    }

    fn check_partitions(&self, path: &str, input: &NodeInput, count: u32, partitions: u32) -> Result<(), StageError> {
        let mismatch = match input.reads {
            Reads::Same => count != partitions,
            Reads::Bucket => input.upstream.iter().any(|&id| self.plan.node(id).buckets != partitions),
            Reads::All => false,
        };
        if mismatch {
            return Err(StageError::settings(format!(
                "{path}: port `{}` has {count} partitions upstream, but the stage has {partitions}",
                input.port
            )));
        }
        Ok(())
    }

    /// The number of partitions of a dataset.
    pub fn partitions(&self, dataset: &Dataset) -> u32 {
        dataset.0.iter().map(|&id| self.plan.node(id).partitions).sum()
    }

    /// The unified schema of a dataset.
    ///
    /// # Errors
    /// When its parts disagree on a column's type.
    pub fn schema(&self, dataset: &Dataset) -> Result<SchemaRef, StageError> {
        unify(dataset.0.iter().map(|&id| &self.plan.node(id).schema))
    }

    /// The finished plan.
    pub fn finish(self) -> Plan {
        self.plan
    }
}

fn require(schema: &Schema, needed: &Schema) -> Result<(), StageError> {
    for field in needed.fields() {
        let found = schema.field_with_name(field.name()).map_err(|_| crate::document::missing(schema, field.name()))?;
        if found.data_type() != field.data_type() {
            return Err(StageError::ColumnType {
                column: field.name().clone(),
                found: found.data_type().to_string(),
                expected: field.data_type().to_string(),
            });
        }
    }
    Ok(())
}
