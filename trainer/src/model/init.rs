//! Random initial weights, drawn on the CPU from the seed and the name of each tensor.
//!
//! Invariant: the values of a tensor depend only on the seed, its name and the configuration: not on the device, the
//! number of threads, the order of tensors, or how the model concatenates them.

use std::convert::Infallible;
use std::f64::consts::TAU;

use corpusmill_shards::random::SplitMix64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::config::ModelConfig;
use super::weights::TensorSource;

/// Draws random values for every tensor.
#[derive(Debug)]
pub(crate) struct RandomInit {
    seed: u64,
    deviation: f64,
    residual_deviation: f64,
    norm: f32,
}

impl RandomInit {
    pub(crate) fn new(config: &ModelConfig, seed: u64) -> Self {
        let deviation = config.initializer_range;
        let residual_deviation = deviation / (2.0 * config.num_hidden_layers as f64).sqrt();
        // Gemma adds one to its norm weights.
        Self { seed, deviation, residual_deviation, norm: if config.family.is_gemma() { 0.0 } else { 1.0 } }
    }
}

impl TensorSource for RandomInit {
    type Error = Infallible;

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Infallible> {
        let count = shape.iter().product();
        if name.ends_with("norm.weight") {
            return Ok(vec![self.norm; count]);
        }
        if name.rsplit('.').next() == Some("bias") {
            return Ok(vec![0.0; count]);
        }
        let residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
        let deviation = if residual { self.residual_deviation } else { self.deviation };
        let mut draw = Normal::new(xxh3_64_with_seed(name.as_bytes(), self.seed));
        Ok((0..count).map(|_| draw.next(deviation)).collect())
    }
}

/// A generator of normally distributed numbers: the Box-Muller transform.
#[derive(Debug)]
struct Normal {
    random: SplitMix64,
    spare: Option<f64>,
}

impl Normal {
    fn new(seed: u64) -> Self {
        Self { random: SplitMix64::new(seed), spare: None }
    }

    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    fn next(&mut self, deviation: f64) -> f32 {
        let value = self.spare.take().unwrap_or_else(|| {
            // From (0, 1], so that the logarithm is finite.
            let radius = (-2.0 * libm::log(1.0 - self.random.next_f64())).sqrt();
            let angle = TAU * self.random.next_f64();
            self.spare = Some(radius * libm::sin(angle));
            radius * libm::cos(angle)
        });
        (value * deviation) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_requested_deviation() {
        let config = ModelConfig::llama(64, 64, 2, 4, 2);
        let mut init = RandomInit::new(&config, 7);
        for (name, expected) in [("model.embed_tokens.weight", 0.02), ("x.mlp.down_proj.weight", 0.01)] {
            let Ok(values) = init.tensor(name, &[400, 100]);
            let square: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
            let deviation = (square / 40_000.0).sqrt();
            assert!((deviation / expected - 1.0).abs() < 0.02, "{name}: {deviation}");
        }
    }

    #[test]
    fn values_depend_on_seed_and_name() {
        let config = ModelConfig::llama(64, 64, 2, 4, 2);
        let draw = |seed, name: &str| {
            let Ok(values) = RandomInit::new(&config, seed).tensor(name, &[4]);
            values
        };
        assert_eq!(draw(1, "a.weight"), draw(1, "a.weight"));
        assert_ne!(draw(1, "a.weight"), draw(2, "a.weight"));
        assert_ne!(draw(1, "a.weight"), draw(1, "b.weight"));
    }
}
