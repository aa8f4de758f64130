//! The provenance of the corpus: licences by source, snapshots by digest.
//!
//! Invariant: the licence list is complete; long lists are collapsed, never truncated.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::scroll_box::scroll_box;
use crate::report::data::MixtureRow;
use corpusmill_page::{Text, clipped, grouped, percent_of, plural, total};

/// Maximum number of licences, over all sources, that are shown expanded.
const MAX_EXPANDED_LICENCES: usize = 40;
/// Maximum number of characters shown of a licence expression, a digest or a variant.
const MAX_NAME_CHARACTERS: usize = 200;

/// Renders the licences of each source.
pub(super) fn licences(rows: &[MixtureRow]) -> String {
    if rows.is_empty() {
        return "<p>The corpus has no source.</p>".to_owned();
    }
    let open = rows.iter().map(|row| row.licences.len()).sum::<usize>() <= MAX_EXPANDED_LICENCES;
    let mut out = String::from("<p class=\"note\">Documents in the corpus by recorded licence, for each source.</p>");
    for row in rows {
        let count = u64::try_from(row.licences.len()).unwrap_or(u64::MAX);
        let _ = write!(
            out,
            "<details class=\"group\"{}><summary><b>{}</b> <span class=\"soft\">{}, {}</span></summary>{}</details>",
            if open { " open" } else { "" },
            Text(&row.source),
            plural(count, "licence"),
            plural(row.documents, "document"),
            ledger(&row.source, row.documents, &row.licences)
        );
    }
    out
}

fn ledger(source: &str, documents: u64, licences: &BTreeMap<String, u64>) -> String {
    if licences.is_empty() {
        return "<p class=\"soft\">No licence is recorded.</p>".to_owned();
    }
    let mut rows: Vec<(&String, u64)> = licences.iter().map(|(name, count)| (name, *count)).collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all = documents.max(total(licences.values().copied()));
    let mut table = String::from(
        "<table><thead><tr><th scope=\"col\">Licence</th><th scope=\"col\" class=\"n\">Documents</th>\
         <th scope=\"col\" class=\"n\">Share</th></tr></thead><tbody>",
    );
    for (name, count) in rows {
        let _ = write!(
            table,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Text(&clipped(name, MAX_NAME_CHARACTERS)),
            grouped(count),
            percent_of(count, all)
        );
    }
    table.push_str("</tbody></table>");
    scroll_box(&format!("Licences of {source}"), &table)
}

/// Renders the snapshots.
pub(super) fn snapshots(snapshots: &[(String, String, Option<String>)]) -> String {
    if snapshots.is_empty() {
        return "<p>The corpus names no snapshot.</p>".to_owned();
    }
    let mut table = String::from(
        "<table><thead><tr><th scope=\"col\">Source</th><th scope=\"col\">Snapshot digest</th>\
         <th scope=\"col\">Variant</th></tr></thead><tbody>",
    );
    for (source, digest, variant) in snapshots {
        let _ = write!(
            table,
            "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td>{}</td></tr>",
            Text(source),
            Text(&clipped(digest, MAX_NAME_CHARACTERS)),
            Text(&variant.as_deref().map_or_else(|| "–".to_owned(), |variant| clipped(variant, MAX_NAME_CHARACTERS)))
        );
    }
    table.push_str("</tbody></table>");
    format!(
        "<p class=\"note\">Each source was read from an immutable snapshot, identified by the digest of its content.</p>{}",
        scroll_box("Snapshots", &table)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, licences: &[(&str, u64)]) -> MixtureRow {
        MixtureRow {
            source: name.to_owned(),
            documents: 100,
            train_tokens: 0,
            validation_tokens: 0,
            requested: 0.0,
            actual: 0.0,
            epochs: 0.0,
            licences: licences.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        }
    }

    #[test]
    fn licences_are_sorted_by_size() {
        let page = licences(&[source("a", &[("Apache-2.0", 10), ("MIT", 60), ("<b>", 30)]), source("b", &[])]);
        let place = |shown: &str| page.find(shown).unwrap_or_else(|| panic!("{shown}: {page}"));
        assert!(place("MIT") < place("&lt;b&gt;") && place("&lt;b&gt;") < place("Apache-2.0"));
        assert!(page.contains("<td class=\"n\">60</td><td class=\"n\">60.0 %</td>"));
        assert!(page.contains("No licence is recorded"));
        assert_eq!(page.matches("<details class=\"group\" open>").count(), 2);
        let many: Vec<(String, u64)> = (0..50).map(|index| (format!("L-{index}"), index)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        let page = licences(&[source("a", &many)]);
        assert!(!page.contains(" open>") && page.matches("scope=\"row\"").count() == 50);
    }

    #[test]
    fn snapshots_are_named_by_digest() {
        let rows =
            [("a".to_owned(), "blake3:00ff".to_owned(), None), ("b".to_owned(), "x".to_owned(), Some("1%".to_owned()))];
        let page = snapshots(&rows);
        assert!(page.contains("<code>blake3:00ff</code></td><td>–</td>") && page.contains("<td>1%</td>"));
        assert!(snapshots(&[]).contains("no snapshot"));
    }
}
