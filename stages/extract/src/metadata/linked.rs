//! Metadata of a page in JSON-LD.
//!
//! Invariant: only works (articles, postings, pages) give title, author and date; invalid JSON is ignored.

use std::collections::HashSet;

use serde_json::Value;

use super::candidates::{MetadataCandidates, collapse_whitespace, is_url_or_handle};
use super::date::parse_iso_date;
use crate::tree::Tree;
use corpusmill_html::entities::decode_entities;

/// Maximum size of a JSON-LD block in bytes; larger blocks are ignored.
const MAX_JSON_LD_BYTES: usize = 1 << 20;

impl MetadataCandidates {
    /// Reads a script, if it contains JSON-LD.
    pub(super) fn script(&mut self, tree: &Tree<'_>, id: usize) {
        let Some(text) = tree.linked_data(id).filter(|text| text.len() <= MAX_JSON_LD_BYTES) else { return };
        let Ok(value) = serde_json::from_str::<Value>(text.trim()) else { return };
        let mut open = vec![&value];
        let mut seen = 0;
        while let Some(value) = open.pop() {
            seen += 1;
            match value {
                Value::Array(all) => open.extend(all.iter().rev()),
                Value::Object(object) => {
                    self.json(value);
                    open.extend(object.get("@graph").into_iter().chain(object.get("mainEntity")));
                }
                _ => {}
            }
            if seen > 2000 {
                return;
            }
        }
    }

    fn json(&mut self, value: &Value) {
        let kinds: Vec<&str> = match &value["@type"] {
            Value::String(kind) => vec![kind.as_str()],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        if kinds.contains(&"Person")
            && let (Some(id), Some(name)) =
                (value["@id"].as_str(), value["name"].as_str().and_then(collapse_whitespace))
        {
            self.json_persons.push((id.to_owned(), name));
        }
        if kinds.contains(&"WebSite") && self.json_site.is_none() {
            self.json_site = value["name"].as_str().and_then(collapse_whitespace);
        }
        let work = kinds.iter().any(|kind| {
            ["Article", "Posting", "Page", "Report", "Recipe", "Book", "Course", "Review", "Question"]
                .iter()
                .any(|end| kind.ends_with(end))
        });
        if !work {
            return;
        }
        if self.json_title.is_none() {
            self.json_title =
                value["headline"].as_str().and_then(|headline| collapse_whitespace(&decode_entities(headline, false)));
        }
        if self.json_author.is_none() {
            self.json_authors(&value["author"]);
        }
        if self.json_date.is_none() {
            self.json_date = value["datePublished"].as_str().and_then(parse_iso_date);
        }
        if self.licence.is_none() {
            self.licence = value["license"].as_str().and_then(collapse_whitespace);
        }
    }

    fn json_authors(&mut self, value: &Value) {
        let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let organisation = |one: &Value| one["@type"].as_str() == Some("Organization");
        self.json_author = names(all.iter().filter(|one| !organisation(one)));
        if self.json_organisation.is_none() {
            self.json_organisation = names(all.iter().filter(|one| organisation(one)));
        }
        let ids = all.iter().filter(|one| one["name"].is_null()).filter_map(|one| one["@id"].as_str());
        self.json_author_ids.extend(ids.map(str::to_owned));
    }
}

/// The names of one or several persons in JSON-LD.
fn names<'v>(all: impl Iterator<Item = &'v Value>) -> Option<String> {
    let one = |value: &Value| {
        value
            .as_str()
            .or_else(|| value["name"].as_str())
            .and_then(collapse_whitespace)
            .filter(|name| !is_url_or_handle(name))
    };
    let mut all: Vec<String> = all.filter_map(one).collect();
    let mut seen = HashSet::new();
    all.retain(|name| seen.insert(name.clone()));
    (!all.is_empty()).then(|| all.join(", "))
}
