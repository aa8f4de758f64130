//! The control tokens: what a corpus needs beside the bytes, and where to find the end of a document in anybody's vocabulary.
//!
//! **Invariant:** control tokens are written by the pipeline and the trainer only. No text of a document ever becomes one.

/// Ends a document. The name is that of GPT-2, and of most open models since.
pub const END_OF_DOCUMENT: &str = "<|endoftext|>";

/// The control tokens of a tokenizer learned here, in the order of their ids, from 0: so an id does not depend on the size of
/// the vocabulary, and a shard of any of our tokenizers ends its documents with 0. Fill-in-the-middle as in Qwen2.5-Coder's and
/// `StarCoder`'s sentinels (Bavarian et al. 2022).
pub const SPECIAL_TOKENS: [&str; 5] =
    [END_OF_DOCUMENT, "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"];

/// The names under which known vocabularies keep the token that ends a document, the first found wins: GPT-2, Qwen, `OLMo`;
/// Llama 3; `DeepSeek`; Gemma and T5; Llama 2 and Mistral.
pub const END_NAMES: [&str; 6] =
    [END_OF_DOCUMENT, "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<eos>", "</s>", "<|eos|>"];

/// Whether a token looks like a control token whatever its file says: some vocabularies (Qwen2.5) mark their
/// fill-in-the-middle tokens as ordinary ones.
pub(super) fn looks_like_control(content: &str) -> bool {
    let bars = |from: &str, to: &str| content.starts_with(from) && content.ends_with(to);
    END_NAMES.contains(&content) || bars("<|", "|>") || bars("<｜", "｜>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_tokens_are_told_from_words() {
        for control in SPECIAL_TOKENS.iter().chain(&END_NAMES).chain(&["<|im_start|>", "<|reserved_special_token_7|>"])
        {
            assert!(looks_like_control(control), "{control}");
        }
        for word in ["", "<", "|>", "    ", "<tool_call>", "endoftext"] {
            assert!(!looks_like_control(word), "{word}");
        }
    }
}
