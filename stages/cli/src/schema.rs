//! `corpusmill schema`: prints the JSON Schema of recipes and the columns of the tables.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use corpusmill_pipeline::document::{DOCUMENT, EDITS, REJECTED};

use super::print;

/// Print the JSON Schema of recipes, or check the one in `schemas/`.
#[derive(Debug, Args)]
pub(super) struct SchemaCommand {
    /// Fail if this file differs from the current schema.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write the schema to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
    /// Use the table columns instead of the JSON Schema: documents, rejected documents, edits, clusters and token
    /// shards, as Markdown.
    #[arg(long)]
    tables: bool,
}

/// The user-visible tables, one Markdown section each.
fn tables() -> String {
    let shard = corpusmill_shards::token_shard_schema(false);
    let mut out = String::from(
        "# Tables\n\nWritten by `corpusmill schema --tables --write schemas/tables.md`. A stage that measures adds \
         columns `filter.RULE` (Float64) to documents; cleaning adds `author`, `date`, `site_name`, `canonical_url` (Utf8) \
         and `extraction_confidence` (Float64, 0 to 1: the expected F1 of the words kept).\n",
    );
    for (name, schema) in [
        ("Document", DOCUMENT.clone()),
        ("Crawled document (`crawl`, `rust-docs`)", corpusmill_stages::sources::statements::CRAWLED.clone()),
        ("Rejected document", REJECTED.clone()),
        ("Edit", EDITS.clone()),
        ("Duplicate cluster member", corpusmill_stages::dedup::cluster_schema()),
        ("Token shard", shard),
    ] {
        let _ = write!(out, "\n## {name}\n\n| column | type | may be null |\n|---|---|---|\n");
        for field in schema.fields() {
            let null = if field.is_nullable() { "yes" } else { "no" };
            let _ = writeln!(out, "| `{}` | {} | {null} |", field.name(), field.data_type());
        }
    }
    out
}

impl SchemaCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let schema = if self.tables { tables() } else { corpusmill_stages::recipe::json_schema()? };
        if let Some(path) = self.check {
            let current = fs_err::read_to_string(&path)? == schema;
            let path = path.display();
            anyhow::ensure!(
                current,
                "{path} is out of date\nhint: corpusmill schema{} --write {path}",
                if self.tables { " --tables" } else { "" }
            );
            return print(&format!("{path} is up to date\n"));
        }
        if let Some(path) = self.write {
            return Ok(fs_err::write(path, schema)?);
        }
        print(&schema)
    }
}
