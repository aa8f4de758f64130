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
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
    Iq4Nl,
}

impl GgmlType {
    /// The supported types, for error messages.
    pub(super) const SUPPORTED: &str = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K and IQ4_NL";

    /// Returns the type of a ggml type number.
    pub(super) fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            20 => Self::Iq4Nl,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// The name of a ggml type that is not supported; `None` if the number is unknown.
    pub(super) fn unsupported_name(number: u32) -> Option<&'static str> {
        Some(match number {
            9 => "Q8_1",
            10 => "Q2_K",
            11 => "Q3_K",
            15 => "Q8_K",
            16 => "IQ2_XXS",
            17 => "IQ2_XS",
            18 => "IQ3_XXS",
            19 => "IQ1_S",
            21 => "IQ3_S",
            22 => "IQ2_S",
            23 => "IQ4_XS",
            24 => "I8",
            25 => "I16",
            26 => "I32",
            27 => "I64",
            28 => "F64",
            29 => "IQ1_M",
            34 => "TQ1_0",
            35 => "TQ2_0",
            39 => "MXFP4",
            40 => "NVFP4",
            41 => "Q1_0",
            _ => return None,
        })
    }

    /// Values per block and bytes per block.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 | Self::Iq4Nl => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
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
                Self::Q5_0 => fives(&block[2..], half(block, 0), -16.0 * half(block, 0), &mut out),
                Self::Q5_1 => fives(&block[4..], half(block, 0), half(block, 2), &mut out),
                Self::Q8_0 => {
                    let scale = half(block, 0);
                    out.extend(block[2..].iter().map(|&byte| scale * f32::from(byte.cast_signed())));
                }
                Self::Q4K => q4_k(block, &mut out),
                Self::Q5K => q5_k(block, &mut out),
                Self::Q6K => q6_k(block, &mut out),
                Self::Iq4Nl => iq4_nl(block, &mut out),
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

/// Appends `scale · value + shift` for 32 5-bit values: 4 bytes with their fifth bits, then their nibbles, the low ones
/// first.
fn fives(bytes: &[u8], scale: f32, shift: f32, out: &mut Vec<f32>) {
    let (fifth, nibbles) = bytes.split_at(4);
    let value = |nibble: u8, index: usize| {
        let high = (fifth[index / 8] >> (index % 8)) & 1;
        scale * f32::from(nibble | (high << 4)) + shift
    };
    out.extend(nibbles.iter().enumerate().map(|(index, byte)| value(byte & 15, index)));
    out.extend(nibbles.iter().enumerate().map(|(index, byte)| value(byte >> 4, index + 16)));
}

/// The values of a nibble of `IQ4_NL` (`kvalues_iq4nl`).
const IQ4_NL_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Decodes 32 nibbles that are positions in a table, the low ones first.
fn iq4_nl(block: &[u8], out: &mut Vec<f32>) {
    let scale = half(block, 0);
    let value = |nibble: u8| scale * f32::from(IQ4_NL_VALUES[usize::from(nibble)]);
    out.extend(block[2..].iter().map(|byte| value(byte & 15)));
    out.extend(block[2..].iter().map(|byte| value(byte >> 4)));
}

/// The scale and the minimum of one of the eight groups of a `Q4_K` or `Q5_K` block, each stored in 6 bits.
fn scale_and_minimum(block: &[u8], group: usize) -> (f32, f32) {
    let packed = &block[4..16];
    let (scale, minimum) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let (low, high) = (packed[group + 4], (packed[group - 4] >> 6, packed[group] >> 6));
        ((low & 15) | (high.0 << 4), (low >> 4) | (high.1 << 4))
    };
    (half(block, 0) * f32::from(scale), half(block, 2) * f32::from(minimum))
}

/// Decodes 256 4-bit values in eight groups.
fn q4_k(block: &[u8], out: &mut Vec<f32>) {
    for (pair, bytes) in block[16..].chunks_exact(32).enumerate() {
        let (scale, minimum) = scale_and_minimum(block, 2 * pair);
        out.extend(bytes.iter().map(|byte| scale * f32::from(byte & 15) - minimum));
        let (scale, minimum) = scale_and_minimum(block, 2 * pair + 1);
        out.extend(bytes.iter().map(|byte| scale * f32::from(byte >> 4) - minimum));
    }
}

