//! What programs that tokenize and programs that train must agree on about a `tokenizer.json`.
//!
//! Invariant: a text has the same tokens in a corpus and in a trainer that reads the text itself.

use serde_json::Value;

/// Names of the end-of-document token in known vocabularies, in order of preference: GPT-2, Qwen, OLMo; Llama 3;
/// DeepSeek; Gemma and T5; Llama 2 and Mistral.
pub const END_NAMES: [&str; 6] =
    ["<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<eos>", "</s>", "<|eos|>"];

/// Whether a token has the form of a special token, regardless of its flag in the file: some vocabularies (Qwen2.5)
/// mark their fill-in-the-middle tokens as ordinary tokens.
pub fn looks_like_control(content: &str) -> bool {
    let bars = |from: &str, to: &str| content.starts_with(from) && content.ends_with(to);
    END_NAMES.contains(&content) || bars("<|", "|>") || bars("<｜", "｜>")
}

/// Checks what the `tokenizers` crate (0.23) relies on without a check of its own: the second token of each merge
/// begins with `continuing_subword_prefix`, and the vocabulary contains the merged token.
///
/// # Errors
/// Describes the first merge that does not.
pub fn check_merges(file: &Value) -> Result<(), String> {
    let model = &file["model"];
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    let Some(vocabulary) = model["vocab"].as_object() else { return Ok(()) };
    for (index, merge) in model["merges"].as_array().into_iter().flatten().enumerate() {
        // A merge is `["a", "b"]`, in older files `"a b"`; the crate refuses other forms itself.
        let pair = match merge.as_str() {
            Some(text) => text.split_once(' '),
            None => merge[0].as_str().zip(merge[1].as_str()),
        };
        let Some((first, second)) = pair else { continue };
        let Some(rest) = second.strip_prefix(prefix) else {
            return Err(format!(
                "merge {index} joins `{second}`, which does not begin with the continuing_subword_prefix `{prefix}`"
            ));
        };
        if !vocabulary.contains_key(&format!("{first}{rest}")) {
            return Err(format!("merge {index} makes `{first}{rest}`, which is not in the vocabulary"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn control_tokens_are_recognized() {
        for control in END_NAMES.iter().chain(&["<|im_start|>", "<|reserved_special_token_7|>"]) {
            assert!(looks_like_control(control), "{control}");
        }
        for word in ["", "<", "|>", "    ", "<tool_call>", "endoftext"] {
            assert!(!looks_like_control(word), "{word}");
        }
    }

    #[test]
    fn merges_that_would_be_read_out_of_bounds_are_errors() {
        let check = |prefix: &str, merges: Value| {
            let vocabulary = json!({ "a": 0, "##b": 1, "ab": 2, "##c": 3, "ac": 4 });
            check_merges(&json!({
                "model": { "continuing_subword_prefix": prefix, "merges": merges, "vocab": vocabulary }
            }))
        };
        assert_eq!(check("##", json!([["a", "##b"], "a ##c"])), Ok(()));
        assert_eq!(check("", json!([["a", "b"], [1], 2])), Ok(()));
        for merges in [json!([["a", "##b"], ["a", "b"]]), json!(["a ##b", "a #"])] {
            assert!(check("##", merges).unwrap_err().starts_with("merge 1 joins"));
        }
        assert_eq!(
            check("", json!(["a b", "ab c"])).unwrap_err(),
            "merge 1 makes `abc`, which is not in the vocabulary"
        );
    }
}
