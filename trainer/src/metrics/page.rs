//! `train.html`: the curves of a run on one page without scripts or external resources.
//!
//! Drawn as SVG from the records of `metrics.jsonl`, in the reader's light or dark colour scheme. Invariant: the page
//! is a function of the records and the facts; all text is escaped.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use corpusmill_page::Text;

use super::record::Record;
use super::ticks::Ticks;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 10.0;
/// Maximum number of points per curve; longer curves are thinned evenly.
const MAX_POINTS: usize = 600;
/// Maximum number of points of a curve for which each point has a marker.
const MAX_MARKED_POINTS: usize = 30;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:920px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:2rem 0 .3rem}svg{width:100%;height:auto}
table{border-collapse:collapse}td,th{padding:.15rem 1rem .15rem 0;text-align:left;vertical-align:top}
th{font-weight:500;color:var(--soft)}td{overflow-wrap:anywhere}
.axis{stroke:var(--line)}text{fill:var(--soft);font-size:11px}.curve{fill:none;stroke-width:1.8}
.key span{display:inline-block;margin-right:1.2rem}.key i{display:inline-block;width:1.4rem;height:3px;vertical-align:middle;margin-right:.4rem}
pre{white-space:pre-wrap;border-left:3px solid var(--line);padding-left:.8rem}";

/// Colours that most colour-blind readers can distinguish (Okabe and Ito 2008), on light and dark backgrounds.
const COLOURS: [&str; 7] = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#9a8f00"];

/// Renders the page of a run: facts, one chart per measure, and texts that the model generated.
pub fn page(name: &str, facts: &[(String, String)], records: &[Record], samples: &[String]) -> String {
    let mut out = format!("<h1>{}</h1>\n<table>", Text(name));
    for (key, value) in facts {
        let _ = writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", Text(key), Text(value));
    }
    out.push_str("</table>\n");
    for (title, curves) in charts(records) {
        chart(&mut out, &title, &curves);
    }
    if !samples.is_empty() {
        out.push_str("<h2>Generated text</h2>\n");
    }
    for sample in samples {
        let _ = writeln!(out, "<pre>{}</pre>", Text(sample));
    }
    corpusmill_page::document(name, STYLE, &out)
}

/// The points of each curve of a chart, in a fixed order.
type Curves = BTreeMap<String, Vec<(f64, f64)>>;

fn charts(records: &[Record]) -> Vec<(String, Curves)> {
    let mut charts: BTreeMap<(usize, String), Curves> = BTreeMap::new();
    for record in records {
        #[expect(clippy::cast_precision_loss, reason = "a curve")]
        let step = record.step as f64;
        for (tag, value) in record.scalars() {
            let (position, title, curve, unit) = chart_of(&tag);
            let points = charts.entry((position, title)).or_default().entry(curve.to_owned()).or_default();
            points.extend(value.is_finite().then_some((step, value / unit)));
        }
    }
    charts.into_iter().map(|((_, title), curves)| (title, curves)).collect()
}

/// The chart of a tag: its position on the page, its title, the name of the curve, and the unit of its axis.
fn chart_of(tag: &str) -> (usize, String, &str, f64) {
    let mut parts = tag.splitn(3, '/');
    let (group, measure) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let title = match (group, measure, parts.next()) {
        (_, "loss", Some(source)) => return (2, format!("Loss by source, {group}"), source, 1.0),
        (_, "loss", None) => return (0, "Loss, nats per token".to_owned(), group, 1.0),
        (_, "bits_per_byte", _) => return (1, "Bits per byte".to_owned(), group, 1.0),
        ("memory", _, _) => return (3, "Memory in GB".to_owned(), "train", 1e9),
        (_, "mfu", _) => "Model FLOPs utilisation",
        (_, "tokens_per_second", _) => "Tokens per second",
        (_, "learning_rate", _) => "Learning rate",
        (_, "gradient_norm", _) => "Gradient norm",
        _ => measure,
    };
    (3, title.to_owned(), "train", 1.0)
}

