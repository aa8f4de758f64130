//! Bars as inline SVG, sized in per cent, so that they scale with the page and appear in print.
//!
//! Invariant: no shape extends beyond its frame for any numbers. Kept is filled and rejected is outlined, so that the
//! charts do not depend on colour.

use corpusmill_page::{Text, ratio};

/// A share as a width in per cent, clamped to 0 to 100; a share above 0 has a visible minimum width.
fn width(share: f64) -> f64 {
    if share.is_nan() || share <= 0.0 { 0.0 } else { (share * 100.0).clamp(0.4, 100.0) }
}

/// A filled bar of `share` (0 to 1) of the width; `title` is its accessible description.
pub(super) fn bar(share: f64, title: &str) -> String {
    single_bar(share, "kept", title)
}

/// An outlined bar: a requested share or a rejected share.
pub(super) fn outlined(share: f64, title: &str) -> String {
    single_bar(share, "gone", title)
}

fn single_bar(share: f64, class: &str, title: &str) -> String {
    format!(
        "<svg class=\"bar\" role=\"img\"><title>{}</title><rect class=\"track\" width=\"100%\" height=\"100%\"/>\
         <rect class=\"{class}\" width=\"{:.2}%\" height=\"100%\"/></svg>",
        Text(title),
        width(share)
    )
}

/// A bar of two parts, kept and then rejected, both relative to `whole`.
pub(super) fn split(kept: u64, rejected: u64, whole: u64, title: &str) -> String {
    let kept_width = width(ratio(kept, whole));
    let gone_width = width(ratio(rejected, whole));
    let start = kept_width.min(100.0 - gone_width);
    format!(
        "<svg class=\"bar\" role=\"img\"><title>{}</title><rect class=\"track\" width=\"100%\" height=\"100%\"/>\
         <rect class=\"kept\" width=\"{start:.2}%\" height=\"100%\"/>\
         <rect class=\"gone\" x=\"{start:.2}%\" width=\"{gone_width:.2}%\" height=\"100%\"/></svg>",
        Text(title)
    )
}

/// A level of a funnel: a centred bar.
pub(super) fn level(share: f64, title: &str) -> String {
    let width = width(share);
    format!(
        "<svg class=\"level\" role=\"img\"><title>{}</title>\
         <rect class=\"kept\" x=\"{:.2}%\" width=\"{width:.2}%\" height=\"100%\"/></svg>",
        Text(title),
        (100.0 - width) / 2.0
    )
}

/// The slope between two levels of a funnel.
pub(super) fn slope(from: f64, to: f64) -> String {
    let (from, to) = (width(from) / 2.0, width(to) / 2.0);
    format!(
        "<svg class=\"slope\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <polygon points=\"{:.2},0 {:.2},0 {:.2},10 {:.2},10\"/></svg>",
        50.0 - from,
        50.0 + from,
        50.0 + to,
        50.0 - to
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bars_show_shares() {
        assert!(bar(0.25, "a <b>").contains("<title>a &lt;b&gt;</title>"));
        assert!(bar(0.25, "").contains("class=\"kept\" width=\"25.00%\""));
        assert!(bar(f64::NAN, "").contains("class=\"kept\" width=\"0.00%\""));
        assert!(bar(1e-9, "").contains("class=\"kept\" width=\"0.40%\""));
        assert!(bar(f64::INFINITY, "").contains("class=\"kept\" width=\"100.00%\""));
        assert!(split(3, 1, 4, "").contains("x=\"75.00%\" width=\"25.00%\""));
        assert!(split(0, 0, 0, "").contains("x=\"0.00%\" width=\"0.00%\""));
        assert!(slope(1.0, 0.5).contains("points=\"0.00,0 100.00,0 75.00,10 25.00,10\""));
    }

    proptest! {
        #[test]
        fn shapes_stay_in_the_frame(kept: u64, rejected: u64, whole: u64) {
            let shown = split(kept, rejected, whole, "");
            let numbers: Vec<f64> = shown.split('"').filter_map(|part| part.strip_suffix('%')?.parse().ok()).collect();
            // Track, kept, start and width of the rejected part.
            let [_, _, kept, _, start, gone, _] = numbers[..] else { panic!("{shown}") };
            prop_assert!(kept >= 0.0 && start >= 0.0 && gone >= 0.0 && start + gone <= 100.01);
        }
    }
}
