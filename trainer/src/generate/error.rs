//! Errors from generating text.
//!
//! Invariant: a fault of one prompt is a [`PromptError`] of its own, and does not affect the other prompts of a batch.

/// Why a batch of prompts cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The logits cannot be read from the device.
    #[error("cannot read the logits from the device: {0}")]
    Device(String),
    /// The generated text cannot be written.
    #[error("cannot write the generated text")]
    Output(#[from] std::io::Error),
}

/// Why one prompt has no completion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The prompt fills the context of the model.
    #[error("the prompt has {tokens} tokens, but the context length of the model is {limit}; shorten it")]
    TooLong {
        /// Number of tokens of the prompt.
        tokens: usize,
        /// `max_position_embeddings` of the model.
        limit: usize,
    },
    /// A token id is outside the vocabulary of the model.
    #[error("token {token} is outside the vocabulary of {vocabulary}; use the tokenizer of this model")]
    Vocabulary {
        /// The token id.
        token: u32,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// The prompt has no tokens, and the model has no begin-of-text token.
    #[error(
        "the prompt is empty, and config.json has no bos_token_id; give a non-empty prompt, or train with data.begin-documents: true"
    )]
    Empty,
    /// The tokenizer failed.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// The logits of the next token are NaN or infinite.
    #[error(
        "the logits after {0} tokens are NaN or infinite, so there is no next token; check the weights of the model"
    )]
    NonFinite(usize),
}
