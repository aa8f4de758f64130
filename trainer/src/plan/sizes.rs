//! The model shape for a number of parameters, and the number of parameters for a budget of floating-point operations.

use crate::model::ModelConfig;

/// Compute-optimal number of training tokens per parameter (Hoffmann et al. 2022, "Chinchilla", table 3).
pub const CHINCHILLA_TOKENS_PER_PARAMETER: f64 = 20.0;

/// Training tokens per parameter for a small model that is used a lot, where cheap inference matters more than cheap
/// training. SmolLM and Llama 3 go far beyond it, and the loss still falls there (Sardana et al. 2024, "Beyond
/// Chinchilla-optimal").
pub const OVERTRAINED_TOKENS_PER_PARAMETER: f64 = 200.0;

/// Compute-optimal number of parameters for a budget of floating-point operations: 6 operations per parameter and
/// token, 20 tokens per parameter.
pub fn budget_parameters(flops: f64) -> f64 {
    (flops / (6.0 * CHINCHILLA_TOKENS_PER_PARAMETER)).sqrt()
}

/// The Llama nearest to `parameters`: heads of 64 columns, a feed-forward layer of 8/3 of the hidden size, and a hidden
/// size of 64 to 128 times the number of layers (Kaplan et al. 2020, section 3.1, find that the loss hardly changes in
/// between).
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
pub fn shape(parameters: f64, vocabulary: usize) -> ModelConfig {
    let mut best = (f64::INFINITY, ModelConfig::llama(vocabulary, 64, 1, 1, 1));
    for heads in 1..=160usize {
        let width = heads * 64;
        for layers in width.div_ceil(128)..=(width / 64).max(1) {
            let mut config = ModelConfig::llama(vocabulary, width, layers, heads, heads);
            config.intermediate_size = (width * 8 / 3).next_multiple_of(64);
            // Above a billion parameters, an untied head adds little.
            config.tie_word_embeddings = parameters < 1e9;
            let distance = libm::log(config.parameters() as f64 / parameters).abs();
            if distance < best.0 {
                best = (distance, config);
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_match_the_requested_size() {
        for (parameters, vocabulary) in [(2e6, 4096), (125e6, 32_000), (1.1e9, 32_000), (8e9, 128_000), (70e9, 128_000)]
        {
            let config = shape(parameters, vocabulary);
            let found = u32::try_from(config.parameters() / 1000).map(|thousands| f64::from(thousands) * 1e3).unwrap();
            assert!((found / parameters - 1.0).abs() < 0.1, "{parameters}: {found}");
            config.validate().unwrap();
        }
    }

    #[test]
    fn budget_gives_twenty_tokens_per_parameter() {
        let parameters = budget_parameters(1e20);
        assert!((6.0 * parameters * 20.0 * parameters / 1e20 - 1.0).abs() < 1e-12);
    }
}
