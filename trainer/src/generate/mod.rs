//! Generates text from prompts, token by token.
//!
//! `generator` decodes a batch of prompts with a key-value cache, `sampling` samples tokens, `stop` detects stop strings in
//! streamed text. Invariant: the completion of a prompt depends on the model, the settings and its index in the list,
//! and, up to rounding, not on the other prompts.

mod generator;
mod sampling;
mod stop;

pub use generator::{Completion, FinishReason, GenerateError, Generator};
pub use sampling::SamplingParams;

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

#[cfg(test)]
mod tests;
