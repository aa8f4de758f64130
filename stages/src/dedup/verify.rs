//! `dedup-verify`: divides clusters so that every removed document is similar to the one that is kept instead.
//!
//! A cluster joins documents by chains of shared bands, so its ends can differ, and a band can be shared by chance. Here
//! the documents of a cluster are taken in the order in which they are kept. A document is removed if the Jaccard
//! similarity of its shingles to one that is kept, with which it shares a band, is at least the threshold; otherwise it is
//! kept. (Leader clustering: Hartigan, *Clustering Algorithms*, 1975, chapter 3.)
//!
//! A cluster of m documents of which k are kept needs at most m·k comparisons of bands, and a merge of two sorted lists of
//! shingles for those that share one. Memory holds the shingles of one bucket: eight bytes each.
//!
//! Invariant: every row that is not a survivor names a survivor, with a similarity of at least the threshold.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::{missing, text_column};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::cluster::{self, ClusterRow, ClusterRows};
use super::member::Member;
use super::member_stage;

/// Compares the documents of each cluster.
#[derive(Debug)]
pub(super) struct VerifyStage {
    pub(super) threshold: f64,
    pub(super) prefer: Vec<String>,
    pub(super) buckets: u32,
    /// The columns of signatures.
    pub(super) signatures: SchemaRef,
}

/// A document whose cluster is divided.
struct Candidate {
    partition: u32,
    row: u32,
    member: Member,
    shingles: Vec<u64>,
}

/// Rows by partition and row.
type Decided = BTreeMap<(u32, u32), ClusterRow>;

/// The Jaccard similarity of two sorted lists without repeats. 0 if one is empty.
fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        shared += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    ratio(shared, a.len() + b.len() - shared)
}

/// `part / whole`, 0 if both are.
#[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2⁵² shingles")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / (whole.max(1)) as f64
}

impl VerifyStage {
    /// The similarity of a candidate pair; `None` if it is below the threshold or the pair is no candidate.
    fn similarity(&self, one: &Candidate, kept: &Candidate) -> Option<f64> {
        if one.member.is_exact(&kept.member) {
            return Some(1.0);
        }
        if !one.member.shares_band(&kept.member) {
            return None;
        }
        // No two lists have a similarity above the ratio of their lengths.
        let (short, long) = (one.shingles.len().min(kept.shingles.len()), one.shingles.len().max(kept.shingles.len()));
        if ratio(short, long) < self.threshold {
            return None;
        }
        Some(jaccard(&one.shingles, &kept.shingles)).filter(|jaccard| *jaccard >= self.threshold)
    }

    /// Divides one cluster.
    fn divide(&self, mut cluster: Vec<Candidate>, decided: &mut Decided) {
        cluster.sort_by(|a, b| a.member.compare(&b.member));
        // The members that are kept, each with those that it replaces.
        let mut kept: Vec<(usize, Vec<(usize, f64)>)> = Vec::new();
        for (index, candidate) in cluster.iter().enumerate() {
            let similar = kept.iter_mut().filter_map(|group| {
                let jaccard = self.similarity(candidate, &cluster[group.0])?;
                Some((jaccard, group))
            });
            // The first of several that are equally similar.
            match similar.reduce(|best, next| if next.0 > best.0 { next } else { best }) {
                Some((jaccard, group)) => group.1.push((index, jaccard)),
                None => kept.push((index, Vec::new())),
            }
        }
        for (survivor, removed) in kept.into_iter().filter(|(_, removed)| !removed.is_empty()) {
            let size = u32::try_from(removed.len() + 1).unwrap_or(u32::MAX);
            let leader = &cluster[survivor];
            for (index, jaccard) in std::iter::once((survivor, 1.0)).chain(removed) {
                let one = &cluster[index];
                let row = ClusterRow {
                    row: one.row,
                    id: one.member.id.clone(),
                    cluster: leader.member.id.clone(),
                    survivor: index == survivor,
                    exact: one.member.is_exact(&leader.member),
                    jaccard,
                    size,
                    earlier: false,
                };
                decided.insert((one.partition, one.row), row);
            }
        }
    }

    /// Sorts the rows of a batch into clusters; rows that are decided already are passed on.
    fn read(
        &self,
        batch: &RecordBatch,
        partition: u32,
        clusters: &mut BTreeMap<String, Vec<Candidate>>,
        decided: &mut Decided,
    ) -> Result<(), StageError> {
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| missing(batch.schema_ref(), name));
        let (ids, names) = (text_column(batch, "id")?, text_column(batch, "cluster")?);
        let (rows, sizes) = (column("row")?.as_primitive::<UInt32Type>(), column("size")?.as_primitive::<UInt32Type>());
        let (exact, earlier) = (column("exact")?.as_boolean(), column("earlier")?.as_boolean());
        let similarities = column("jaccard")?.as_primitive::<Float64Type>();
        let shingles = column("shingles")?.as_binary::<i32>();
        for index in 0..batch.num_rows() {
            let row = rows.value(index);
            if earlier.value(index) {
                let row = ClusterRow {
                    row,
                    id: ids.value(index).to_owned(),
                    cluster: names.value(index).to_owned(),
                    survivor: false,
                    exact: exact.value(index),
                    jaccard: similarities.value(index),
                    size: sizes.value(index),
                    earlier: true,
                };
                decided.insert((partition, row.row), row);
                continue;
            }
            let bytes = if shingles.is_valid(index) { shingles.value(index) } else { &[] };
            let (words, _) = bytes.as_chunks::<8>();
            let candidate = Candidate {
                partition,
                row,
                member: Member::read(batch, index, &self.prefer, false)?,
                shingles: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
            };
            clusters.entry(names.value(index).to_owned()).or_default().push(candidate);
        }
        Ok(())
    }
}

impl Stage for VerifyStage {
    fn name(&self) -> &'static str {
        "dedup-verify"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "threshold": self.threshold, "prefer": self.prefer })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "members", reads: Reads::Bucket, schema: member_stage::schema(&self.signatures) }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(cluster::schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        self.buckets
    }

    fn buckets(&self, upstream: u32) -> u32 {
        upstream
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let (mut clusters, mut decided) = (BTreeMap::new(), Decided::new());
        for partition in 0..task.partition_count("members")? {
            for batch in task.input_partition("members", partition)? {
                let partition = u32::try_from(partition).unwrap_or(u32::MAX);
                self.read(&batch?, partition, &mut clusters, &mut decided)?;
            }
        }
        for cluster in clusters.into_values() {
            self.divide(cluster, &mut decided);
        }
        let (mut rows, mut current) = (ClusterRows::default(), 0);
        for ((partition, _), row) in &decided {
            if *partition != current || rows.is_full() {
                rows.emit(task, current)?;
                current = *partition;
            }
            rows.push(row);
        }
        rows.emit(task, current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn similarity_of_known_sets() {
        assert!((jaccard(&[1, 2, 3], &[2, 3, 4]) - 0.5).abs() < 1e-12);
        assert!((jaccard(&[1], &[1]) - 1.0).abs() < 1e-12);
        assert!(jaccard(&[], &[1]).abs() < 1e-12 && jaccard(&[], &[]).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn similarity_is_that_of_sets(
            a in prop::collection::btree_set(0_u64..20, 0..15),
            b in prop::collection::btree_set(0_u64..20, 1..15),
        ) {
            let list = |set: &std::collections::BTreeSet<u64>| set.iter().copied().collect::<Vec<_>>();
            let expected = ratio(a.intersection(&b).count(), a.union(&b).count());
            prop_assert!((jaccard(&list(&a), &list(&b)) - expected).abs() < 1e-12);
        }
    }
}
