//! Removes duplicate documents: exact duplicates by digest, near duplicates by MinHash.
//!
//! Runs after cleaning, before tokenizing. The step has five stages: `dedup-signature` (a signature per document),
//! `dedup-band` (its bands, scattered into buckets by value), `dedup-pair` (documents that share a band),
//! `dedup-cluster` (joins pairs and chooses a survivor), `dedup` (rejects the other documents).
//!
//! Invariant: the survivor depends only on the documents and the settings, not on threads, partitions or order of
//! arrival: the preferred source first, then the longer text, then the smaller id. Equal text, seed, bands, rows and
//! [`SIGNATURE_VERSION`] always give equal signatures and bands: a change to the rules of words, shingles or permutations
//! increments the version, which the golden tests of `signature.rs` check.

mod band;
mod characters;
mod cluster;
mod digest;
mod disjoint_sets;
mod normalise;
mod pair;
mod remove;
mod shingle;
mod signature;
mod signature_stage;
#[cfg(test)]
mod signature_tests;

use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rule::Rule;

pub use cluster::ClusterStage;
pub use cluster::schema as cluster_schema;
pub use digest::exact_digest;
pub use signature::{MinHasher, SIGNATURE_VERSION, Signature, SignatureError};

/// Settings of the step `dedup`. The defaults are those of FineWeb: 5-word shingles, 14 bands of 8 rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Dedup {
    /// Remove near duplicates too, not only exact ones.
    #[arg(long, default_value_t = Dedup::default().near, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub near: bool,
    /// Number of bands of a signature. More bands find less similar pairs.
    #[arg(long, default_value_t = Dedup::default().bands)]
    pub bands: u32,
    /// Number of rows of a band. More rows require more similar pairs.
    #[arg(long, default_value_t = Dedup::default().rows)]
    pub rows: u32,
    /// Random seed of the permutations.
    #[arg(long, default_value_t = Dedup::default().seed)]
    pub seed: u64,
    /// Number of buckets in which bands are compared. More buckets need less memory each.
    #[arg(long, default_value_t = Dedup::default().buckets)]
    pub buckets: u32,
    /// Sources whose documents are kept in preference to others. Default: the order of the recipe's sources.
    #[arg(skip)]
    pub prefer: Vec<String>,
}

impl Default for Dedup {
    fn default() -> Self {
        Self { near: true, bands: 14, rows: 8, seed: 1, buckets: 16, prefer: Vec::new() }
    }
}

/// The rules by which `dedup` rejects documents.
pub(crate) fn rules() -> Vec<Rule> {
    vec![remove::EXACT_DUPLICATE, remove::NEAR_DUPLICATE]
}

impl Dedup {
    /// The similarity at which a pair is found about half of the time: (1/bands)^(1/rows).
    pub fn threshold(&self) -> f64 {
        libm::pow(1.0 / f64::from(self.bands), 1.0 / f64::from(self.rows))
    }

    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If bands, rows or buckets are out of range.
    pub fn check(&self) -> Result<(), StageError> {
        if !(1..=4096).contains(&self.buckets) {
            return Err(StageError::settings(format!("dedup: buckets is {}, allowed are 1 to 4096", self.buckets)));
        }
        MinHasher::new(self.seed, self.bands as usize, self.rows as usize)
            .map(|_| ())
            .map_err(|error| StageError::settings(format!("dedup: {error}")))
    }

    /// Adds the stages. Returns the kept documents and the clusters.
    ///
    /// # Errors
    /// If the settings are out of range or the documents lack a required column.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        path: &str,
        documents: &Dataset,
    ) -> Result<(Dataset, Dataset), StageError> {
        self.check()?;
        let signatures = plan.add(format!("{path}/sign"), signature_stage::SignatureStage::new(self), &[documents])?;
        let bands = plan.add(format!("{path}/band"), band::BandStage { buckets: self.buckets }, &[&signatures])?;
        let pairs = plan.add(format!("{path}/pair"), pair::PairStage { buckets: self.buckets }, &[&bands])?;
        let cluster = ClusterStage { prefer: self.prefer.clone() };
        let clusters = plan.add(format!("{path}/cluster"), cluster, &[&signatures, &pairs])?;
        let remove = remove::RemoveStage { threshold: self.threshold() };
        let kept = plan.add(path, remove, &[documents, &clusters])?;
        Ok((kept, clusters))
    }
}
