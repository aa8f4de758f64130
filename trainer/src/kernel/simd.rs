//! Vectorised loops for the widest vectors of the CPU.
//!
//! `dispatch_simd` compiles a closure for several vector widths and selects one at run time. Sums use sixteen lanes for
//! every width, so every CPU with fused multiply-add computes the same bits.

/// Number of partial sums.
pub(super) const LANES: usize = 16;

/// Half of the processors in use have AVX2 and fused multiply-add, but no AVX-512. Without this variant, which is a feature of
/// `pulp`, they would run the portable code, which calls a function for every multiply-add.
#[cfg(target_arch = "x86_64")]
const _: fn(pulp::x86::V3) -> pulp::Arch = pulp::Arch::V3;

/// Runs a closure, compiled for the widest vectors of the CPU.
#[inline]
pub(super) fn dispatch_simd<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Computes `exp(x)` to 2 units in the last place; below −87 it is `exp(−87)`, above 88 it is `exp(88)`.
///
/// Source: Cody-Waite reduction by `ln 2` in two parts, and a Taylor polynomial of degree 6 of the remainder.
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "the two parts of ln 2 need these exact bits")]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it rounds a small number to an integer in the lowest bits.
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let whole = shifted - ROUNDER;
    let rest = whole.mul_add(-0.693_359_375, x);
    let rest = whole.mul_add(2.121_944_4e-4, rest);
    let mut sum = 1.388_888_9e-3_f32;
    for coefficient in [8.333_333_3e-3, 4.166_666_7e-2, 0.166_666_67, 0.5, 1.0, 1.0] {
        sum = sum.mul_add(rest, coefficient);
    }
    // The lowest bits of `shifted` are the exponent of two.
    sum * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// Computes `tanh(x)` to an absolute error of 3e-7.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width of its caller")]
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// `1 / (1 + exp(−x))`.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width of its caller")]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Folds `term(sum, left, right)` over two slices of equal length.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width of its caller")]
pub(super) fn sum(left: &[f32], right: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            lanes[lane] = term(lanes[lane], left[lane], right[lane]);
        }
    }
    let mut total = 0.0;
    for (&left, &right) in left_rest.iter().zip(right_rest) {
        total = term(total, left, right);
    }
    total + lanes.iter().sum::<f32>()
}

/// The maximum of a slice; negative infinity if it is empty.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width of its caller")]
pub(super) fn max_value(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_tanh_match_std() {
        for step in -8600..8700 {
            let x = f64::from(step) / 100.0;
            #[expect(clippy::cast_possible_truncation, reason = "exact")]
            let small = x as f32;
            let exact = f64::from(small).exp();
            assert!((f64::from(exp(small)) / exact - 1.0).abs() < 2.5e-7, "exp({x})");
            assert!((f64::from(tanh(small)) - f64::from(small).tanh()).abs() < 3e-7, "tanh({x})");
        }
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite());
    }

    /// No processor with vectors runs the portable code.
    #[test]
    fn the_vectors_of_the_cpu_are_used() {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            assert!(!matches!(pulp::Arch::new(), pulp::Arch::Scalar));
        }
        assert_eq!(dispatch_simd(|| 2.0_f32.mul_add(3.0, 4.0)).to_bits(), 10.0_f32.to_bits());
    }

    #[test]
    fn sum_and_maximum_include_every_element() {
        let numbers: Vec<f32> = (1..=37_u8).map(f32::from).collect();
        assert!((sum(&numbers, &numbers, |sum, left, _| sum + left) - 703.0).abs() < 1e-3);
        assert!((max_value(&numbers) - 37.0).abs() < 1e-6);
    }
}
