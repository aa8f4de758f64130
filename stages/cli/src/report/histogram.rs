//! Histograms with fixed bins, filled in one pass and comparable between reports.

use serde::Serialize;

/// Counts of values per bin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Histogram {
    /// What is counted.
    pub title: String,
    /// Lower bound of each bin.
    pub bounds: Vec<f64>,
    /// Values in each bin; the last bin has no upper bound.
    pub counts: Vec<u64>,
    /// Total number of values.
    pub count: u64,
}

impl Histogram {
    /// A histogram with bins by powers of two from 1 to 2^24, or with twenty equal bins from 0 to 1.
    pub(crate) fn new(title: &str, by_powers: bool) -> Self {
        let bounds: Vec<f64> = if by_powers {
            (0..25).map(|power| f64::from(1u32 << power)).collect()
        } else {
            (0..20).map(|bin| f64::from(bin) / 20.0).collect()
        };
        Self { title: title.to_owned(), counts: vec![0; bounds.len()], bounds, count: 0 }
    }

    /// Counts a value.
    pub(crate) fn add(&mut self, value: f64) {
        let bin = self.bounds.partition_point(|bound| *bound <= value).saturating_sub(1);
        self.counts[bin] += 1;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_bins() {
        let mut shares = Histogram::new("shares", false);
        for value in [0.0, 0.04, 0.05, 1.0] {
            shares.add(value);
        }
        assert_eq!((shares.counts[0], shares.counts[1], shares.counts[19]), (2, 1, 1));
        let mut lengths = Histogram::new("lengths", true);
        for value in [0.0, 1.0, 3.0, 1e9] {
            lengths.add(value);
        }
        assert_eq!((lengths.counts[0], lengths.counts[1], lengths.counts[24]), (2, 1, 1));
    }
}
