//! The receipt of one task: a deterministic result, and, separately, the duration and files of the run.
//!
//! Invariant: two runs of one task write equal `result`s; only `run` may differ. The receipt is written last and
//! published together with the data by one rename: if a receipt exists, the part is complete.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Key};

/// The record of one finished part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The result, equal for every run of this task.
    pub result: TaskResult,
    /// Duration and files of this run.
    pub run: RunInfo,
}

/// The deterministic part of a receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    /// The stage's name.
    pub stage: String,
    /// The stage's version.
    pub version: u32,
    /// The cache key of the part: a digest of the stage, its settings and its inputs.
    pub key: Key,
    /// The settings that are part of the key.
    pub settings: serde_json::Value,
    /// Digests of the inputs: for each port, the digest of each upstream partition (or bucket) read, in order; for a source,
    /// its content digest under `content`.
    pub inputs: BTreeMap<String, Vec<Digest>>,
    /// Rows read from the main input (the first port).
    pub rows_in: u64,
    /// Bytes of text read from the main input.
    pub bytes_in: u64,
    /// Rows emitted.
    pub rows_out: u64,
    /// Bytes of text emitted.
    pub bytes_out: u64,
    /// Rows rejected, by rule.
    pub rejected: BTreeMap<String, u64>,
    /// Spans cut or replaced in kept documents, by rule.
    pub edits: BTreeMap<String, EditCount>,
    /// Rows and digest of each bucket.
    pub buckets: Vec<BucketResult>,
    /// The digest of all rows emitted: the bucket's digest if there is only one, otherwise a digest over the buckets'
    /// digests in order.
    pub rows_digest: Digest,
    /// The digest of the rejected rows.
    pub rejected_digest: Digest,
}

/// Totals of the edits by one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditCount {
    /// Spans.
    pub count: u64,
    /// Bytes of these spans.
    pub bytes: u64,
}

/// One bucket of a part: the rows of one hash class, stored as consecutive row groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketResult {
    /// Number of rows.
    pub rows: u64,
    /// Digest of the rows.
    pub digest: Digest,
    /// The row groups of the data file that contain it: first and count.
    pub row_groups: (u32, u32),
}

/// The part of a receipt that differs between runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunInfo {
    /// Wall-clock time of the task, in seconds.
    pub seconds: f64,
    /// The part of it outside the stage, in seconds: reading, checking, hashing, compressing and writing rows.
    #[serde(default)]
    pub store_seconds: f64,
    /// The files of the part, for integrity checks.
    pub files: BTreeMap<String, FileInfo>,
}

/// Size, time and digest of a stored file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since the Unix epoch.
    pub modified: u64,
    /// BLAKE3 of the bytes.
    pub blake3: Digest,
}

impl TaskResult {
    /// Number of rejected rows.
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.values().sum()
    }
}
