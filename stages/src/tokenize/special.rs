//! The special tokens of learned vocabularies.
//!
//! Invariant: only the pipeline and the trainer write special tokens; document text is never encoded as one.

/// Ends a document. The name is that of GPT-2 and of most open models since.
pub const END_OF_DOCUMENT: &str = "<|endoftext|>";

/// The special tokens of a tokenizer learned here, in id order from 0, so that an id does not depend on the vocabulary
/// size, and 0 ends documents in the shards of all our tokenizers. Fill-in-the-middle tokens as in Qwen2.5-Coder and
/// StarCoder (Bavarian et al. 2022).
pub const SPECIAL_TOKENS: [&str; 5] =
    [END_OF_DOCUMENT, "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"];
