//! Rejection rates by language.
//!
//! Invariant: the rows add up to the total in the last row: languages beyond the first twenty are summed, not omitted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::charts::outlined;
use super::scroll_box::scroll_box;
use crate::report::data::LanguageRow;
use corpusmill_page::{Text, clipped, grouped, percent_of, plural, ratio, total};

/// Maximum number of languages shown by name.
const MAX_LANGUAGES_SHOWN: usize = 20;

/// Renders the section's content.
pub(super) fn section(languages: &BTreeMap<String, LanguageRow>) -> String {
    if languages.is_empty() {
        return "<p>No document is recorded.</p>".to_owned();
    }
    let mut rows: Vec<(&str, &LanguageRow)> = languages.iter().map(|(code, row)| (code.as_str(), row)).collect();
    // The sort is stable: languages of equal size stay in code order.
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(documents(row)));
    let mut table = String::from(
        "<table><thead><tr><th scope=\"col\">Language</th>\
         <th scope=\"col\" class=\"n\">Rejected share</th><th scope=\"col\" class=\"n\">Documents</th>\
         <th scope=\"col\" class=\"n\">Kept</th><th scope=\"col\" class=\"n\">Rejected</th>\
         <th scope=\"col\">Drawn</th></tr></thead><tbody>",
    );
    let (first, rest) = rows.split_at(rows.len().min(MAX_LANGUAGES_SHOWN));
    for (code, row) in first {
        let name = if *code == "none" { "none (not identified)".to_owned() } else { clipped(code, 40) };
        line(&mut table, &name, row);
    }
    if !rest.is_empty() {
        let count = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        line(&mut table, &plural(count, "more language"), &sum(rest));
    }
    table.push_str("</tbody><tfoot>");
    line(&mut table, "All languages", &sum(&rows));
    table.push_str("</tfoot></table>");
    format!(
        "<p class=\"note\">Largest languages first. Documents that were rejected before their language was known count as \
         not identified. A full bar means that every document was rejected.</p>{}",
        scroll_box("Rejection by language", &table)
    )
}

fn documents(row: &LanguageRow) -> u64 {
    row.kept.saturating_add(row.rejected)
}

fn sum(rows: &[(&str, &LanguageRow)]) -> LanguageRow {
    LanguageRow {
        kept: total(rows.iter().map(|(_, row)| row.kept)),
        rejected: total(rows.iter().map(|(_, row)| row.rejected)),
    }
}

fn line(table: &mut String, name: &str, row: &LanguageRow) {
    let all = documents(row);
    let title = format!("{name}: {} of {} rejected", grouped(row.rejected), plural(all, "document"));
    let _ = write!(
        table,
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td>{}</td></tr>",
        Text(name),
        percent_of(row.rejected, all),
        grouped(all),
        grouped(row.kept),
        grouped(row.rejected),
        outlined(ratio(row.rejected, all), &title),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_languages_are_summed() {
        let languages: BTreeMap<String, LanguageRow> =
            (0..25u64).map(|index| (format!("l{index:02}"), LanguageRow { kept: 100 + index, rejected: 10 })).collect();
        let page = section(&languages);
        assert!(page.contains("<th scope=\"row\">5 more languages</th>"), "{page}");
        // l00 to l04 are the smallest: 100 + 101 + 102 + 103 + 104 kept.
        assert!(page.contains(
            "<td class=\"n\">8.9 %</td><td class=\"n\">560</td><td class=\"n\">510</td><td class=\"n\">50</td>"
        ));
        assert!(page.contains("<td class=\"n\">3,050</td><td class=\"n\">2,800</td><td class=\"n\">250</td>"));
        let place = |code: &str| page.find(&format!(">{code}<"));
        assert!(place("l24") < place("l23") && place("l04").is_none());
    }

    #[test]
    fn a_language_without_documents_has_no_rate() {
        let page = section(&BTreeMap::from([("none".to_owned(), LanguageRow::default())]));
        assert!(page.contains("none (not identified)") && page.contains("<td class=\"n\">–</td>"));
        assert!(section(&BTreeMap::new()).contains("No document"));
    }
}
