//! Splits, shuffles and shards tokenized documents, plans the mixture and assembles the corpus.
//!
//! Runs after tokenizing, as the last step. It has two stages, `mix-scatter` (assigns each document to a shard by hash)
//! and `mix` (sorts each shard into its shuffled order); then [`assemble`] writes the corpus.
//!
//! Invariant: a document's split and position depend on its text, its id and the seed, never on where it was read.

pub mod assemble;
mod layout;
mod scatter;
mod shard;

use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};
use corpusmill_shards::MixtureSettings;

pub use layout::ShardLayout;

impl ShardLayout {
    /// Adds the stages; the partitions of the result are the buckets of this layout.
    ///
    /// # Errors
    /// If required columns are missing.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        tokens: &Dataset,
        mixture: &MixtureSettings,
    ) -> Result<Dataset, StageError> {
        let scatter = scatter::ScatterStage {
            layout: self.clone(),
            seed: mixture.seed,
            validation_share: mixture.validation_share,
        };
        let scattered = plan.add("mix/scatter", scatter, &[tokens])?;
        plan.add("mix", shard::ShardStage { buckets: self.buckets() }, &[&scattered])
    }
}
