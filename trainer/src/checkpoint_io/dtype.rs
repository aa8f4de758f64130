//! Converts weights between f32 and other number formats.

use burn::tensor::{bf16, f16};
use safetensors::Dtype;

/// The type of written weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WeightType {
    /// 32-bit IEEE 754, the type of the model in memory.
    #[default]
    F32,
    /// 16-bit bfloat16, with the range of f32.
    Bf16,
    /// 16-bit IEEE 754, up to 65,504; a larger weight is an error.
    F16,
}

impl WeightType {
    /// The name in `config.json`.
    pub fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }

    pub(crate) fn safetensors(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::Bf16 => Dtype::BF16,
            Self::F16 => Dtype::F16,
        }
    }

    /// Bytes per value.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    /// The first finite value that would become infinite.
    pub(crate) fn overflow(self, values: &[f32]) -> Option<f32> {
        let overflows = |value: f32| match self {
            Self::F32 => false,
            Self::Bf16 => bf16::from_f32(value).is_infinite(),
            Self::F16 => f16::from_f32(value).is_infinite(),
        };
        values.iter().copied().find(|&value| value.is_finite() && overflows(value))
    }

    /// Encodes `values` in little-endian bytes, rounded to nearest, ties to even.
    pub(crate) fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        }
    }
}

/// Decodes little-endian `bytes` to f32; `None` if the type is not supported.
pub(crate) fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let pairs = || bytes.as_chunks::<2>().0.iter();
    match dtype {
        Dtype::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        Dtype::F16 => Some(pairs().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()),
        _ => None,
    }
}
