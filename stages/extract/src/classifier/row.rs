//! One row of features: integers that the trees compare with thresholds, and the numbers of tags and rules.
//!
//! Invariant: values are clamped to 16 bits, so that any page gives a row; a number never changes its meaning, since
//! the weights know it.

use crate::rule::CutRule;
use corpusmill_html::tag::Tag;

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

/// The tag of a block or container as a number; similar kinds have neighbouring numbers.
pub(super) fn tag_code(tag: Tag) -> i64 {
    match tag {
        Tag::P => 0,
        Tag::Blockquote => 1,
        tag if tag.is_preformatted() => 2,
        Tag::Dd => 3,
        Tag::Dt => 4,
        Tag::Summary | Tag::Details => 5,
        Tag::H1 => 6,
        Tag::H2 => 7,
        Tag::H3 => 8,
        Tag::H4 => 9,
        Tag::H5 | Tag::H6 => 10,
        Tag::Div => 11,
        Tag::Li => 12,
        Tag::Ul => 13,
        Tag::Ol => 14,
        Tag::Table => 15,
        Tag::Td => 16,
        Tag::Th => 17,
        Tag::Tr | Tag::Tbody | Tag::Thead => 18,
        Tag::Article => 19,
        Tag::Main => 20,
        Tag::Section => 21,
        Tag::Body | Tag::Html | Tag::Root => 22,
        Tag::Figure | Tag::Figcaption => 23,
        Tag::Address => 24,
        Tag::Header => 25,
        Tag::Form | Tag::Fieldset | Tag::Legend => 26,
        Tag::Button => 27,
        Tag::Footer => 28,
        Tag::Aside => 29,
        Tag::Nav | Tag::Menu => 30,
        _ => 31,
    }
}

/// A rule as a number; 0 for none.
pub(super) fn rule_code(rule: Option<CutRule>) -> i64 {
    match rule {
        None => 0,
        Some(CutRule::NotText) => 1,
        Some(CutRule::Hidden) => 2,
        Some(CutRule::Navigation) => 3,
        Some(CutRule::Footer) => 4,
        Some(CutRule::Sidebar) => 5,
        Some(CutRule::Advertisement) => 6,
        Some(CutRule::Overlay) => 7,
        Some(CutRule::Share) => 8,
        Some(CutRule::Related) => 9,
        Some(CutRule::Comments) => 10,
        Some(CutRule::Byline) => 11,
        Some(CutRule::Caption) => 12,
        Some(CutRule::EmptySection) => 13,
        Some(CutRule::Gutter) => 14,
        Some(CutRule::LinkDense) => 15,
        Some(CutRule::OutsideMain) => 16,
        Some(CutRule::Unlikely) => 17,
        Some(CutRule::MainHeading) => 18,
    }
}
