//! `dedup-cluster`: joins pairs into clusters and chooses the survivor of each.
//!
//! The signatures are read three times: to count them, to find the survivors, and to write one row per member. Memory
//! holds four bytes per document and the survivor of each cluster, however many documents a cluster has. With `verify`,
//! it also holds the documents of earlier corpora that are in a cluster.
//!
//! Invariant: clusters are the connected components of all pairs; output rows are bucketed by document partition and
//! sorted by row within it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, StringBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::missing;
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::disjoint_sets::DisjointSets;
use super::member::Member;
use super::pair;

/// Builds clusters from pairs.
#[derive(Debug)]
pub(super) struct ClusterStage {
    /// Sources whose documents are kept in preference to others, in order.
    pub(super) prefer: Vec<String>,
    /// Number of partitions of signatures, before the others, that belong to earlier corpora.
    pub(super) earlier: u32,
    /// The similarity that a later stage verifies; then only documents of earlier corpora are survivors here.
    pub(super) verify: Option<f64>,
}

/// Columns: `row`, `id`, `cluster` (the survivor's id), `survivor`, `exact`, `jaccard` (to the survivor), `size` (number
/// of documents in the cluster), `earlier` (whether the survivor belongs to an earlier corpus).
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::UInt32, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("cluster", DataType::Utf8, false),
        Field::new("survivor", DataType::Boolean, false),
        Field::new("exact", DataType::Boolean, false),
        Field::new("jaccard", DataType::Float64, false),
        Field::new("size", DataType::UInt32, false),
        Field::new("earlier", DataType::Boolean, false),
    ]))
}

/// A document of a cluster, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClusterRow {
    /// Row of the document in its partition.
    pub(super) row: u32,
    pub(super) id: String,
    /// The survivor's id.
    pub(super) cluster: String,
    pub(super) survivor: bool,
    pub(super) exact: bool,
    pub(super) jaccard: f64,
    pub(super) size: u32,
    pub(super) earlier: bool,
}

/// Maximum number of rows per batch.
const BATCH_ROWS: usize = 1 << 14;

/// The rows of one partition that are not yet emitted.
#[derive(Default)]
pub(super) struct ClusterRows {
    rows: usize,
    row: UInt32Builder,
    id: StringBuilder,
    cluster: StringBuilder,
    survivor: BooleanBuilder,
    exact: BooleanBuilder,
    jaccard: Float64Builder,
    size: UInt32Builder,
    earlier: BooleanBuilder,
}

impl ClusterRows {
    pub(super) fn push(&mut self, row: &ClusterRow) {
        self.rows += 1;
        self.row.append_value(row.row);
        self.id.append_value(&row.id);
        self.cluster.append_value(&row.cluster);
        self.survivor.append_value(row.survivor);
        self.exact.append_value(row.exact);
        self.jaccard.append_value(row.jaccard);
        self.size.append_value(row.size);
        self.earlier.append_value(row.earlier);
    }

    /// Emits the rows collected so far into the bucket of a document partition.
    pub(super) fn emit(&mut self, task: &mut Task<'_>, partition: u32) -> Result<(), StageError> {
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
            Arc::new(self.size.finish()),
            Arc::new(self.earlier.finish()),
        ];
        task.emit(partition, &RecordBatch::try_new(schema(), columns)?)
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows == BATCH_ROWS
    }
}

/// The rows of a batch of clusters.
pub(super) fn rows(batch: &RecordBatch) -> impl Iterator<Item = ClusterRow> {
    let numbers = |column: usize| batch.column(column).as_primitive::<UInt32Type>().clone();
    let texts = |column: usize| batch.column(column).as_string::<i32>().clone();
    let flags = |column: usize| batch.column(column).as_boolean().clone();
    let (row, id, cluster, survivor, exact) = (numbers(0), texts(1), texts(2), flags(3), flags(4));
    let jaccard = batch.column(5).as_primitive::<arrow_array::types::Float64Type>().clone();
    let (size, earlier) = (numbers(6), flags(7));
    (0..batch.num_rows()).map(move |index| ClusterRow {
        row: row.value(index),
        id: id.value(index).to_owned(),
        cluster: cluster.value(index).to_owned(),
        survivor: survivor.value(index),
        exact: exact.value(index),
        jaccard: jaccard.value(index),
        size: size.value(index),
        earlier: earlier.value(index),
    })
}

/// What is known of a cluster after its members were read once.
#[derive(Debug)]
struct Cluster {
    survivor: Member,
    /// Partition and row of the survivor: two documents can have one id.
    place: (u32, u32),
    size: u32,
    /// The documents of earlier corpora, if they are compared one by one.
    earlier: Vec<Member>,
}

