//! Tables of rotary position embeddings (RoPE, arXiv 2104.09864), in the half-split layout of Hugging Face.
//!
//! Element `i` of the first half of a head and element `i` of its second half are rotated as a pair, by the angle
//! `position · frequency[i]`. Invariant: a table depends only on the configuration and the positions, so it is equal
//! on every device.

use std::f64::consts::TAU;

use crate::model::config::{Rope, RopeScaling};

/// Computes the angular frequency of each pair, in radians per position: `[head_dim / 2]`.
///
/// Sources: `_compute_default_rope_parameters`, `_compute_linear_scaling_rope_parameters` and
/// `_compute_llama3_parameters` of transformers' `modeling_rope_utils.py`.
#[expect(clippy::cast_possible_truncation, reason = "the reference stores frequencies as f32")]
pub(crate) fn frequencies(rope: &Rope, head_dim: usize) -> Vec<f32> {
    let base = |pair: usize| libm::pow(rope.theta, -((2 * pair) as f64) / head_dim as f64);
    (0..head_dim / 2).map(|pair| scaled(base(pair), &rope.scaling) as f32).collect()
}

fn scaled(frequency: f64, scaling: &RopeScaling) -> f64 {
    match *scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 { factor, low_freq_factor: low, high_freq_factor: high, .. } => {
            let RopeScaling::Llama3 { original_max_position_embeddings: original, .. } = *scaling else {
                return frequency;
            };
            let wavelength = TAU / frequency;
            if wavelength > original / low {
                frequency / factor
            } else if wavelength < original / high {
                frequency
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}

/// Computes the cosines and sines of every position: two row-major tables `[positions, head_dim / 2]`.
pub(crate) fn table(rope: &Rope, head_dim: usize, positions: &[u32]) -> (Vec<f32>, Vec<f32>) {
    let frequencies = frequencies(rope, head_dim);
    let (Some(&low), Some(&high)) = (positions.iter().min(), positions.iter().max()) else {
        return (Vec::new(), Vec::new());
    };
    // Positions repeat in a batch: compute each distinct one once, unless they are far apart.
    if (high - low) as usize <= positions.len() * 4 {
        let distinct: Vec<u32> = (low..=high).collect();
        let (cosines, sines) = rows(&frequencies, &distinct);
        let pick = |from: &[f32]| {
            let row = |&position: &u32| {
                let start = (position - low) as usize * frequencies.len();
                &from[start..start + frequencies.len()]
            };
            positions.iter().flat_map(row).copied().collect()
        };
        return (pick(&cosines), pick(&sines));
    }
    rows(&frequencies, positions)
}

fn rows(frequencies: &[f32], positions: &[u32]) -> (Vec<f32>, Vec<f32>) {
    // Multiplies in f32 like the reference, to get the same angles at large positions.
    let angle = |&position: &u32| frequencies.iter().map(move |&frequency| position as f32 * frequency);
    #[expect(clippy::cast_possible_truncation, reason = "a table of f32")]
    let of = |function: fn(f64) -> f64| {
        positions.iter().flat_map(angle).map(|angle| function(f64::from(angle)) as f32).collect()
    };
    (of(libm::cos), of(libm::sin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_tables_agree() {
        let rope = Rope::new(10_000.0);
        let (dense, _) = table(&rope, 8, &(0..100).collect::<Vec<_>>());
        let (sparse, _) = table(&rope, 8, &[0, 99]);
        assert_eq!(dense[99 * 4..], sparse[4..]);
    }

    #[test]
    fn linear_scaling_divides_every_frequency() {
        let plain = frequencies(&Rope::new(10_000.0), 8);
        let scaling = RopeScaling::Linear { factor: 4.0 };
        let slow = frequencies(&Rope { theta: 10_000.0, scaling }, 8);
        for (plain, slow) in plain.iter().zip(slow) {
            assert!((plain / 4.0 - slow).abs() < 1e-7);
        }
    }
}
