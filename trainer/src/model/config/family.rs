//! The supported architectures, by their names in Hugging Face transformers.

use serde::{Deserialize, Serialize};

/// A supported architecture, named as in `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Llama 2, 3, 3.1, 3.2, and models with the same architecture (SmolLM, TinyLlama).
    Llama,
    /// Mistral 7B: Llama with a sliding window.
    Mistral,
    /// Qwen 2 and 2.5: Llama with a bias on q, k and v.
    Qwen2,
    /// Qwen 3: Llama with a norm on q and k.
    Qwen3,
    /// Gemma 1: norm weights stored minus one, GeGLU, scaled embeddings.
    Gemma,
    /// Gemma 2: Gemma 1 with post norms, soft-capped logits, and a sliding window in every other layer.
    Gemma2,
    /// Gemma 3, text only: post norms, norms on q and k, and a different RoPE base in local layers.
    #[serde(rename = "gemma3_text")]
    Gemma3,
}

impl Family {
    /// All families, in declaration order.
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

    /// The transformers class that loads the model.
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

    /// Whether this is a Gemma model: norm weights are stored minus one, embeddings are scaled.
    pub fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3)
    }
}

/// Activation function of the feed-forward gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`, used by Llama and Qwen.
    Silu,
    /// The tanh approximation of GELU, used by Gemma.
    GeluTanh,
}
