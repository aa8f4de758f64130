//! Generates text from prompts, token by token.
//!
//! `generator` decodes a batch of prompts with a key-value cache, `sampling` samples tokens, `stop` detects stop
//! strings in streamed text. Invariant: the completion of a prompt depends on the model, the settings and its index in
//! the list, and, up to rounding, not on the other prompts.

mod generator;
mod sampling;
mod settings;
mod stop;

pub use generator::{Completion, FinishReason, GenerateError, Generator};
pub use sampling::SamplingParams;
pub use settings::GenerationSettings;

#[cfg(test)]
mod tests;
