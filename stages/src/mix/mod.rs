//! Splits, shuffles and shards tokenized documents, plans the mixture and assembles the corpus.
//!
//! On a document's path: the end. The step is two stages: `mix-scatter` (each document to its shard by hash) and `mix`
//! (each shard's documents in their shuffled order); then [`assemble`] writes the corpus.
//!
//! Invariant: a document's split and place depend on its text, its id and the seed, never on where it was read.

pub mod assemble;
mod scatter;
mod shard;

use corpusmill_pipeline::shard::{MixtureSettings, Split};
use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};

/// Which shard a bucket is: buckets go through the sources in order, for each source its training shards and then one
/// of validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The sources, in the recipe's order.
    pub sources: Vec<String>,
    /// Training shards of each source.
    pub shards: u32,
}

impl Layout {
    /// Buckets in all.
    pub fn buckets(&self) -> u32 {
        u32::try_from(self.sources.len()).unwrap_or(u32::MAX).saturating_mul(self.shards + 1)
    }

    /// What a bucket holds: source, split, number of the shard.
    pub fn place(&self, bucket: u32) -> (&str, Split, u32) {
        let (source, shard) = (bucket / (self.shards + 1), bucket % (self.shards + 1));
        let source = &self.sources[source as usize];
        if shard == self.shards { (source, Split::Validation, 0) } else { (source, Split::Train, shard) }
    }

    /// The bucket of a document.
    fn bucket(&self, source: &str, split: Split, order: u64) -> Option<u32> {
        let source = u32::try_from(self.sources.iter().position(|name| name == source)?).ok()?;
        let shard = match split {
            Split::Validation => self.shards,
            // The high bits choose the shard, so that shards follow the shuffled order one after the other.
            Split::Train => u32::try_from((u128::from(order) * u128::from(self.shards)) >> 64).ok()?,
        };
        Some(source * (self.shards + 1) + shard)
    }

    /// Adds the stages; the partitions of the result are the buckets of this layout.
    ///
    /// # Errors
    /// When the columns cannot work.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        tokens: &Dataset,
        mixture: &MixtureSettings,
    ) -> Result<Dataset, StageError> {
        let scatter =
            scatter::Scatter { layout: self.clone(), seed: mixture.seed, validation_share: mixture.validation_share };
        let scattered = plan.add("mix/scatter", scatter, &[tokens])?;
        plan.add("mix", shard::Shard { buckets: self.buckets() }, &[&scattered])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_places_agree() {
        let layout = Layout { sources: vec!["a".into(), "b".into()], shards: 3 };
        assert_eq!(layout.buckets(), 8);
        assert_eq!(layout.place(3), ("a", Split::Validation, 0));
        for (order, shard) in [(0, 0), (u64::MAX / 2, 1), (u64::MAX, 2)] {
            let bucket = layout.bucket("b", Split::Train, order).unwrap();
            assert_eq!(layout.place(bucket), ("b", Split::Train, shard));
        }
        assert_eq!(layout.bucket("c", Split::Train, 0), None);
    }
}
