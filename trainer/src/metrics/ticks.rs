//! The ticks of an axis: round numbers, 1, 2 or 5 times a power of ten apart.
//!
//! Invariant: the ticks of a range cover it, and no two have the same label.

use super::grouped;

/// The largest number of intervals between ticks.
const MAX_INTERVALS: f64 = 5.0;

/// The ticks of an axis, in rising order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    /// The distance of two ticks is `factor × 10^exponent`.
    factor: f64,
    exponent: i32,
    /// The first tick, in distances from 0.
    first: f64,
    /// The number of ticks.
    count: u32,
}

impl Ticks {
    /// The ticks from the last one at or below `low` to the first at or above `high`; both are finite. A range without
    /// extent gets ticks on both sides.
    pub(super) fn around(low: f64, high: f64) -> Self {
        let extent = if high > low { high - low } else { (low.abs() / 10.0).max(1e-9) };
        let exponent = floor_log10(extent / MAX_INTERVALS);
        let fitting =
            [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| extent / scaled(*factor, exponent) <= MAX_INTERVALS);
        let factor = fitting.unwrap_or(10.0);
        let (factor, exponent) = if factor > 5.0 { (1.0, exponent + 1) } else { (factor, exponent) };
        let distance = scaled(factor, exponent);
        // A value that rounding puts just beside a tick is on it.
        let (from, to) = ((low / distance + 1e-9).floor(), (high / distance - 1e-9).ceil());
        let to = if to > from { to } else { from + 1.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few ticks")]
        let count = (to - from) as u32 + 1;
        Self { factor, exponent, first: from, count }
    }

    /// The first and the last tick.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.value(0), self.value(self.count - 1))
    }

    /// Each tick with its label.
    pub(super) fn labelled(&self) -> impl Iterator<Item = (f64, String)> {
        (0..self.count).map(|number| (self.value(number), self.label(number)))
    }

    fn value(&self, number: u32) -> f64 {
        scaled((self.first + f64::from(number)) * self.factor, self.exponent)
    }

    fn label(&self, number: u32) -> String {
        let value = self.value(number);
        match usize::try_from(-self.exponent) {
            Err(_) | Ok(0) if value < 0.0 => format!("-{}", grouped(-value)),
            Err(_) | Ok(0) => grouped(value),
            Ok(decimals @ 1..=4) => format!("{value:.decimals$}"),
            Ok(_) if value == 0.0 => "0".to_owned(),
            // Digits down to the last one that tells two ticks apart.
            Ok(_) => {
                let digits = usize::try_from(floor_log10(value.abs()) - self.exponent).unwrap_or(0);
                format!("{value:.digits$e}")
            }
        }
    }
}

/// `number × 10^exponent`, rounded once.
fn scaled(number: f64, exponent: i32) -> f64 {
    let power = libm::exp10(f64::from(exponent.abs()));
    if exponent < 0 { number / power } else { number * power }
}

#[expect(clippy::cast_possible_truncation, reason = "the exponent of a 64-bit number")]
fn floor_log10(number: f64) -> i32 {
    // The logarithm of a power of ten can come out just below a whole number.
    (libm::log10(number) + 1e-9).floor() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> String {
        Ticks::around(low, high).labelled().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn labels_are_round() {
        assert_eq!(labels(6.0395, 6.8908), "6.0 6.2 6.4 6.6 6.8 7.0");
        assert_eq!(labels(0.47, 1.05), "0.4 0.6 0.8 1.0 1.2");
        assert_eq!(labels(15_636.0, 19_265.0), "15,000 16,000 17,000 18,000 19,000 20,000");
        assert_eq!(labels(3.12e-4, 3e-3), "0.000 0.001 0.002 0.003");
        assert_eq!(labels(1e-5, 1.5e-4), "0 5e-5 1.0e-4 1.5e-4");
        assert_eq!(labels(0.0, 10.0), "0 2 4 6 8 10");
        assert_eq!(labels(0.0, 100.0), "0 20 40 60 80 100");
        assert_eq!(labels(-1.0, 1.0), "-1.0 -0.5 0.0 0.5 1.0");
        assert_eq!(labels(1.0, 29.0), "0 10 20 30");
    }

    #[test]
    fn a_constant_has_ticks_on_both_sides() {
        assert_eq!(labels(0.05, 0.05), "0.050 0.051");
        assert_eq!(labels(0.0, 0.0).split(' ').next(), Some("0"));
        let (low, high) = Ticks::around(7.3, 7.3).range();
        assert!(low <= 7.3 && high >= 7.3 && high > low, "{low} {high}");
    }

    #[test]
    fn ticks_cover_every_range() {
        for exponent in -12..12 {
            for (low, high) in [(1.0, 1.0001), (0.3, 0.7), (0.99, 1.01), (0.0, 9.99), (-3.0, 40.0), (1.0, 3.0)] {
                let (low, high) = (scaled(low, exponent), scaled(high, exponent));
                let ticks = Ticks::around(low, high);
                let (first, last) = ticks.range();
                let slack = (high - low) * 1e-6;
                assert!(first <= low + slack && last >= high - slack, "{low} {high}: {first} {last}");
                assert!((2..=7).contains(&ticks.count), "{low} {high}: {}", ticks.count);
                let labels: Vec<String> = ticks.labelled().map(|(_, label)| label).collect();
                assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "{labels:?}");
            }
        }
    }
}