fn chart(out: &mut String, title: &str, curves: &Curves) {
    let points = || curves.values().flatten();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        points()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (first, last) = bounds(|point| point.0);
    let (low, high) = bounds(|point| point.1);
    if !first.is_finite() || !low.is_finite() {
        return;
    }
    let ticks = Ticks::around(low, high);
    let (low, high) = ticks.range();
    let x = |step: f64| LEFT + (step - first) / (last - first).max(1.0) * (WIDTH - LEFT - 10.0);
    let y = |value: f64| HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP);
    let _ = write!(
        out,
        "<h2>{}</h2>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
        Text(title),
        Text(title)
    );
    for (value, label) in ticks.labelled() {
        let _ = writeln!(
            out,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{label}</text>",
            y(value),
            LEFT - 6.0,
            y(value) + 4.0,
        );
    }
    // Ticks are whole steps, and a curve fills the width, so those outside its range are not shown.
    let steps = Ticks::around(first, last.max(first + 5.0));
    for (step, label) in steps.labelled().filter(|(step, _)| (first..=last).contains(step)) {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            x(step).min(WIDTH - 20.0),
            HEIGHT - 8.0
        );
    }
    for (colour, points) in COLOURS.iter().cycle().zip(curves.values()) {
        let points: Vec<(f64, f64)> = points.iter().map(|&(step, value)| (x(step), y(value))).collect();
        curve(out, colour, &points);
    }
    out.push_str("</svg>\n<div class=\"key\">");
    for (colour, (name, points)) in COLOURS.iter().cycle().zip(curves) {
        let last = points.last().map_or(String::new(), |(_, value)| short(*value));
        let _ = write!(out, "<span><i style=\"background:{colour}\"></i>{}: {last}</span>", Text(name));
    }
    out.push_str("</div>\n");
}

/// Draws one curve from its coordinates. A line needs two points to be visible, so a short curve also shows its points.
fn curve(out: &mut String, colour: &str, points: &[(f64, f64)]) {
    let thin = points.len().div_ceil(MAX_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let shown = points.iter().enumerate().filter(|(position, _)| position % thin == 0 || *position == last);
    let path = shown.fold(String::new(), |mut path, (_, (x, y))| {
        let _ = write!(path, "{x:.1},{y:.1} ");
        path
    });
    let _ = writeln!(out, "<polyline class=\"curve\" stroke=\"{colour}\" points=\"{}\"/>", path.trim_end());
    for (x, y) in points.iter().filter(|_| points.len() <= MAX_MARKED_POINTS) {
        let _ = writeln!(out, "<circle fill=\"{colour}\" r=\"3\" cx=\"{x:.1}\" cy=\"{y:.1}\"/>");
    }
}

/// Formats a number with about four digits.
fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    if size >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_self_contained_and_escaped() {
        let records: Vec<Record> =
            (1..=2000).map(|step| Record::example(step, 8.0 / f64::from(u32::try_from(step).unwrap()))).collect();
        let facts = [("corpus".to_owned(), "<b>&".to_owned())];
        let page = page("run", &facts, &records, &["<script>".to_owned()]);
        for expected in
            ["Loss, nats per token", "Loss by source, train", "notes: 0.004", "&lt;b&gt;&amp;", "&lt;script&gt;"]
                .into_iter()
                .chain(["Tokens per second", "Memory in GB", "train: 1.074"])
        {
            assert!(page.contains(expected), "{expected}");
        }
        for outside in ["http:", "https:", "<script", "src=", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme:dark"));
        assert!(!page.contains("<circle"));
        let few = super::page("run", &[], &records[..1], &[]);
        assert!(few.contains("<circle") && few.matches(">1</text>").count() == few.matches("<svg").count(), "{few}");
        // Losses from 0.004 to 8, and steps from 1 to 2,000.
        for tick in ["end\">0</text>", "end\">8</text>", "middle\">500</text>", "middle\">2,000</text>"] {
            assert!(page.contains(tick), "{tick}");
        }
        assert!(page.len() < 200_000, "{}", page.len());
        // A value that is not finite leaves a gap, not a broken page.
        assert!(!super::page("run", &[], &[Record::example(1, f64::NAN)], &[]).contains("NaN"));
    }
}