/// Decodes 256 5-bit values in eight groups. Bit *g* of 32 bytes is the fifth bit of the values of group *g*.
fn q5_k(block: &[u8], out: &mut Vec<f32>) {
    let fifth = &block[16..48];
    for (pair, bytes) in block[48..].chunks_exact(32).enumerate() {
        for (group, shift) in [(2 * pair, 0), (2 * pair + 1, 4)] {
            let (scale, minimum) = scale_and_minimum(block, group);
            let values = bytes.iter().zip(fifth).map(|(byte, fifth)| {
                let value = ((byte >> shift) & 15) | (((fifth >> group) & 1) << 4);
                scale * f32::from(value) - minimum
            });
            out.extend(values);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn f16_bytes(value: f32) -> [u8; 2] {
        f16::from_f32(value).to_le_bytes()
    }

    /// Nibbles of 32 values: 1 and 2 in the first byte, 0 and 15 in the last, 0 elsewhere.
    fn nibble_bytes() -> [u8; 16] {
        let mut bytes = [0; 16];
        (bytes[0], bytes[15]) = (0x21, 0xF0);
        bytes
    }

    /// 32 values that are `rest` except at the given positions.
    fn except(rest: f32, values: [(usize, f32); 3]) -> Vec<f32> {
        let mut expected = vec![rest; 32];
        for (index, value) in values {
            expected[index] = value;
        }
        expected
    }

    #[test]
    fn fifth_bits_belong_to_their_values() {
        // The fifth bits of values 0 and 31.
        let fifth = [1, 0, 0, 0x80];
        let bytes = blocks(&[&f16_bytes(0.5), &fifth, &nibble_bytes()]);
        // 0.5 · (value - 16): values 17, 2 and 31, and 0 elsewhere.
        assert_eq!(GgmlType::Q5_0.decode(&bytes), except(-8.0, [(0, 0.5), (16, -7.0), (31, 7.5)]));
        let bytes = blocks(&[&f16_bytes(0.5), &f16_bytes(-1.0), &fifth, &nibble_bytes()]);
        // 0.5 · value - 1.
        assert_eq!(GgmlType::Q5_1.decode(&bytes), except(-1.0, [(0, 7.5), (16, 0.0), (31, 14.5)]));
    }

    #[test]
    fn nibbles_of_iq4_nl_are_positions_in_a_table() {
        let nibbles: Vec<u8> = (0..16).map(|low| low | (15 - low) << 4).collect();
        let found = GgmlType::Iq4Nl.decode(&blocks(&[&f16_bytes(0.25), &nibbles]));
        let low = [
            -31.75, -26.0, -20.75, -16.25, -12.25, -8.75, -5.5, -2.5, 0.25, 3.25, 6.25, 9.5, 13.25, 17.25, 22.25, 28.25,
        ];
        assert_eq!(found[..16], low);
        assert_eq!(found[16..], low.into_iter().rev().collect::<Vec<f32>>());
    }

    #[test]
    fn groups_of_q5_k_have_scales_and_minima() {
        // Scales 1, 2, 3, 4, 17, 3, 5, 7 and minima 5, 6, 7, 8, 2, 4, 6, 40.
        let packed = [0x41, 2, 3, 4, 5, 6, 7, 0x88, 0x21, 0x43, 0x65, 0x87];
        // The fifth bit of the first value of groups 0 and 7.
        let mut fifth = [0; 32];
        fifth[0] = 0x81;
        let bytes = blocks(&[&f16_bytes(1.0), &f16_bytes(0.5), &packed, &fifth, &[0x31; 128]]);
        let found = GgmlType::Q5K.decode(&bytes);
        // Value 1 in even groups and 3 in odd ones, plus 16 with a fifth bit; minus half of the minimum.
        let expected: [f32; 8] = [-1.5, 3.0, -0.5, 8.0, 16.0, 7.0, 2.0, 1.0];
        let firsts: [f32; 8] = [14.5, 3.0, -0.5, 8.0, 16.0, 7.0, 2.0, 113.0];
        for (group, (values, expected)) in found.chunks_exact(32).zip(expected).enumerate() {
            let first = firsts[group];
            assert!((values[0] - first).abs() < 1e-6, "{group}: {}", values[0]);
            assert!(values[1..].iter().all(|value| (value - expected).abs() < 1e-6), "{group}: {values:?}");
        }
        assert_eq!(found.len(), 256);
    }

    #[test]
    fn a_type_is_supported_or_has_a_name() {
        let supported: Vec<u32> = (0..64).filter(|&number| GgmlType::of(number).is_some()).collect();
        assert_eq!(supported, [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 20, 30]);
        assert!(supported.iter().all(|&number| GgmlType::unsupported_name(number).is_none()));
        assert_eq!(GgmlType::unsupported_name(17), Some("IQ2_XS"));
    }
}
