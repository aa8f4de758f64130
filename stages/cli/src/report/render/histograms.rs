//! Histograms with labelled axes as inline SVG, each with a table of its numbers.
//!
//! Invariant: every counted bin is drawn, none merged or omitted, so that two reports can be compared by eye.

use std::fmt::Write as _;

use super::scroll_box::scroll_box;
use crate::report::histogram::Histogram;
use corpusmill_page::{Text, grouped, number, percent_of, plural, ratio};

/// Size and margins of the drawing, in view box units.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;

/// Renders the section's content.
pub(super) fn section(histograms: &[Histogram]) -> String {
    if histograms.is_empty() {
        return "<p>Nothing was measured.</p>".to_owned();
    }
    let mut out = String::from("<div class=\"plots\">");
    for histogram in histograms {
        let _ = write!(out, "<figure><figcaption><h3>{}</h3>", Text(&histogram.title));
        if histogram.counts.iter().all(|count| *count == 0) {
            out.push_str("<p class=\"soft\">No values.</p></figcaption></figure>");
            continue;
        }
        let axis = Axis::of(histogram);
        let summary = summary(histogram, &axis);
        let _ =
            write!(out, "<p class=\"soft\">{}</p></figcaption>{}", Text(&summary), drawing(histogram, &axis, &summary));
        let name = format!("Numbers: {}", histogram.title);
        let _ = write!(
            out,
            "<details><summary>As a table</summary>{}</details></figure>",
            scroll_box(&name, &table(histogram, &axis))
        );
    }
    out.push_str("</div>");
    out
}

/// How bin bounds are labelled.
enum Axis {
    /// Bins double in width; the last bin has no upper bound.
    Powers,
    /// Bins of any other width; holds the upper bound of the last bin.
    Plain(f64),
}

impl Axis {
    fn of(histogram: &Histogram) -> Self {
        let bounds = &histogram.bounds;
        let doubles = |pair: &[f64]| (pair[1] - pair[0] * 2.0).abs() < f64::EPSILON;
        if bounds.len() > 2 && bounds[0] > 0.0 && bounds.windows(2).all(doubles) {
            return Self::Powers;
        }
        let last = bounds.last().copied().unwrap_or(0.0);
        let before = bounds.len().checked_sub(2).map_or(0.0, |index| bounds[index]);
        Self::Plain(last + (last - before))
    }

    fn label(&self, bound: f64) -> String {
        match self {
            Self::Powers => binary(bound),
            // Removes rounding errors such as 0.15000000000000002.
            Self::Plain(_) => number((bound * 1000.0).round() / 1000.0),
        }
    }

    /// Describes the range of a bin; the first bin by powers also holds smaller values.
    fn range(&self, bounds: &[f64], bin: usize) -> String {
        match (self, bounds.get(bin + 1)) {
            (Self::Powers, None) => format!("{} and more", self.label(bounds[bin])),
            (Self::Powers, Some(next)) if bin == 0 => format!("below {}", self.label(*next)),
            (_, Some(next)) => format!("{} to {}", self.label(bounds[bin]), self.label(*next)),
            (Self::Plain(end), None) => format!("{} to {}", self.label(bounds[bin]), self.label(*end)),
        }
    }
}

/// Formats a power of two with binary prefixes: `1`, `64`, `1k`, `4k`, `1M`.
fn binary(bound: f64) -> String {
    let mut value = bound;
    for prefix in ["", "k", "M", "G"] {
        if value < 1024.0 {
            return format!("{}{prefix}", number(value));
        }
        value /= 1024.0;
    }
    format!("{}T", number(value))
}

/// The unit after the last comma of a title: `length of kept documents, bytes`.
fn unit(title: &str) -> &str {
    title.rsplit_once(", ").map_or("value", |(_, unit)| unit)
}

fn summary(histogram: &Histogram, axis: &Axis) -> String {
    let all = histogram.counts.iter().fold(0u128, |sum, count| sum + u128::from(*count));
    let mut seen = 0u128;
    let median = histogram.counts.iter().position(|count| {
        seen += u128::from(*count);
        seen * 2 >= all
    });
    let median = median.filter(|bin| *bin < histogram.bounds.len()).unwrap_or(0);
    let range = histogram.bounds.get(median).map(|_| axis.range(&histogram.bounds, median)).unwrap_or_default();
    format!("{}; the median lies in {range}.", plural(u64::try_from(all).unwrap_or(u64::MAX), "value"))
}

/// Rounds a count up to 1, 2, 4, 6, 8 or 10 times a power of ten.
fn ceiling(count: u64) -> u64 {
    let mut scale = 1u64;
    loop {
        for step in [1, 2, 4, 6, 8] {
            match scale.checked_mul(step) {
                Some(top) if top >= count => return top,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        let Some(next) = scale.checked_mul(10) else { return u64::MAX };
        scale = next;
    }
}

/// Formats a count for an axis: `800`, `12k`, `1.5M`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn short(count: u64) -> String {
    let mut value = count as f64;
    for suffix in ["", "k", "M", "G", "T", "P"] {
        if value < 999.95 {
            return format!("{}{suffix}", number((value * 10.0).round() / 10.0));
        }
        value /= 1000.0;
    }
    format!("{}E", number((value * 10.0).round() / 10.0))
}

fn drawing(histogram: &Histogram, axis: &Axis, summary: &str) -> String {
    let highest = ceiling(histogram.counts.iter().copied().max().unwrap_or(0));
    let note = if matches!(axis, Axis::Powers) { " (bins double; k = 1,024)" } else { "" };
    format!(
        "<svg class=\"plot\" role=\"img\" viewBox=\"0 0 {:.0} {:.0}\"><title>{}: {}</title>{}{}{}\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}{note}</text></svg>",
        LEFT + WIDTH + RIGHT,
        TOP + HEIGHT + BOTTOM,
        Text(&histogram.title),
        Text(summary),
        count_axis(highest),
        columns(histogram, highest),
        value_axis(histogram, axis),
        LEFT + WIDTH / 2.0,
        TOP + HEIGHT + BOTTOM - 6.0,
        Text(unit(&histogram.title))
    )
}

fn count_axis(highest: u64) -> String {
    let mut out = String::from("<text x=\"2\" y=\"12\">documents</text>");
    let middle = if highest > 1 { highest / 2 } else { highest };
    for tick in [0, middle, highest] {
        let y = TOP + HEIGHT * (1.0 - ratio(tick, highest));
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 4.0,
            short(tick)
        );
    }
    out
}

