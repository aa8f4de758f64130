//! `corpusmill why`: shows a document's path through the last run.

use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use clap::Args;
use corpusmill_pipeline::document::{optional_text, text_column};
use corpusmill_pipeline::store::{LocalStore, Table};
use corpusmill_pipeline::{DocumentId, StageError, UserError};
use corpusmill_terminal::wrap;

use crate::args::GlobalArgs;
use crate::console::print;
use crate::record::{NodeRecord, RunRecord, find_run, open_table};

/// Explain why a document was kept or rejected, with the measured values.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Id of the document, or its origin: a URL, a path, `crate:name-version/path`.
    #[arg(value_name = "ID|URL|ORIGIN")]
    document: String,
    /// Recipe whose recorded run is searched; the latest run by default.
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
}

/// A document. Two documents may share an id if the ids come from the data.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DocumentMatch {
    id: String,
    origin: String,
    source: String,
}

impl Why {
    pub(super) fn run(self, global: &GlobalArgs) -> anyhow::Result<()> {
        let workspace = global.workspace();
        let run = find_run(&workspace, self.recipe.as_deref())?;
        let store = workspace.store()?;
        let mut documents = find(&run, &store, |id, origin| id == self.document || origin == self.document)?;
        if documents.is_empty() {
            documents = find(&run, &store, |_, origin| ends_with_path(origin, &self.document))?;
        }
        if documents.is_empty() {
            let hint = "give an id, or an origin exactly as in `corpusmill query \"SELECT id, origin FROM documents\"`";
            let message = format!("no document `{}` in the run `{}`", self.document, run.name);
            anyhow::bail!(UserError::new(message).with_hint(hint));
        }
        let mut out = String::new();
        if documents.len() > 1 {
            let _ = writeln!(out, "{} documents have this id or origin", documents.len());
        }
        for document in &documents {
            let _ = writeln!(out, "{}  {}\nid {}", document.source, document.origin, document.id);
            let mut printed = Vec::new();
            for node in &run.nodes {
                trace(&store, node, document, &mut printed, &mut out)?;
            }
        }
        print(&out)
    }
}

/// Whether an origin and a path end alike in whole components: the path may lack the first ones, or have more of them
/// than the origin, as a file below the folder that the recipe names.
fn ends_with_path(origin: &str, path: &str) -> bool {
    let is_end = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|before| !short.is_empty() && before.ends_with(['/', ':', '!']))
    };
    let path = path.trim_start_matches("./");
    origin == path || is_end(origin, path) || is_end(path, origin)
}

/// Finds documents by id and origin, in the output or the rejections of the first stage that has them.
fn find(
    run: &RunRecord,
    store: &LocalStore,
    is_meant: impl Fn(&str, &str) -> bool,
) -> anyhow::Result<Vec<DocumentMatch>> {
    let columns: &[&str] = &["id", "origin", "source"];
    let mut documents: Vec<DocumentMatch> = Vec::new();
    let mut stage = None;
    for (node, address) in run.addresses() {
        // Later stages list the same documents again.
        if stage.is_some_and(|stage: &str| stage != node.stage) {
            continue;
        }
        for table in [Table::Data, Table::Rejected] {
            for batch in open_table(store, &address, table, Some(columns))?.into_iter().flatten() {
                let batch = batch.map_err(StageError::from)?;
                let (Ok(ids), Ok(origins)) = (text_column(&batch, "id"), text_column(&batch, "origin")) else { break };
                let matches = |row: &usize| is_meant(ids.value(*row), origins.value(*row));
                for row in (0..batch.num_rows()).filter(matches) {
                    let source = optional_text(&batch, "source", row).unwrap_or_default().to_owned();
                    let document =
                        DocumentMatch { id: ids.value(row).to_owned(), origin: origins.value(row).to_owned(), source };
                    stage = Some(node.stage.as_str());
                    if !documents.contains(&document) {
                        documents.push(document);
                    }
                }
            }
        }
    }
    Ok(documents)
}

/// The document's row. Token tables have no origin column; there, only the id is compared.
fn row_of(batch: &RecordBatch, document: &DocumentMatch) -> Option<usize> {
    let ids = text_column(batch, "id").ok()?;
    let same_origin =
        |row: usize| optional_text(batch, "origin", row).is_none_or(|origin| origin == document.origin.as_str());
    (0..ids.len()).find(|&row| ids.value(row) == document.id && same_origin(row))
}