/// Gets the partition of a document, its row, the root of its cluster, and the document.
type Visit<'v> = dyn FnMut(&mut Task<'_>, u32, u32, u32, Member) -> Result<(), StageError> + 'v;

impl ClusterStage {
    /// Calls `visit` for each document that is in at least one pair, in order.
    fn each_member(
        &self,
        task: &mut Task<'_>,
        starts: &[u32],
        sets: &mut DisjointSets,
        visit: &mut Visit<'_>,
    ) -> Result<(), StageError> {
        let roots: BTreeSet<u32> = sets.members_with_roots().map(|(_, root)| root).collect();
        for (partition, start) in (0..).zip(&starts[..starts.len() - 1]) {
            let mut node = *start;
            for batch in task.input_partition("signatures", partition as usize)? {
                let batch = batch?;
                for row in 0..batch.num_rows() {
                    let root = sets.find(node).map_err(|error| StageError::input(error.to_string()))?;
                    if roots.contains(&root) {
                        let member = Member::read(&batch, row, &self.prefer, partition < self.earlier)?;
                        visit(task, partition, node - start, root, member)?;
                    }
                    node += 1;
                }
            }
        }
        Ok(())
    }

    fn clusters(
        &self,
        task: &mut Task<'_>,
        starts: &[u32],
        sets: &mut DisjointSets,
    ) -> Result<HashMap<u32, Cluster>, StageError> {
        let mut clusters: HashMap<u32, Cluster> = HashMap::new();
        self.each_member(task, starts, sets, &mut |_, partition, row, root, member| {
            let place = (partition, row);
            let compared = (self.verify.is_some() && member.earlier).then(|| member.clone());
            let cluster = match clusters.entry(root) {
                Entry::Vacant(entry) => entry.insert(Cluster { survivor: member, place, size: 1, earlier: Vec::new() }),
                Entry::Occupied(entry) => {
                    let cluster = entry.into_mut();
                    cluster.size = cluster.size.saturating_add(1);
                    if member.compare(&cluster.survivor).is_lt() {
                        (cluster.survivor, cluster.place) = (member, place);
                    }
                    cluster
                }
            };
            cluster.earlier.extend(compared);
            Ok(())
        })?;
        Ok(clusters)
    }

    /// The row of a member.
    fn row(&self, place: (u32, u32), member: &Member, cluster: &Cluster) -> ClusterRow {
        let by = |survivor: &Member, jaccard| ClusterRow {
            row: place.1,
            id: member.id.clone(),
            cluster: survivor.id.clone(),
            survivor: place == cluster.place,
            exact: member.is_exact(survivor),
            jaccard,
            size: cluster.size,
            earlier: survivor.earlier,
        };
        let survivor = &cluster.survivor;
        let Some(threshold) = self.verify else { return by(survivor, member.estimate(survivor)) };
        let candidates = cluster.earlier.iter().filter(|one| member.is_exact(one) || member.shares_band(one));
        let similarities = candidates.map(|one| (member.estimate(one), one));
        // The first of several that are equally similar.
        let best = similarities.reduce(|best, next| if next.0 > best.0 { next } else { best });
        match best.filter(|(jaccard, _)| *jaccard >= threshold) {
            Some((jaccard, earlier)) => by(earlier, jaccard),
            // A later stage decides among the documents of this corpus.
            None => ClusterRow { survivor: false, earlier: false, ..by(survivor, 0.0) },
        }
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

impl Stage for ClusterStage {
    fn name(&self) -> &'static str {
        "dedup-cluster"
    }

    fn version(&self) -> u32 {
        2
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "prefer": self.prefer, "earlier": self.earlier, "verify": self.verify })
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
        upstream - self.earlier
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let starts = starts(task)?;
        let mut sets = DisjointSets::new(starts.last().copied().unwrap_or(0));
        connect(task, &starts, &mut sets)?;
        let clusters = self.clusters(task, &starts, &mut sets)?;
        let (mut rows, mut current) = (ClusterRows::default(), 0);
        self.each_member(task, &starts, &mut sets, &mut |task, partition, row, root, member| {
            let Some(bucket) = partition.checked_sub(self.earlier) else { return Ok(()) };
            if bucket != current || rows.is_full() {
                rows.emit(task, current)?;
                current = bucket;
            }
            if let Some(cluster) = clusters.get(&root) {
                rows.push(&self.row((partition, row), &member, cluster));
            }
            Ok(())
        })?;
        rows.emit(task, current)
    }
}
