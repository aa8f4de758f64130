//! `dedup-cluster`: joins pairs into clusters and chooses the survivor of each.
//!
//! The signatures are read three times: to count them, to find the survivors, and to write one row per member. Memory
//! holds four bytes per document and the survivor of each cluster, however many documents a cluster has.
//!
//! Invariant: clusters are the connected components of all pairs; output rows are bucketed by document partition and
//! sorted by row within it, so that removal is a merge join.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, StringBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::missing;
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::disjoint_sets::DisjointSets;
use super::pair;
use super::signature::estimate_jaccard;

/// Builds clusters from pairs.
#[derive(Debug)]
pub struct ClusterStage {
    /// Sources whose documents are kept in preference to others, in order.
    pub prefer: Vec<String>,
}

/// Columns: `row`, `id`, `cluster` (the survivor's id), `survivor`, `exact`, `jaccard` (estimated against the
/// survivor).
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::UInt32, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("cluster", DataType::Utf8, false),
        Field::new("survivor", DataType::Boolean, false),
        Field::new("exact", DataType::Boolean, false),
        Field::new("jaccard", DataType::Float64, false),
    ]))
}

#[derive(Debug, Clone)]
struct Member {
    node: u32,
    id: String,
    rank: usize,
    length: u32,
    exact_digest: [u8; 16],
    minhash: Option<Vec<u16>>,
}

impl Member {
    /// Sort key; the survivor has the smallest.
    fn precedence(&self) -> (usize, std::cmp::Reverse<u32>, &str) {
        (self.rank, std::cmp::Reverse(self.length), &self.id)
    }

    fn similarity(&self, other: &Self) -> f64 {
        match (&self.minhash, &other.minhash) {
            _ if self.exact_digest == other.exact_digest => 1.0,
            (Some(a), Some(b)) => estimate_jaccard(a, b),
            _ => 0.0,
        }
    }
}

/// Gets the partition of a document, the root of its cluster, and the document.
type Visit<'v> = dyn FnMut(&mut Task<'_>, usize, u32, Member) -> Result<(), StageError> + 'v;

impl ClusterStage {
    fn member(&self, batch: &RecordBatch, row: usize, node: u32) -> Result<Member, StageError> {
        let text = |name| corpusmill_pipeline::document::text_column(batch, name).map(|c| c.value(row).to_owned());
        let source = text("source")?;
        let rank = self.prefer.iter().position(|name| *name == source).unwrap_or(self.prefer.len());
        let bytes = |name: &str| batch.column_by_name(name).map(arrow_array::cast::AsArray::as_fixed_size_binary);
        let mut exact_digest = [0; 16];
        if let Some(column) = bytes("exact_digest") {
            exact_digest.copy_from_slice(column.value(row));
        }
        let minhash = bytes("minhash").filter(|column| column.is_valid(row)).map(|column| {
            column.value(row).chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
        });
        let length = batch.column_by_name("length").map_or(0, |c| c.as_primitive::<UInt32Type>().value(row));
        Ok(Member { node, id: text("id")?, rank, length, exact_digest, minhash })
    }

    /// Calls `visit` for each document that is in at least one pair, in order, with its partition and the root of its cluster.
    fn each_member(
        &self,
        task: &mut Task<'_>,
        starts: &[u32],
        sets: &mut DisjointSets,
        visit: &mut Visit<'_>,
    ) -> Result<(), StageError> {
        let roots: BTreeSet<u32> = sets.members_with_roots().map(|(_, root)| root).collect();
        for (partition, start) in starts.iter().enumerate().take(starts.len() - 1) {
            let mut node = *start;
            for batch in task.input_partition("signatures", partition)? {
                let batch = batch?;
                for row in 0..batch.num_rows() {
                    let root = sets.find(node).map_err(|error| StageError::input(error.to_string()))?;
                    if roots.contains(&root) {
                        visit(task, partition, root, self.member(&batch, row, node)?)?;
                    }
                    node += 1;
                }
            }
        }
        Ok(())
    }
}

/// The first node of each partition, and one past the last node.
fn starts(task: &mut Task<'_>) -> Result<Vec<u32>, StageError> {
    let mut starts = vec![0u32];
    for partition in 0..task.partition_count("signatures")? {
        let mut rows = 0usize;
        for batch in task.input_partition("signatures", partition)? {
            rows += batch?.num_rows();
        }
        let end = u32::try_from(rows).ok().and_then(|rows| starts[partition].checked_add(rows));
        let too_many = "dedup: more than 4,294,967,295 documents; split the recipe".to_owned();
        starts.push(end.ok_or(StageError::input(too_many))?);
    }
    Ok(starts)
}

