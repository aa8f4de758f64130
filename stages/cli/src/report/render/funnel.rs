//! The funnel from the documents read to the documents in the corpus, and the numbers of each stage.
//!
//! Invariant: all levels of a drawing share one scale.

use std::fmt::Write as _;

use super::charts::{level, slope, split};
use super::scroll_box::scroll_box;
use crate::report::data::FunnelRow;
use corpusmill_page::{Text, bytes, grouped, percent_of, plural, ratio, total};

/// Maximum number of sources whose details are expanded.
const MAX_EXPANDED_SOURCES: usize = 8;

/// The stages of one source, or the shared stages.
pub(super) struct StageGroup<'a> {
    /// The source's name; `None` for the shared stages.
    pub(super) source: Option<&'a str>,
    /// The rows, in plan order.
    pub(super) rows: Vec<&'a FunnelRow>,
}

/// Groups rows by source, in plan order; the shared stages are last.
///
/// A path is `SOURCE/STAGE`; shared stages are `all/STAGE`, or have no slash (`tokenize`, `mix`).
pub(super) fn groups(rows: &[FunnelRow]) -> Vec<StageGroup<'_>> {
    let mut sources: Vec<StageGroup<'_>> = Vec::new();
    let mut shared = StageGroup { source: None, rows: Vec::new() };
    for row in rows {
        match row.path.split_once('/').filter(|(prefix, _)| *prefix != "all") {
            None => shared.rows.push(row),
            Some((name, _)) => match sources.iter_mut().find(|group| group.source == Some(name)) {
                Some(group) => group.rows.push(row),
                None => sources.push(StageGroup { source: Some(name), rows: vec![row] }),
            },
        }
    }
    if !shared.rows.is_empty() {
        sources.push(shared);
    }
    sources
}