/// Prints what one node did with the document.
fn trace(
    store: &LocalStore,
    node: &NodeRecord,
    document: &DocumentMatch,
    printed: &mut Vec<String>,
    out: &mut String,
) -> anyhow::Result<()> {
    for part in &node.parts {
        let address = corpusmill_pipeline::PartAddress { stage: node.stage.clone(), key: part.key };
        let mut seen = false;
        for batch in open_table(store, &address, Table::Data, None)?.into_iter().flatten() {
            let batch = batch.map_err(StageError::from)?;
            if let Some(row) = row_of(&batch, document) {
                let details = row_details(&batch, row);
                let new: Vec<&str> =
                    details.iter().filter(|fact| !printed.contains(fact)).map(String::as_str).collect();
                let _ = writeln!(out, "  {:26} kept", node.path);
                if !new.is_empty() {
                    out.push_str("      ");
                    wrap(out, &new, ", ", 6);
                    out.push('\n');
                }
                printed.extend(details);
                seen = true;
                break;
            }
        }
        for batch in open_table(store, &address, Table::Edits, None)?.into_iter().flatten() {
            let batch = batch.map_err(StageError::from)?;
            edits(&batch, &document.id, out)?;
        }
        for batch in open_table(store, &address, Table::Rejected, None)?.into_iter().flatten() {
            let batch = batch.map_err(StageError::from)?;
            if let Some(row) = row_of(&batch, document) {
                rejection(&batch, row, node, out);
                seen = true;
            }
        }
        if seen {
            break;
        }
    }
    Ok(())
}

/// The document's length, tokens, metadata and measured columns, each as text.
fn row_details(batch: &RecordBatch, row: usize) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(text) = optional_text(batch, "text", row) {
        details.push(format!("{} bytes", text.len()));
    }
    for name in ["language", "licence", "media_type", "title", "date"] {
        if let Some(value) = optional_text(batch, name, row) {
            details.push(format!("{name} {value}"));
        }
    }
    if let Some(counts) =
        batch.column_by_name("token_count").and_then(|c| c.as_primitive_opt::<arrow_array::types::UInt32Type>())
    {
        details.push(format!("{} tokens", counts.value(row)));
    }
    let schema = batch.schema();
    for field in schema.fields().iter().filter(|field| field.name().starts_with("filter.")) {
        let column = batch.column_by_name(field.name()).and_then(|c| c.as_primitive_opt::<Float64Type>());
        if let Some(column) = column.filter(|column| column.is_valid(row)) {
            let name = field.name().trim_start_matches("filter.");
            details.push(format!("{name} {}", decimal(column.value(row))));
        }
    }
    details
}

fn edits(batch: &RecordBatch, id: &str, out: &mut String) -> anyhow::Result<()> {
    let (ids, rules) = (text_column(batch, "id")?, text_column(batch, "rule")?);
    let number = |name: &str, row: usize| {
        batch.column_by_name(name).map_or(0, |c| c.as_primitive::<arrow_array::types::UInt64Type>().value(row))
    };
    for row in (0..batch.num_rows()).filter(|&row| ids.value(row) == id) {
        let (count, bytes) = (number("count", row), number("bytes", row));
        let value = batch.column_by_name("value").map(AsArray::as_primitive::<Float64Type>);
        let value = value.filter(|values| values.is_valid(row)).map(|values| values.value(row));
        let score = value.map(|value| format!(", score {}", decimal(value))).unwrap_or_default();
        let _ = writeln!(out, "  {:26}   cut {}: {count} times, {bytes} bytes{score}", "", rules.value(row));
    }
    Ok(())
}

/// A measured value: a whole number as such, others with four decimals.
fn decimal(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.4}") }
}

fn rejection(batch: &RecordBatch, row: usize, node: &NodeRecord, out: &mut String) {
    let text = |name| optional_text(batch, name, row);
    let number =
        |name: &str| batch.column_by_name(name).map_or(f64::NAN, |c| c.as_primitive::<Float64Type>().value(row));
    let _ = writeln!(
        out,
        "  {:26} REJECTED by {}.{}\n  {:26}   measured {}, threshold {}",
        node.path,
        node.stage,
        text("rule").unwrap_or_default(),
        "",
        decimal(number("value")),
        decimal(number("threshold"))
    );
    if let Some(detail) = text("detail") {
        let _ = writeln!(out, "  {:26}   {detail}", "");
    }
    if let Some(related) = text("related") {
        let related = DocumentId::from_existing(related);
        let _ = writeln!(out, "  {:26}   a duplicate of {related} (corpusmill why {related})", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_the_end_of_an_origin() {
        assert!(
            ends_with_path("input/notes/n1.txt", "n1.txt") && ends_with_path("input/notes/n1.txt", "./notes/n1.txt")
        );
        assert!(ends_with_path("crate:a-1.0/src/lib.rs", "a-1.0/src/lib.rs"));
        assert!(ends_with_path("a.zip!z/1.txt", "z/1.txt") && ends_with_path("n1.md", "/home/me/data/n1.md"));
        assert!(!ends_with_path("input/notes/n1.txt", "1.txt") && !ends_with_path("n1.txt", "n1.txt/"));
        assert!(!ends_with_path("n1.txt", ""));
    }
}
