//! The control tokens of learned vocabularies, and the names of the end-of-document token in known vocabularies.
//!
//! Invariant: only the pipeline and the trainer write control tokens; document text is never encoded as one.

/// Ends a document. The name is that of GPT-2 and of most open models since.
pub const END_OF_DOCUMENT: &str = "<|endoftext|>";

/// The control tokens of a tokenizer learned here, in id order from 0, so that an id does not depend on the vocabulary
/// size, and 0 ends documents in the shards of all our tokenizers. Fill-in-the-middle tokens as in Qwen2.5-Coder and
/// StarCoder (Bavarian et al. 2022).
pub const SPECIAL_TOKENS: [&str; 5] =
    [END_OF_DOCUMENT, "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"];

/// Names of the end-of-document token in known vocabularies, in order of preference: GPT-2, Qwen, OLMo; Llama 3;
/// DeepSeek; Gemma and T5; Llama 2 and Mistral.
pub const END_NAMES: [&str; 6] =
    [END_OF_DOCUMENT, "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<eos>", "</s>", "<|eos|>"];

/// Whether a token has the form of a control token, regardless of its flag in the file: some vocabularies (Qwen2.5)
/// mark their fill-in-the-middle tokens as ordinary tokens.
pub(super) fn looks_like_control(content: &str) -> bool {
    let bars = |from: &str, to: &str| content.starts_with(from) && content.ends_with(to);
    END_NAMES.contains(&content) || bars("<|", "|>") || bars("<｜", "｜>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_tokens_are_recognized() {
        for control in SPECIAL_TOKENS.iter().chain(&END_NAMES).chain(&["<|im_start|>", "<|reserved_special_token_7|>"])
        {
            assert!(looks_like_control(control), "{control}");
        }
        for word in ["", "<", "|>", "    ", "<tool_call>", "endoftext"] {
            assert!(!looks_like_control(word), "{word}");
        }
    }
}