/// Number of documents and bytes that the sources' first stages read.
pub(super) fn read(groups: &[StageGroup<'_>]) -> (u64, u64) {
    let first = |group: &StageGroup<'_>| group.rows.first().map(|row| (row.rows_in, row.bytes_in));
    sum(groups.iter().filter(|group| group.source.is_some()).filter_map(first))
}

fn sum(pairs: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    pairs.fold((0, 0), |(rows, bytes), pair| (rows.saturating_add(pair.0), bytes.saturating_add(pair.1)))
}

/// A level of the drawing: name, documents, bytes.
struct Level {
    name: String,
    rows: u64,
    bytes: u64,
}

fn levels(groups: &[StageGroup<'_>]) -> Vec<Level> {
    let mut levels = Vec::new();
    let sources: Vec<&StageGroup<'_>> = groups.iter().filter(|group| group.source.is_some()).collect();
    if !sources.is_empty() {
        let (rows, bytes) = read(groups);
        let count = u64::try_from(sources.len()).unwrap_or(u64::MAX);
        levels.push(Level { name: format!("read from {}", plural(count, "source")), rows, bytes });
        let last = |group: &&StageGroup<'_>| group.rows.last().map(|row| (row.rows_out, row.bytes_out));
        let (rows, bytes) = sum(sources.iter().filter_map(last));
        levels.push(Level { name: "after each source’s stages".to_owned(), rows, bytes });
    }
    for row in groups.iter().filter(|group| group.source.is_none()).flat_map(|group| &group.rows) {
        levels.push(Level { name: format!("after {}", label(row)), rows: row.rows_out, bytes: row.bytes_out });
    }
    levels
}

/// A stage's path without its source: `clean`, `filter/lines`.
fn label(row: &FunnelRow) -> &str {
    row.path.split_once('/').map_or(row.path.as_str(), |(_, rest)| rest)
}

/// Bytes of text; a dash if the documents no longer have text (tokens).
fn text_bytes(rows: u64, count: u64) -> String {
    if rows > 0 && count == 0 { "–".to_owned() } else { bytes(count) }
}

/// Renders the section's content.
pub(super) fn section(rows: &[FunnelRow]) -> String {
    let groups = groups(rows);
    if groups.is_empty() {
        return "<p>No stage is recorded.</p>".to_owned();
    }
    let mut out = drawing(&levels(&groups));
    out.push_str(
        "<h3>Stage by stage</h3><p class=\"note\">In each bar, the filled part was kept and the outlined part was rejected at \
         that stage; a full bar is the input of the group’s first stage. Bytes are bytes of text; a dash means that \
                  the text has been tokenized.</p>",
    );
    let sources = groups.iter().filter(|group| group.source.is_some()).count();
    for group in &groups {
        out.push_str(&stages(group, sources <= MAX_EXPANDED_SOURCES || group.source.is_none()));
    }
    out
}

fn drawing(levels: &[Level]) -> String {
    let widest = levels.iter().map(|level| level.rows).max().unwrap_or(0);
    let mut out = String::from("<ol class=\"funnel\">");
    for (index, this) in levels.iter().enumerate() {
        let share = ratio(this.rows, widest);
        let title = format!("{} {}", plural(this.rows, "document"), this.name);
        let rejected = index.checked_sub(1).map_or(0, |before| levels[before].rows.saturating_sub(this.rows));
        let _ = write!(out, "<li>");
        if let Some(before) = index.checked_sub(1) {
            out.push_str(&slope(ratio(levels[before].rows, widest), share));
        }
        let _ = write!(
            out,
            "<span class=\"name\">{}</span>{}<span class=\"figures\"><b>{}</b> <span class=\"soft\">{}{}</span></span></li>",
            Text(&this.name),
            level(share, &title),
            plural(this.rows, "document"),
            if this.rows > 0 && this.bytes == 0 { "as tokens".to_owned() } else { bytes(this.bytes) },
            if rejected > 0 { format!(" · {} rejected", grouped(rejected)) } else { String::new() },
        );
    }
    out.push_str("</ol>");
    out
}

fn stages(group: &StageGroup<'_>, open: bool) -> String {
    let name = group.source.unwrap_or("All sources together");
    let begun = group.rows.first().map_or(0, |row| row.rows_in);
    let ended = group.rows.last().map_or(0, |row| row.rows_out);
    let mut table = String::from(
        "<table class=\"stages\"><thead><tr><th scope=\"col\">Stage</th>\
         <th scope=\"col\" class=\"n\">In</th><th scope=\"col\" class=\"n\">Rejected</th>\
         <th scope=\"col\" class=\"n\">Kept</th><th scope=\"col\" class=\"n\">Share kept</th>\
         <th scope=\"col\" class=\"wide\">Kept and rejected</th>\
         <th scope=\"col\" class=\"n\">Bytes in</th><th scope=\"col\" class=\"n\">Bytes kept</th></tr></thead><tbody>",
    );
    for row in &group.rows {
        let title = format!(
            "{}: {} in, {} rejected, {} kept",
            label(row),
            grouped(row.rows_in),
            grouped(row.rejected),
            grouped(row.rows_out)
        );
        let _ = write!(
            table,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Text(label(row)),
            grouped(row.rows_in),
            grouped(row.rejected),
            grouped(row.rows_out),
            percent_of(row.rows_out, row.rows_in),
            split(row.rows_out, row.rejected, begun, &title),
            text_bytes(row.rows_in, row.bytes_in),
            text_bytes(row.rows_out, row.bytes_out),
        );
    }
    table.push_str("</tbody></table>");
    format!(
        "<details class=\"group\"{}><summary><b>{}</b> <span class=\"soft\">{} → {}, {} kept</span></summary>{}</details>",
        if open { " open" } else { "" },
        Text(name),
        grouped(begun),
        plural(ended, "document"),
        percent_of(ended, begun),
        scroll_box(&format!("Stages of {name}"), &table)
    )
}

/// Number of documents rejected by all stages.
pub(super) fn rejected(rows: &[FunnelRow]) -> u64 {
    total(rows.iter().map(|row| row.rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, rows_in: u64, rejected: u64) -> FunnelRow {
        let stage = path.rsplit('/').next().unwrap_or_default().to_owned();
        let rows_out = rows_in - rejected;
        FunnelRow {
            path: path.to_owned(),
            stage,
            rows_in,
            bytes_in: rows_in * 100,
            rejected,
            rows_out,
            bytes_out: rows_out * 100,
            seconds: 1.5,
        }
    }

    #[test]
    fn sources_precede_shared_stages() {
        let rows = [
            row("all/dedup", 900, 90),
            row("a/read", 500, 0),
            row("b/read", 500, 0),
            row("a/filter/lines", 500, 100),
            row("mix", 810, 0),
        ];
        let groups = groups(&rows);
        let names: Vec<_> = groups.iter().map(|group| (group.source, group.rows.len())).collect();
        assert_eq!(names, [(Some("a"), 2), (Some("b"), 1), (None, 2)]);
        assert_eq!(read(&groups), (1000, 100_000));
        let levels: Vec<_> = levels(&groups).into_iter().map(|level| (level.name, level.rows)).collect();
        let names =
            ["read from 2 sources", "after each source’s stages", "after dedup", "after mix"].map(str::to_owned);
        assert_eq!(levels, names.into_iter().zip([1000, 900, 810, 810]).collect::<Vec<_>>());
        assert_eq!(rejected(&rows), 190);
    }

    #[test]
    fn the_numbers_of_a_stage_are_shown() {
        let page = section(&[row("a/read", 2000, 500)]);
        for shown in [
            "2,000 → 1,500 documents, 75.0 % kept",
            "<td class=\"n\">500</td>",
            "200.0 kB",
            "150.0 kB",
            "· 500 rejected",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("1.5"), "the page does not show seconds, which vary between runs");
    }

    #[test]
    fn empty_funnel_says_so() {
        assert!(section(&[]).contains("No stage"));
        assert!(section(&[row("a/read", 0, 0)]).contains("0 → 0 documents, – kept"));
    }
}
