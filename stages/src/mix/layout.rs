//! Maps the buckets of the stages to shards.

use corpusmill_shards::Split;

/// Maps buckets to shards: for each source in order, its training shards and then one validation shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardLayout {
    /// The sources, in recipe order.
    pub sources: Vec<String>,
    /// Number of training shards per source.
    pub shards: u32,
}

impl ShardLayout {
    /// Total number of buckets.
    pub fn buckets(&self) -> u32 {
        u32::try_from(self.sources.len()).unwrap_or(u32::MAX).saturating_mul(self.shards + 1)
    }

    /// The source, split and shard number of a bucket.
    pub fn shard_of(&self, bucket: u32) -> (&str, Split, u32) {
        let (source, shard) = (bucket / (self.shards + 1), bucket % (self.shards + 1));
        let source = &self.sources[source as usize];
        if shard == self.shards { (source, Split::Validation, 0) } else { (source, Split::Train, shard) }
    }

    /// The bucket of a document.
    pub(super) fn bucket(&self, source: &str, split: Split, order: u64) -> Option<u32> {
        let source = u32::try_from(self.sources.iter().position(|name| name == source)?).ok()?;
        let shard = match split {
            Split::Validation => self.shards,
            // The high bits choose the shard, so that the shards in sequence are in shuffled order.
            Split::Train => u32::try_from((u128::from(order) * u128::from(self.shards)) >> 64).ok()?,
        };
        Some(source * (self.shards + 1) + shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_round_trip() {
        let layout = ShardLayout { sources: vec!["a".into(), "b".into()], shards: 3 };
        assert_eq!(layout.buckets(), 8);
        assert_eq!(layout.shard_of(3), ("a", Split::Validation, 0));
        for (order, shard) in [(0, 0), (u64::MAX / 2, 1), (u64::MAX, 2)] {
            let bucket = layout.bucket("b", Split::Train, order).unwrap();
            assert_eq!(layout.shard_of(bucket), ("b", Split::Train, shard));
        }
        assert_eq!(layout.bucket("c", Split::Train, 0), None);
    }
}
