//! The architectures that are computed, by the names that Hugging Face gives them.

use serde::{Deserialize, Serialize};

/// The architectures that this crate computes; the names are those of `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Llama 2, 3, 3.1, 3.2, and the many that share the architecture (`SmolLM`, `TinyLlama`).
    Llama,
    /// Mistral 7B: Llama with a sliding window.
    Mistral,
    /// Qwen 2 and 2.5: Llama with a bias on q, k and v.
    Qwen2,
    /// Qwen 3: Llama with a norm on q and k.
    Qwen3,
    /// Gemma 1: norms around one, `GeGLU`, scaled embeddings.
    Gemma,
    /// Gemma 2: also norms after each part, soft-capped logits, a sliding window in every other layer.
    Gemma2,
    /// Gemma 3, text only: also norms on q and k, and another base of the rotation in local layers.
    #[serde(rename = "gemma3_text")]
    Gemma3,
}

impl Family {
    /// Every family, in the order of this enum.
    pub const ALL: [Self; 7] =
        [Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3, Self::Gemma, Self::Gemma2, Self::Gemma3];

    /// The value of `model_type`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma => "gemma",
            Self::Gemma2 => "gemma2",
            Self::Gemma3 => "gemma3_text",
        }
    }

    /// The class of transformers that loads it.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Mistral => "MistralForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::Gemma => "GemmaForCausalLM",
            Self::Gemma2 => "Gemma2ForCausalLM",
            Self::Gemma3 => "Gemma3ForCausalLM",
        }
    }

    /// Whether the family is one of the Gemmas: norm weights stand around zero, embeddings are scaled.
    pub fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3)
    }
}

/// The function on the gate of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`, of Llama and Qwen.
    Silu,
    /// The tanh approximation of GELU, of Gemma.
    GeluTanh,
}