/// The column `name`, which has unsigned numbers.
fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a UInt32Array, StageError> {
    let column = batch.column_by_name(name).ok_or_else(|| missing(batch.schema_ref(), name))?;
    Ok(column.as_primitive::<UInt32Type>())
}

/// Joins the documents of each pair.
fn connect(task: &mut Task<'_>, starts: &[u32], sets: &mut DisjointSets) -> Result<(), StageError> {
    for batch in task.input("pairs")? {
        let batch = batch?;
        let (a_partition, a_row) = (numbers(&batch, "a_partition")?, numbers(&batch, "a_row")?);
        let (b_partition, b_row) = (numbers(&batch, "b_partition")?, numbers(&batch, "b_row")?);
        for row in 0..batch.num_rows() {
            let a = starts[a_partition.value(row) as usize] + a_row.value(row);
            let b = starts[b_partition.value(row) as usize] + b_row.value(row);
            sets.union(a, b).map_err(|error| StageError::input(error.to_string()))?;
        }
    }
    Ok(())
}

/// Maximum number of rows per batch.
const BATCH_ROWS: usize = 1 << 14;

/// The rows of one partition that are not yet emitted.
#[derive(Default)]
struct ClusterRows {
    rows: usize,
    row: UInt32Builder,
    id: StringBuilder,
    cluster: StringBuilder,
    survivor: BooleanBuilder,
    exact: BooleanBuilder,
    jaccard: Float64Builder,
}

impl ClusterRows {
    fn push(&mut self, row: u32, member: &Member, survivor: &Member) {
        self.rows += 1;
        self.row.append_value(row);
        self.id.append_value(&member.id);
        self.cluster.append_value(&survivor.id);
        self.survivor.append_value(member.node == survivor.node);
        self.exact.append_value(member.exact_digest == survivor.exact_digest);
        self.jaccard.append_value(member.similarity(survivor));
    }

    fn emit(&mut self, task: &mut Task<'_>, partition: usize) -> Result<(), StageError> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.row.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.cluster.finish()),
            Arc::new(self.survivor.finish()),
            Arc::new(self.exact.finish()),
            Arc::new(self.jaccard.finish()),
        ];
        task.emit(u32::try_from(partition).unwrap_or(u32::MAX), &RecordBatch::try_new(schema(), columns)?)
    }
}

impl Stage for ClusterStage {
    fn name(&self) -> &'static str {
        "dedup-cluster"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "prefer": self.prefer })
    }

    fn ports(&self) -> Vec<Port> {
        let signatures = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("source", DataType::Utf8, false),
            Field::new("length", DataType::UInt32, false),
            Field::new("exact_digest", DataType::FixedSizeBinary(16), false),
        ]));
        vec![
            Port { name: "signatures", reads: Reads::All, schema: signatures },
            Port { name: "pairs", reads: Reads::All, schema: pair::schema() },
        ]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        1
    }

    fn buckets(&self, upstream: u32) -> u32 {
        upstream
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let starts = starts(task)?;
        let mut sets = DisjointSets::new(starts.last().copied().unwrap_or(0));
        connect(task, &starts, &mut sets)?;
        // Memory: the survivor of each cluster, never its other members.
        let mut survivors: HashMap<u32, Member> = HashMap::new();
        self.each_member(task, &starts, &mut sets, &mut |_, _, root, member| {
            match survivors.entry(root) {
                Entry::Vacant(entry) => {
                    entry.insert(member);
                }
                Entry::Occupied(mut entry) if member.precedence() < entry.get().precedence() => {
                    entry.insert(member);
                }
                Entry::Occupied(_) => {}
            }
            Ok(())
        })?;
        let (mut rows, mut current) = (ClusterRows::default(), 0);
        self.each_member(task, &starts, &mut sets, &mut |task, partition, root, member| {
            if partition != current || rows.rows == BATCH_ROWS {
                rows.emit(task, current)?;
                current = partition;
            }
            if let Some(survivor) = survivors.get(&root) {
                rows.push(member.node - starts[partition], &member, survivor);
            }
            Ok(())
        })?;
        rows.emit(task, current)
    }
}
