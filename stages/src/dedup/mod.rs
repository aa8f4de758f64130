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
mod settings;
mod shingle;
mod signature;
mod signature_stage;
#[cfg(test)]
mod signature_tests;

use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};

use crate::rule::Rule;

pub use cluster::ClusterStage;
pub use cluster::schema as cluster_schema;
pub use digest::exact_digest;
pub use settings::Dedup;
pub use signature::{MinHasher, SIGNATURE_VERSION, Signature, SignatureError};

/// The rules by which `dedup` rejects documents.
pub(crate) fn rules() -> Vec<Rule> {
    vec![remove::EXACT_DUPLICATE, remove::NEAR_DUPLICATE]
}

impl Dedup {
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
