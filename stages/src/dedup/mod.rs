//! Removes documents that stand in the corpus already: equal ones, and near ones by `MinHash`.
//!
//! On a document's path: after cleaning, before tokenizing. The step is five stages: `dedup-sign` (a signature for each
//! document), `dedup-band` (its bands, scattered into buckets by value), `dedup-pair` (documents that share a band),
//! `dedup-cluster` (pairs gathered, a survivor chosen), `dedup` (the others leave).
//!
//! Invariant: which document survives depends on the documents and the settings, never on threads, partitions or order
//! of arrival: the source preferred first, then the longer text, then the smaller id.

mod band;
mod characters;
mod cluster;
mod digest;
mod forest;
pub mod kernel;
mod normalise;
mod pair;
mod remove;
mod shingle;
mod sign;
mod signature;
#[cfg(test)]
mod signature_tests;

use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::Cluster;
pub(crate) use cluster::schema as cluster_schema;

/// Settings of the step `dedup`. The defaults are FineWeb's: 5-word shingles, 14 bands of 8 rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Dedup {
    /// Also remove near duplicates, not only equal texts.
    #[arg(long, default_value_t = Dedup::default().near, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub near: bool,
    /// Bands of a signature. More bands find pairs that are less alike.
    #[arg(long, default_value_t = Dedup::default().bands)]
    pub bands: u32,
    /// Rows of a band. More rows demand pairs that are more alike.
    #[arg(long, default_value_t = Dedup::default().rows)]
    pub rows: u32,
    /// Seed of the permutations.
    #[arg(long, default_value_t = Dedup::default().seed)]
    pub seed: u64,
    /// Parts in which bands are grouped: more parts need less memory each.
    #[arg(long, default_value_t = Dedup::default().buckets)]
    pub buckets: u32,
    /// Sources whose documents survive before others; in a recipe, by default, the order of its sources.
    #[arg(skip)]
    pub prefer: Vec<String>,
}

impl Default for Dedup {
    fn default() -> Self {
        Self { near: true, bands: 14, rows: 8, seed: 1, buckets: 16, prefer: Vec::new() }
    }
}

impl Dedup {
    /// The similarity at which a pair is found half of the time or so: (1/bands)^(1/rows).
    pub fn threshold(&self) -> f64 {
        libm::pow(1.0 / f64::from(self.bands), 1.0 / f64::from(self.rows))
    }

    /// Checks what a type cannot.
    ///
    /// # Errors
    /// When bands, rows or buckets cannot work.
    pub fn check(&self) -> Result<(), StageError> {
        if !(1..=4096).contains(&self.buckets) {
            return Err(StageError::Settings(format!("dedup: buckets is {}, allowed are 1 to 4096", self.buckets)));
        }
        kernel::MinHasher::new(self.seed, self.bands as usize, self.rows as usize)
            .map(|_| ())
            .map_err(|error| StageError::Settings(format!("dedup: {error}")))
    }

    /// Adds the stages; returns the documents that stay and, beside them, the clusters.
    ///
    /// # Errors
    /// When the settings or the columns cannot work.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        path: &str,
        documents: &Dataset,
    ) -> Result<(Dataset, Dataset), StageError> {
        self.check()?;
        let signatures = plan.add(format!("{path}/sign"), sign::Sign::new(self), &[documents])?;
        let bands = plan.add(format!("{path}/band"), band::Band { buckets: self.buckets }, &[&signatures])?;
        let pairs = plan.add(format!("{path}/pair"), pair::Pair { buckets: self.buckets }, &[&bands])?;
        let cluster = Cluster { prefer: self.prefer.clone() };
        let clusters = plan.add(format!("{path}/cluster"), cluster, &[&signatures, &pairs])?;
        let remove = remove::Remove { threshold: self.threshold() };
        let kept = plan.add(path, remove, &[documents, &clusters])?;
        Ok((kept, clusters))
    }
}
