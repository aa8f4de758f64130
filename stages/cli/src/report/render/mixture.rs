//! The mixture: the requested and the actual share of each source.
//!
//! Invariant: a shortfall of tokens is stated in words before any number of the mixture.

use std::fmt::Write as _;

use super::charts::{bar, outlined};
use super::scroll_box::scroll_box;
use crate::report::data::{MixtureRow, ReportData};
use corpusmill_page::{Text, grouped, percent, percent_of, plural, total};

/// Renders the section's content.
pub(super) fn section(data: &ReportData) -> String {
    let mut out = shortfall(data.scheduled_tokens, data.shortfall);
    if data.mixture.is_empty() {
        out.push_str("<p>The corpus has no source.</p>");
        return out;
    }
    out.push_str(
        "<p class=\"note\">Shares are of tokens over the whole schedule. Above, outlined: requested. Below, filled: actual. \
         The longest bar has full width.</p>",
    );
    out.push_str(&pairs(&data.mixture));
    out.push_str(&scroll_box("The mixture in numbers", &table(&data.mixture)));
    out
}

fn shortfall(scheduled: u64, shortfall: u64) -> String {
    let requested = scheduled.saturating_add(shortfall);
    if shortfall > 0 {
        return format!(
            "<p class=\"notice\"><b>Short by {} ({}).</b> The mixture requests {}; {} could be scheduled, because sources \
             ran out at the number of passes that the recipe allows. Nothing was repeated to fill the gap.</p>",
            plural(shortfall, "token"),
            percent_of(shortfall, requested),
            plural(requested, "token"),
            grouped(scheduled)
        );
    }
    if scheduled == 0 {
        return "<p>No token is scheduled.</p>".to_owned();
    }
    format!("<p>All {} that the mixture requests are scheduled; there is no shortfall.</p>", plural(scheduled, "token"))
}

fn pairs(rows: &[MixtureRow]) -> String {
    let shares = rows.iter().flat_map(|row| [row.requested, row.actual]).filter(|share| share.is_finite());
    let most = shares.fold(0.0, f64::max);
    let scaled = |share: f64| if most > 0.0 { share / most } else { 0.0 };
    let mut out = String::from("<ul class=\"pairs\">");
    for row in rows {
        let (requested, actual) = (percent(row.requested), percent(row.actual));
        // The shares may contain character references (`&lt;`), which the title would escape again.
        let title = |verb: &str, share: &str| {
            format!("{}: {verb} {}", row.source, share.replace("&lt;", "<").replace("&gt;", ">"))
        };
        let _ = write!(
            out,
            "<li><span class=\"name\">{}</span><span class=\"pair\">{}{}</span>\
             <span class=\"figures\">requested {requested}<br>actual {actual}</span></li>",
            Text(&row.source),
            outlined(scaled(row.requested), &title("requested", &requested)),
            bar(scaled(row.actual), &title("actual", &actual)),
        );
    }
    out.push_str("</ul>");
    out
}

fn table(rows: &[MixtureRow]) -> String {
    let mut out = String::from(
        "<table><thead><tr><th scope=\"col\">Source</th><th scope=\"col\" class=\"n\">Documents</th>\
         <th scope=\"col\" class=\"n\">Training tokens</th><th scope=\"col\" class=\"n\">Validation tokens</th>\
         <th scope=\"col\" class=\"n\">Requested</th><th scope=\"col\" class=\"n\">Actual</th>\
         <th scope=\"col\" class=\"n\">Difference</th><th scope=\"col\" class=\"n\">Epochs</th></tr></thead><tbody>",
    );
    for row in rows {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Text(&row.source),
            grouped(row.documents),
            grouped(row.train_tokens),
            grouped(row.validation_tokens),
            percent(row.requested),
            percent(row.actual),
            points(row.actual - row.requested),
            epochs(row.epochs),
        );
    }
    let _ = write!(
        out,
        "</tbody><tfoot><tr><th scope=\"row\">Total</th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td></td><td></td></tr></tfoot></table>",
        grouped(total(rows.iter().map(|row| row.documents))),
        grouped(total(rows.iter().map(|row| row.train_tokens))),
        grouped(total(rows.iter().map(|row| row.validation_tokens))),
        percent(rounded(rows.iter().map(|row| row.requested).sum())),
        percent(rounded(rows.iter().map(|row| row.actual).sum())),
    );
    out
}

/// Removes the rounding error of a sum of shares that were rounded to six decimals.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

/// Formats a difference of shares in percentage points, with its sign.
fn points(difference: f64) -> String {
    let points = difference * 100.0;
    match points {
        points if !points.is_finite() => "–".to_owned(),
        points if points.abs() < 0.05 => "0.0 pp".to_owned(),
        points if points < 0.0 => format!("−{:.1} pp", points.abs()),
        points => format!("+{points:.1} pp"),
    }
}

fn epochs(epochs: f64) -> String {
    match epochs {
        epochs if !epochs.is_finite() => "–".to_owned(),
        epochs if epochs > 0.0 && epochs < 0.005 => "&lt; 0.01".to_owned(),
        epochs => format!("{epochs:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortfall_is_stated_in_words() {
        let text = shortfall(1_500, 500);
        assert!(
            text.contains("Short by 500 tokens (25.0 %)") && text.contains("requests 2,000 tokens; 1,500 could"),
            "{text}"
        );
        assert!(shortfall(7, 0).contains("All 7 tokens"));
        assert!(shortfall(0, 0).contains("No token is scheduled"));
        assert!(shortfall(u64::MAX, u64::MAX).contains("100.0 %"));
    }

    #[test]
    fn differences_have_a_sign() {
        assert_eq!([0.0, 0.125, -0.125, f64::NAN].map(points).join(" | "), "0.0 pp | +12.5 pp | −12.5 pp | –");
        assert_eq!([0.0, 0.001, 3.999, f64::INFINITY].map(epochs).join(" | "), "0.00 | &lt; 0.01 | 4.00 | –");
    }

    #[test]
    fn pairs_share_one_scale() {
        let row = |source: &str, requested, actual| MixtureRow {
            source: source.to_owned(),
            documents: 1,
            train_tokens: 1_000,
            validation_tokens: 10,
            requested,
            actual,
            epochs: 1.0,
            licences: std::collections::BTreeMap::new(),
        };
        let page = pairs(&[row("a", 0.5, 0.25), row("b", 0.0001, 0.0)]);
        assert!(page.contains("<title>a: requested 50.0 %</title>") && page.contains("width=\"50.00%\""), "{page}");
        assert!(page.contains("<title>b: requested &lt; 0.1 %</title>"), "{page}");
        assert!(table(&vec![row("a", 0.333_333, 0.333_333); 3]).contains("<td class=\"n\">100.0 %</td>"));
        let numbers = table(&[row("a", 0.5, 0.25), row("b", 0.5, 0.75)]);
        assert!(
            numbers.contains("<td class=\"n\">2,000</td><td class=\"n\">20</td><td class=\"n\">100.0 %</td>"),
            "{numbers}"
        );
    }
}
