//! The mapping from the columns of a dataset to the fields of a document, for JSON Lines and Parquet.
//!
//! Invariant: a name has at most one alias, which is read only if the mapping has the default name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How to handle text that is not valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InvalidUtf8 {
    /// Reject the document (`bad-utf8`).
    #[default]
    Reject,
    /// Replace each malformed sequence with U+FFFD.
    Replace,
}

/// Which JSON Lines key or Parquet column holds each document field. A dot selects a nested column (`meta.url`); an
/// empty name reads no column.
///
/// The body is the first of `text`, `messages`, `html`, `html-base64` that a row has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ColumnMapping {
    /// Text of the document.
    pub text: String,
    /// Chat: a list of `{role, content}` (or `{from, value}`), rendered as `role: content` with a blank line between
    /// messages. If the default column `messages` is missing, `conversations` is read.
    pub messages: String,
    /// HTML of the document, as text.
    pub html: String,
    /// HTML of the document as base64 of its raw bytes, encoding unknown.
    pub html_base64: String,
    /// Identifier, unchanged: a number keeps its digits.
    pub id: String,
    /// Origin: a URL or path. If the default column `origin` is missing, `url` is read; without either, the origin is
    /// `file#row`.
    pub origin: String,
    /// Title.
    pub title: String,
    /// Language, as given by the dataset. If the default column `language` is missing, `lang` is read.
    pub language: String,
    /// Licence; several licences in a list are joined with `AND`. If the default column `licence` is missing, `license`
    /// is read.
    pub licence: String,
    /// Media type of `text`; `text/plain` if missing.
    pub media_type: String,
}

impl Default for ColumnMapping {
    fn default() -> Self {
        Self {
            text: "text".to_owned(),
            messages: "messages".to_owned(),
            html: "html".to_owned(),
            html_base64: "html_b64".to_owned(),
            id: "id".to_owned(),
            origin: "origin".to_owned(),
            title: "title".to_owned(),
            language: "language".to_owned(),
            licence: "licence".to_owned(),
            media_type: "media_type".to_owned(),
        }
    }
}

/// Alternatives to default names, used if a dataset lacks the default.
pub(crate) const ALIASES: &[(&str, &str)] =
    &[("messages", "conversations"), ("origin", "url"), ("language", "lang"), ("licence", "license")];

impl ColumnMapping {
    /// Returns every name that is read from a row, including aliases, in a fixed order.
    pub(crate) fn names(&self) -> Vec<&str> {
        with_aliases(&self.configured())
    }

    /// Returns the names that hold the body of a document, including aliases.
    pub(crate) fn bodies(&self) -> Vec<&str> {
        with_aliases(&[&self.text, &self.messages, &self.html, &self.html_base64])
    }

    /// Returns the names that differ from the default: a dataset must have them.
    pub(crate) fn required(&self) -> Vec<&str> {
        let default = Self::default();
        self.configured()
            .into_iter()
            .zip(default.configured())
            .filter(|(configured, default)| configured != default && !configured.is_empty())
            .map(|(configured, _)| configured)
            .collect()
    }

    fn configured(&self) -> [&str; 10] {
        [
            &self.text,
            &self.messages,
            &self.html,
            &self.html_base64,
            &self.id,
            &self.origin,
            &self.title,
            &self.language,
            &self.licence,
            &self.media_type,
        ]
    }
}

/// Adds the aliases of default names, and leaves out empty names.
fn with_aliases<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let aliases = ALIASES.iter().filter(|(name, _)| names.contains(name)).map(|(_, alias)| *alias);
    names.iter().copied().chain(aliases).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_belong_to_default_names() {
        let default = ColumnMapping::default();
        assert_eq!(default.bodies(), ["text", "messages", "html", "html_b64", "conversations"]);
        assert!(default.required().is_empty() && default.names().contains(&"url"));
        let own = ColumnMapping { messages: "chat".to_owned(), origin: String::new(), ..default };
        assert_eq!(own.bodies(), ["text", "chat", "html", "html_b64"]);
        assert_eq!(own.required(), ["chat"]);
        assert!(!own.names().contains(&"url"));
    }
}
