//! The page of the book that lists all rules, generated from the rules themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use corpusmill_stages::filter::rules::catalogue;
use serde_json::Value;

/// All rules, one Markdown section per group of settings, then their sources.
pub(super) fn markdown() -> String {
    let mut out = String::from(
        "# Rules\n\nWritten by `corpusmill schema --rules --write docs/src/reference/rules.md`. A rule rejects documents as `STAGE.RULE`, such as \
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
