//! Random numbers from a seed, by a rule that other languages can reproduce.
//!
//! Used for the permutations of shards, and by a trainer for initial weights, masked tokens and sampled tokens.
//!
//! Invariant: the rule is part of the shard format and changes with its version.

/// A stream of random numbers from a seed: `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014).
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1, with 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in 0..bound, each equally likely (Lemire, "Fast Random Integer Generation in an Interval", 2019).
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
            let [low, high] = [product as u64, (product >> 64) as u64];
            if low >= threshold {
                return high;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn the_generator_is_splitmix64() {
        // Reference output for seed 1234567, as in the test vectors of the authors' C code.
        let mut random = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn units_lie_from_zero_to_below_one() {
        let mut random = SplitMix64::new(3);
        let mean =
            (0..10_000).map(|_| random.next_f64()).inspect(|unit| assert!((0.0..1.0).contains(unit))).sum::<f64>();
        assert!((mean / 10_000.0 - 0.5).abs() < 0.02);
    }
}
