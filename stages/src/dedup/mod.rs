//! Removes duplicate documents: exact duplicates by digest, near duplicates by MinHash.
//!
//! Runs after cleaning, before tokenizing. The step has these stages:
//!
//! | stage | |
//! |---|---|
//! | `dedup-signature` | a digest and a MinHash signature per document |
//! | `dedup-earlier` | with `against`: the signatures of earlier corpora |
//! | `dedup-band` | the bands of each signature, scattered into buckets by value |
//! | `dedup-pair` | documents that share a band |
//! | `dedup-cluster` | joins pairs and chooses a survivor |
//! | `dedup-member`, `dedup-verify` | with `verify`: the shingles of clustered documents, and their comparison |
//! | `dedup-export` | the signatures of the kept documents, if they are wanted |
//! | `dedup` | rejects the other documents |
//!
//! Invariant: the survivor depends only on the documents and the settings, not on threads, partitions or order of
//! arrival. Equal text, seed, bands, rows and [`SIGNATURE_VERSION`] always give equal signatures and bands: a change to the
//! rules of words, shingles or permutations increments the version, which the golden tests of `signature.rs` check.

mod band;
mod characters;
mod cluster;
mod digest;
mod disjoint_sets;
mod earlier;
mod export;
mod member;
mod member_stage;
mod normalise;
mod pair;
pub mod paragraphs;
mod remove;
mod settings;
mod shingle;
mod signature;
mod signature_stage;
#[cfg(test)]
mod signature_tests;
#[cfg(test)]
mod tests;
mod timestamp;
mod verify;

use arrow_schema::Schema;
use corpusmill_pipeline::{Dataset, PlanBuilder, StageError, UserError};

use crate::rule::Rule;

pub use cluster::schema as cluster_schema;
pub use digest::exact_digest;
use earlier::SignatureParameters;
pub use earlier::{ExportedSignatures, SIGNATURES_FILE, SignatureWriter, Signatures, signature_path};
pub use remove::cluster_columns;
pub use settings::{Dedup, Keep};
pub use signature::{MinHasher, SIGNATURE_VERSION, Signature, SignatureError};

/// The rules by which `dedup` rejects documents.
pub(crate) fn rules() -> Vec<Rule> {
    vec![remove::EXACT_DUPLICATE, remove::NEAR_DUPLICATE, remove::IN_EARLIER_CORPUS]
}

/// The results of the step.
#[derive(Debug, Clone)]
pub struct DedupOutput {
    /// The kept documents.
    pub documents: Dataset,
    /// The documents in clusters of two or more.
    pub clusters: Dataset,
    /// The signatures of all documents, if the step has `signatures`.
    pub signatures: Option<Signatures>,
}

impl Dedup {
    /// Checks that the documents have the column that `keep` reads.
    fn check_columns(&self, documents: &Schema) -> Result<(), StageError> {
        let Some((column, expected)) = self.keep.column() else { return Ok(()) };
        let hint = match self.keep {
            Keep::Newest => "`clean` adds `date` from the metadata of pages; use it before `dedup`",
            _ => {
                "`filter` adds a column `filter.RULE` for each rule, and `clean` `extraction_confidence`; use them before \
                 `dedup`"
            }
        };
        let message = match documents.field_with_name(column) {
            Ok(field) if *field.data_type() == expected => return Ok(()),
            Ok(field) => {
                format!("dedup: keep: the column `{column}` has the type {}, not {expected}", field.data_type())
            }
            Err(_) => format!("dedup: keep: the documents have no column `{column}`"),
        };
        Err(StageError::Settings(UserError::new(message).with_hint(hint)))
    }

    /// Adds the stages.
    ///
    /// # Errors
    /// If the settings are out of range, the documents lack a required column, or a corpus of `against` cannot be used.
    pub fn add_to(&self, plan: &mut PlanBuilder, path: &str, documents: &Dataset) -> Result<DedupOutput, StageError> {
        self.check()?;
        self.check_columns(plan.schema(documents)?.as_ref())?;
        let prefer = self.prefer.clone().unwrap_or_default();
        let sign = signature_stage::SignatureStage::new(self);
        let own = plan.add(format!("{path}/sign"), sign, &[documents])?;
        let mut signatures = own.clone();
        let mut earlier = 0;
        if !self.against.is_empty() {
            let stage = earlier::EarlierStage::open(self)?;
            earlier = stage.partition_count();
            signatures = Dataset::union([plan.add(format!("{path}/earlier"), stage, &[])?, signatures]);
        }
        let bands = plan.add(format!("{path}/band"), band::BandStage { buckets: self.buckets }, &[&signatures])?;
        let pairs = plan.add(format!("{path}/pair"), pair::PairStage { buckets: self.buckets }, &[&bands])?;
        let cluster = cluster::ClusterStage { prefer: prefer.clone(), earlier, verify: self.verify };
        let mut clusters = plan.add(format!("{path}/cluster"), cluster, &[&signatures, &pairs])?;
        if let Some(threshold) = self.verify {
            let (buckets, columns) = (self.buckets, plan.schema(&own)?);
            let members = member_stage::MemberStage { buckets, signatures: columns.clone() };
            let members = plan.add(format!("{path}/member"), members, &[documents, &own, &clusters])?;
            let verify = verify::VerifyStage { threshold, prefer, buckets, signatures: columns };
            clusters = plan.add(format!("{path}/verify"), verify, &[&members])?;
        }
        let kept = plan.add(path, remove::RemoveStage::new(self), &[documents, &clusters])?;
        let parameters = SignatureParameters::of(self);
        let signatures = self.signatures.then(|| Signatures { dataset: own, parameters, path: path.to_owned() });
        Ok(DedupOutput { documents: kept, clusters, signatures })
    }
}
