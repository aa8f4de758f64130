//! Dividing a whole number of tokens by weights, exactly.
//!
//! Invariant: parts are whole, sum to the total, and depend on neither floating-point rounding nor the machine: weights
//! become integers once, and everything after is integer arithmetic.

use std::cmp::Reverse;

/// Scales the weights to integers, the largest to 2^52, so that 0.7 and 0.3 give the same shares as 70 and 30.
///
/// A weight above zero stays above zero. The input must be finite and at least 0.
pub(super) fn integer_weights(weights: &[f64]) -> Vec<u64> {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let scale = 4_503_599_627_370_496.0; // 2^52
    weights
        .iter()
        .map(|&weight| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is in 0..=2^52")]
            let scaled = (weight / largest * scale).round() as u64;
            if weight > 0.0 { scaled.max(1) } else { 0 }
        })
        .collect()
}

/// Splits `total` into parts proportional to `weights`, by the largest-remainder method (Hamilton).
///
/// Ties go to the earlier part. Each part is its exact share rounded down or up. If every weight is zero, all parts are
/// zero.
pub(super) fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (index, &weight) in weights.iter().enumerate() {
        let product = u128::from(total) * u128::from(weight);
        // At most `total`, since weight <= sum.
        parts.push(u64::try_from(product / sum).unwrap_or(total));
        remainders.push((Reverse(product % sum), index));
    }
    let mut missing = total - parts.iter().sum::<u64>();
    remainders.sort_unstable();
    for (_, index) in remainders {
        if missing == 0 {
            break;
        }
        parts[index] += 1;
        missing -= 1;
    }
    parts
}

/// Splits `total` into parts proportional to `weights`, none above its cap; the excess of a capped part goes to the
/// others by their weights.
///
/// Water-filling as in `UniMax` (Chung et al., arXiv 2304.09151), with `weights` in place of uniform ones. The parts
/// sum to less than `total` only when every weighted part is at its cap.
pub(super) fn apportion_capped(total: u64, weights: &[u64], caps: &[u64]) -> Vec<u64> {
    let mut uncapped_weights = weights.to_vec();
    let mut parts = vec![0; weights.len()];
    let mut remaining = total;
    loop {
        let shares = apportion(remaining, &uncapped_weights);
        let over: Vec<usize> = (0..shares.len()).filter(|&index| shares[index] > caps[index]).collect();
        if over.is_empty() {
            for (part, share) in parts.iter_mut().zip(shares) {
                *part += share;
            }
            return parts;
        }
        for index in over {
            parts[index] = caps[index];
            remaining -= caps[index];
            uncapped_weights[index] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{apportion, apportion_capped, integer_weights};
    use proptest::prelude::*;

    #[test]
    fn decimal_weights_divide_as_written() {
        for weights in [[0.7, 0.3], [70.0, 30.0], [7e-9, 3e-9]] {
            assert_eq!(apportion(20_000_000, &integer_weights(&weights)), [14_000_000, 6_000_000]);
        }
        let terms = integer_weights(&[0.1, 0.2, 0.7]);
        assert_eq!(apportion(1_000_000_000_000, &terms), [100_000_000_000, 200_000_000_000, 700_000_000_000]);
    }

    #[test]
    fn ties_go_to_the_earlier_part() {
        assert_eq!(apportion(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(apportion(2, &[1, 1, 1]), [1, 1, 0]);
    }

    #[test]
    fn excess_over_a_cap_goes_to_others_by_weight() {
        // 100 divided 8:1:1, the first capped at 20: 80 remain for 1:1.
        assert_eq!(apportion_capped(100, &[8, 1, 1], &[20, 1000, 1000]), [20, 40, 40]);
        // The excess fills the next part too.
        assert_eq!(apportion_capped(100, &[8, 1, 1], &[20, 30, 1000]), [20, 30, 50]);
        assert_eq!(apportion_capped(100, &[8, 1, 0], &[20, 30, 1000]), [20, 30, 0]);
    }

    fn division() -> impl Strategy<Value = (u64, Vec<u64>, Vec<u64>)> {
        (0u64..1 << 60, 1usize..12).prop_flat_map(|(total, count)| {
            (
                Just(total),
                prop::collection::vec(prop_oneof![Just(0), 0u64..100, 0u64..1 << 52], count),
                prop::collection::vec(prop_oneof![0u64..100, 0u64..1 << 58], count),
            )
        })
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_total_and_are_rounded_shares((total, weights, _) in division()) {
            let parts = apportion(total, &weights);
            let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
            prop_assert_eq!(parts.iter().sum::<u64>(), if sum == 0 { 0 } else { total });
            for (&part, &weight) in parts.iter().zip(&weights) {
                // Within less than one token of the exact share.
                let exact = u128::from(total) * u128::from(weight);
                prop_assert!(sum == 0 || (u128::from(part) * sum).abs_diff(exact) < sum);
            }
        }

        #[test]
        fn caps_hold_and_all_capacity_is_used((total, weights, caps) in division()) {
            let parts = apportion_capped(total, &weights, &caps);
            let capacity: u128 = weights.iter().zip(&caps)
                .filter(|(weight, _)| **weight > 0).map(|(_, &cap)| u128::from(cap)).sum();
            let sum: u128 = parts.iter().map(|&part| u128::from(part)).sum();
            prop_assert_eq!(sum, capacity.min(u128::from(total)));
            for index in 0..parts.len() {
                prop_assert!(parts[index] <= caps[index]);
                prop_assert!(weights[index] > 0 || parts[index] == 0);
            }
            // Parts below their caps keep the order of their weights, within one token of rounding.
            for one in 0..parts.len() {
                for other in 0..parts.len() {
                    if parts[one] < caps[one] && weights[one] >= weights[other] && weights[other] > 0 {
                        prop_assert!(parts[one] + 1 >= parts[other]);
                    }
                }
            }
        }
    }
}
