//! Generates text from prompts, token by token.
//!
//! `run` decodes a batch of prompts with a key-value cache, `sample` samples tokens, `text` detects stop strings in
//! streamed text. Invariant: the completion of a prompt depends on the model, the settings and its index in the list,
//! and, up to rounding, not on the other prompts.

mod run;
mod sample;
mod text;

pub use run::{Completion, Finish, GenerateError, Generator};
pub use sample::Sampling;

/// Settings of text generation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Maximum number of new tokens per prompt.
    pub max_tokens: usize,
    /// Sampling parameters.
    pub sampling: Sampling,
    /// Stop strings: each ends the completion and is not part of it.
    pub stop: Vec<String>,
    /// Whether to include special tokens, such as `<|im_end|>`, in the text.
    pub show_special: bool,
    /// Whether to continue after an end-of-text token.
    pub ignore_eos: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let (max_tokens, sampling) = (128, Sampling::default());
        Self { max_tokens, sampling, stop: Vec::new(), show_special: false, ignore_eos: false }
    }
}

#[cfg(test)]
mod tests;
