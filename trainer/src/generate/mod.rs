//! Text from a model: prompts in, continuations out, token by token.
//!
//! `run` computes a batch of prompts with a cache, `sample` chooses tokens, `text` turns tokens into text that can be
//! shown. Invariant: a prompt's continuation depends on the model, the settings and its place in the list, and not on
//! the prompts beside it, up to rounding.

mod run;
mod sample;
mod text;

pub use run::{Completion, Finish, GenerateError, Generator};
pub use sample::Sampling;

/// How long and how a text goes on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tokens at most.
    pub max_tokens: usize,
    /// How a token is chosen.
    pub sampling: Sampling,
    /// Texts that end the continuation, and are not part of it.
    pub stop: Vec<String>,
    /// Whether special tokens, such as `<|im_end|>`, are shown.
    pub show_special: bool,
    /// Goes on past the token that ends a text.
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