fn columns(histogram: &Histogram, highest: u64) -> String {
    let mut out = String::new();
    let bins = histogram.bounds.len();
    for (bin, count) in histogram.counts.iter().take(bins).enumerate().filter(|(_, count)| **count > 0) {
        let size = (HEIGHT * ratio(*count, highest)).clamp(1.0, HEIGHT);
        let _ = write!(
            out,
            "<rect class=\"kept\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{size:.1}\"/>",
            edge(bin, bins) + 0.5,
            TOP + HEIGHT - size,
            (edge(1, bins) - LEFT - 1.0).max(0.5)
        );
    }
    out
}

fn value_axis(histogram: &Histogram, axis: &Axis) -> String {
    let mut out = String::new();
    let bins = histogram.bounds.len();
    // At most fourteen labels, so that they do not overlap.
    let (every, end) = match axis {
        Axis::Powers => (2, None),
        Axis::Plain(end) => (4, Some(*end)),
    };
    let bounds = histogram.bounds.iter().copied().chain(end);
    for (index, bound) in bounds.enumerate().step_by(every.max(bins.div_ceil(13))) {
        let (x, y) = (edge(index, bins), TOP + HEIGHT);
        let _ = write!(
            out,
            "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y + 4.0,
            y + 16.0,
            axis.label(bound)
        );
    }
    out
}

/// The left edge of a bin, from the left of the drawing.
#[expect(clippy::cast_precision_loss, reason = "a histogram has tens of bins")]
fn edge(bin: usize, bins: usize) -> f64 {
    LEFT + WIDTH * bin as f64 / bins.max(1) as f64
}

fn table(histogram: &Histogram, axis: &Axis) -> String {
    let all = histogram.counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
    let mut out = format!(
        "<table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\" class=\"n\">Documents</th>\
         <th scope=\"col\" class=\"n\">Share</th></tr></thead><tbody>",
        Text(unit(&histogram.title))
    );
    for (bin, count) in histogram.counts.iter().enumerate().take(histogram.bounds.len()) {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            axis.range(&histogram.bounds, bin),
            grouped(*count),
            percent_of(*count, all)
        );
    }
    out.push_str("</tbody></table>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(by_powers: bool, values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new("length of kept documents, bytes", by_powers);
        for value in values {
            histogram.add(*value);
        }
        histogram
    }

    #[test]
    fn powers_of_two_are_named_by_binary_prefixes() {
        let lengths = histogram(true, &[1.0, 300.0, 300.0, 1e9]);
        let page = section(std::slice::from_ref(&lengths));
        for shown in [
            ">1</text>",
            ">4</text>",
            ">256</text>",
            ">1k</text>",
            ">4k</text>",
            ">256k</text>",
            ">1M</text>",
            ">16M</text>",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(page.contains("4 values; the median lies in 256 to 512."), "{page}");
        assert!(page.contains("<th scope=\"row\">below 2</th><td class=\"n\">1</td><td class=\"n\">25.0 %</td>"));
        assert!(page.contains("<th scope=\"row\">16M and more</th><td class=\"n\">1</td>"));
        assert_eq!(page.matches("class=\"kept\"").count(), 3);
    }

    #[test]
    fn shares_end_at_one() {
        let page = section(&[histogram(false, &[0.16, 1.0])]);
        assert!(page.contains(">0</text>") && page.contains(">0.2</text>") && page.contains(">1</text>"), "{page}");
        assert!(page.contains("<th scope=\"row\">0.15 to 0.2</th><td class=\"n\">1</td>"), "{page}");
        assert!(page.contains("<th scope=\"row\">0.95 to 1</th><td class=\"n\">1</td>"));
    }

    #[test]
    fn odd_histograms_are_drawn_or_left_out() {
        assert!(section(&[]).contains("Nothing was measured"));
        assert!(section(&[histogram(true, &[])]).contains("No values"));
        let odd = Histogram { title: "<i>".to_owned(), bounds: vec![], counts: vec![u64::MAX, u64::MAX], count: 2 };
        let page = section(&[odd]);
        assert!(page.contains("&lt;i&gt;") && !page.contains("NaN") && !page.contains("inf"), "{page}");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0, 1, 3, 11, 61, 1000, 1001].map(ceiling), [1, 1, 4, 20, 80, 1000, 2000]);
        assert!(ceiling(u64::MAX) >= u64::MAX / 2);
        assert_eq!([0, 800, 1500, 20_000, 1_000_000].map(short).join(" "), "0 800 1.5k 20k 1M");
    }
}
