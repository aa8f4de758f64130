//! Settings of text generation.
//!
//! Invariant: the default is greedy decoding, which does not depend on the seed.

use super::sampling::SamplingParams;

/// Settings of text generation.
#[derive(Debug, Clone)]
pub struct GenerationSettings {
    /// Maximum number of new tokens per prompt.
    pub max_tokens: usize,
    /// Sampling parameters.
    pub sampling: SamplingParams,
    /// Stop strings: each ends the completion and is not part of it.
    pub stop: Vec<String>,
    /// Whether to include special tokens, such as `<|im_end|>`, in the text.
    pub show_special: bool,
    /// Whether to continue after an end-of-text token.
    pub ignore_eos: bool,
}

impl Default for GenerationSettings {
    fn default() -> Self {
        let (max_tokens, sampling) = (128, SamplingParams::default());
        Self { max_tokens, sampling, stop: Vec::new(), show_special: false, ignore_eos: false }
    }
}
