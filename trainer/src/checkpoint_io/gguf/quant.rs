//! Dequantises ggml blocks to f32.
//!
//! Source: `dequantize_row_*` in `ggml-quants.c` of ggml. A block stores a scale and small integers; the digit in the
//! name of a type is their number of bits.

use burn::tensor::{bf16, f16};

/// The supported ggml types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GgmlType {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q8_0,
    Q4K,
    Q6K,
}

impl GgmlType {
    /// The supported types, for error messages.
    pub(super) const SUPPORTED: &str = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K and Q6_K";

    /// Returns the type of a ggml type number.
    pub(super) fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Values per block and bytes per block.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of `count` values; `None` if `count` is not a multiple of the block size, or on overflow.
    pub(super) fn bytes(self, count: usize) -> Option<usize> {
        let (values, bytes) = self.block();
        if count.is_multiple_of(values) { (count / values).checked_mul(bytes) } else { None }
    }

    /// Decodes whole blocks.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let (values, size) = self.block();
        let mut out = Vec::with_capacity(bytes.len() / size * values);
        for block in bytes.chunks_exact(size) {
            match self {
                Self::F32 => out.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
                Self::F16 => out.push(half(block, 0)),
                Self::Bf16 => out.push(bf16::from_le_bytes([block[0], block[1]]).to_f32()),
                Self::Q4_0 => nibbles(&block[2..], half(block, 0), -8.0 * half(block, 0), &mut out),
                Self::Q4_1 => nibbles(&block[4..], half(block, 0), half(block, 2), &mut out),
                Self::Q8_0 => {
                    let scale = half(block, 0);
                    out.extend(block[2..].iter().map(|&byte| scale * f32::from(byte.cast_signed())));
                }
                Self::Q4K => q4_k(block, &mut out),
                Self::Q6K => q6_k(block, &mut out),
            }
        }
        out
    }
}

fn half(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// Appends `scale · nibble + shift` for all low nibbles, then for all high nibbles.
fn nibbles(bytes: &[u8], scale: f32, shift: f32, out: &mut Vec<f32>) {
    out.extend(bytes.iter().map(|byte| scale * f32::from(byte & 15) + shift));
    out.extend(bytes.iter().map(|byte| scale * f32::from(byte >> 4) + shift));
}

/// Decodes 256 values in eight groups; each group has a 6-bit scale and a 6-bit minimum.
fn q4_k(block: &[u8], out: &mut Vec<f32>) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    let packed = &block[4..16];
    let group = |index: usize| {
        let (step, floor) = if index < 4 {
            (packed[index] & 63, packed[index + 4] & 63)
        } else {
            let (low, high) = (packed[index + 4], (packed[index - 4] >> 6, packed[index] >> 6));
            ((low & 15) | (high.0 << 4), (low >> 4) | (high.1 << 4))
        };
        (scale * f32::from(step), minimum * f32::from(floor))
    };
    for (pair, bytes) in block[16..].chunks_exact(32).enumerate() {
        let (step, floor) = group(2 * pair);
        out.extend(bytes.iter().map(|byte| step * f32::from(byte & 15) - floor));
        let (step, floor) = group(2 * pair + 1);
        out.extend(bytes.iter().map(|byte| step * f32::from(byte >> 4) - floor));
    }
}

/// Decodes 256 6-bit values, stored as 4 low and 2 high bits, in sixteen groups with an 8-bit scale.
fn q6_k(block: &[u8], out: &mut Vec<f32>) {
    let scale = half(block, 208);
    for part in 0..2 {
        let low = &block[64 * part..64 * part + 64];
        let high = &block[128 + 32 * part..160 + 32 * part];
        let scales = &block[192 + 8 * part..200 + 8 * part];
        for quarter in 0..4 {
            for (index, &high) in high.iter().enumerate() {
                let low = low[index + 32 * (quarter % 2)];
                let low = if quarter < 2 { low & 15 } else { low >> 4 };
                let value = (low | (((high >> (2 * quarter)) & 3) << 4)).cast_signed() - 32;
                let group = scales[index / 16 + 2 * quarter].cast_signed();
                out.push(scale * f32::from(group) * f32::from(value));
            }
        }
    }
}
