//! Generates text from prompts, token by token.
//!
//! `generator` decodes a batch of prompts with a key-value cache, `sequence` is one of them, `sampling` samples tokens,
//! `stop` detects stop strings in streamed text. Invariant: the completion of a prompt depends on the model, the
//! settings and its index in the list, and, up to rounding, not on the other prompts or the size of a batch.

mod error;
mod generator;
mod sampling;
mod sequence;
mod settings;
mod stop;

pub use error::{GenerateError, PromptError};
pub use generator::Generator;
pub use sampling::SamplingParams;
pub use sequence::{Completion, FinishReason};
pub use settings::GenerationSettings;

#[cfg(test)]
mod tests;
