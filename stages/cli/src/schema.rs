//! `corpusmill schema`: prints the JSON Schema of recipes, the columns of the tables and the rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use corpusmill_pipeline::document::{DOCUMENT, EDITS, REJECTED};
use corpusmill_stages::filter::rules::catalogue;
use serde_json::Value;

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
    /// Use the rules instead of the JSON Schema: what each measures or edits, its setting, default and source, as
    /// Markdown.
    #[arg(long, conflicts_with = "tables")]
    rules: bool,
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

/// All rules, one Markdown section per group of settings, then their sources.
fn rules() -> String {
    let mut out = String::from(
        "# Rules\n\nWritten by `corpusmill schema --rules`. A rule rejects documents as `STAGE.RULE`, such as \
         `filter.too-few-words`, or edits them. A setting `min-…` rejects values below it, and `max-…` values above it; \
         a value equal to it passes.\n",
    );
    let mut sources = BTreeMap::new();
    for group in catalogue() {
        let kind = if group.rules.iter().all(|rule| rule.bound.is_some()) { "rejects" } else { "edits" };
        let _ = write!(
            out,
            "\n## {}\n\nStage: `{}`, which {kind} documents.\n\n| rule | what it {} | unit | setting | default | source |\n\
             |---|---|---|---|---|---|\n",
            group.path,
            group.stage,
            if kind == "rejects" { "measures" } else { "cuts or replaces" },
        );
        for rule in group.rules {
            let setting = rule.setting.map_or_else(|| "always on".to_owned(), |key| format!("`{key}`"));
            let default = if rule.setting.is_none() { String::new() } else { default_text(&rule.default) };
            let (name, unit, description, source) = (rule.name, rule.unit, rule.description, rule.source.name);
            let _ = writeln!(out, "| `{name}` | {description} | {unit} | {setting} | {default} | {source} |");
            sources.insert(rule.source.name, rule.source.citation);
        }
    }
    out.push_str("\n## Sources\n\n");
    for (name, citation) in sources {
        let _ = writeln!(out, "- **{name}**: {citation}.");
    }
    out
}

/// The default of a setting, in words where it is not a number.
fn default_text(default: &Value) -> String {
    match default {
        Value::Null | Value::Bool(false) => "off".to_owned(),
        Value::Bool(true) => "on".to_owned(),
        Value::Array(items) if items.is_empty() => "all".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Number(number) => match number.as_f64() {
            Some(value) => value.to_string(),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

impl SchemaCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (schema, option) = match (self.tables, self.rules) {
            (true, _) => (tables(), " --tables"),
            (false, true) => (rules(), " --rules"),
            (false, false) => (corpusmill_stages::recipe::json_schema()?, ""),
        };
        if let Some(path) = self.check {
            let current = fs_err::read_to_string(&path)? == schema;
            let path = path.display();
            anyhow::ensure!(current, "{path} is out of date\nhint: corpusmill schema{option} --write {path}");
            return print(&format!("{path} is up to date\n"));
        }
        if let Some(path) = self.write {
            return Ok(fs_err::write(path, schema)?);
        }
        print(&schema)
    }
}
