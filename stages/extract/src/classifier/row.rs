//! One row of features: integers that the trees compare with thresholds.
//!
//! Invariant: values are clamped to 16 bits, so that any page gives a row.

/// A row that is being written.
pub(super) struct FeatureRow<'r>(pub(super) &'r mut Vec<i16>);

impl FeatureRow<'_> {
    pub(super) fn push(&mut self, value: i64) {
        let value = value.clamp(i64::from(i16::MIN), i64::from(i16::MAX));
        self.0.push(i16::try_from(value).unwrap_or(0));
    }

    pub(super) fn count(&mut self, value: u32) {
        self.push(i64::from(value));
    }

    /// Twice the binary logarithm, approximately: an exact count would separate pages of the same kind.
    pub(super) fn magnitude(&mut self, value: u32) {
        let value = u64::from(value) + 1;
        let octave = value.ilog2();
        self.push(i64::from(2 * octave + u32::from(octave > 0 && value >> (octave - 1) & 1 == 1)));
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.push(i64::from(value));
    }

    /// The share of `part` in `whole`, in thousandths; −1 if `whole` is 0.
    pub(super) fn share(&mut self, part: u32, whole: u32) {
        self.push(if whole == 0 { -1 } else { i64::from(part) * 1000 / i64::from(whole) });
    }
}
