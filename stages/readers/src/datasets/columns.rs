//! Maps the columns of a dataset to document fields, for JSON Lines and Parquet.
//!
//! Invariant: the same row yields the same document from JSON and from Parquet.

use base64::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::len_f64;
use crate::{Body, RawDocument, RejectedInput};

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
    /// messages.
    pub messages: String,
    /// HTML of the document, as text.
    pub html: String,
    /// HTML of the document as base64 of its raw bytes, encoding unknown.
    pub html_base64: String,
    /// Identifier, unchanged.
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
const ALIASES: &[(&str, &str)] = &[("origin", "url"), ("language", "lang"), ("licence", "license")];

impl ColumnMapping {
    /// Returns every name that is read from a row, including aliases, in a fixed order.
    pub(crate) fn names(&self) -> Vec<&str> {
        let configured = self.configured();
        let aliases = ALIASES.iter().filter(|(name, _)| configured.contains(name)).map(|(_, alias)| *alias);
        configured.iter().copied().chain(aliases).filter(|name| !name.is_empty()).collect()
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

/// A value of a row.
#[derive(Debug)]
pub(crate) enum Cell {
    Value(Value),
    Bytes(Vec<u8>),
}

/// A row whose values are taken out by name; `None` for missing and null.
pub(crate) trait Row {
    fn take(&mut self, name: &str) -> Option<Cell>;
}

impl Row for serde_json::Map<String, Value> {
    fn take(&mut self, name: &str) -> Option<Cell> {
        let value = if let Some(value) = self.remove(name) {
            value
        } else {
            let (first, rest) = name.split_once('.')?;
            self.get_mut(first)?.pointer_mut(&format!("/{}", rest.replace('.', "/")))?.take()
        };
        (!value.is_null()).then_some(Cell::Value(value))
    }
}

/// Builds the document of a row; `row_origin` (`file#row`) is its origin if the row has none.
pub(crate) fn document(
    row: &mut dyn Row,
    mapping: &ColumnMapping,
    invalid: InvalidUtf8,
    row_origin: &str,
) -> Result<RawDocument, RejectedInput> {
    let (body, media_type) = body(row, mapping, invalid, row_origin)?;
    let mut document = RawDocument::new(row_origin, body, media_type);
    document.id = scalar(row, &mapping.id);
    if let Some(origin) = scalar(row, &mapping.origin).filter(|origin| !origin.is_empty()) {
        document.origin = origin;
    }
    document.title = scalar(row, &mapping.title);
    document.language = scalar(row, &mapping.language);
    document.licence = scalar(row, &mapping.licence);
    if let Some(media_type) = scalar(row, &mapping.media_type) {
        document.media_type = media_type;
    }
    Ok(document)
}

fn body(
    row: &mut dyn Row,
    mapping: &ColumnMapping,
    invalid: InvalidUtf8,
    row_origin: &str,
) -> Result<(Body, &'static str), RejectedInput> {
    let no_text = |detail: String| RejectedInput::matched(row_origin, "no-text").with_detail(detail);
    for (name, media_type) in [(&mapping.text, "text/plain"), (&mapping.html, "text/html")] {
        match take_column(row, name) {
            None => {}
            Some(Cell::Value(Value::String(text))) => return Ok((Body::Text(text), media_type)),
            Some(Cell::Bytes(bytes)) => return Ok((Body::Text(check_utf8(bytes, invalid, row_origin)?), media_type)),
            Some(Cell::Value(other)) => {
                return Err(no_text(format!("column `{name}` holds {}, not text", type_name(&other))));
            }
        }
        // Chat comes between text and HTML.
        if media_type == "text/plain"
            && let Some(cell) = take_column(row, &mapping.messages)
        {
            let Cell::Value(messages) = cell else {
                return Err(no_text(format!("column `{}` holds bytes, not messages", mapping.messages)));
            };
            let text =
                render_chat(&messages).map_err(|why| no_text(format!("column `{}`: {why}", mapping.messages)))?;
            return Ok((Body::Text(text), "text/plain"));
        }
    }
    match take_column(row, &mapping.html_base64) {
        Some(Cell::Value(Value::String(encoded))) => {
            match base64::engine::general_purpose::STANDARD.decode(encoded.trim()) {
                Ok(bytes) => Ok((Body::Bytes(bytes), "text/html")),
                Err(error) => Err(no_text(format!("column `{}` is not base64: {error}", mapping.html_base64))),
            }
        }
        Some(Cell::Bytes(bytes)) => Ok((Body::Bytes(bytes), "text/html")),
        Some(Cell::Value(other)) => {
            Err(no_text(format!("column `{}` holds {}, not base64", mapping.html_base64, type_name(&other))))
        }
        None => Err(no_text(format!("no column `{}`, and no chat or HTML column", mapping.text))),
    }
}

/// Returns valid UTF-8 or the rejection; `value` is the number of malformed sequences.
fn check_utf8(bytes: Vec<u8>, invalid: InvalidUtf8, row_origin: &str) -> Result<String, RejectedInput> {
    match (String::from_utf8(bytes), invalid) {
        (Ok(text), _) => Ok(text),
        (Err(error), InvalidUtf8::Replace) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        (Err(error), InvalidUtf8::Reject) => {
            let at = error.utf8_error().valid_up_to();
            let malformed = error.as_bytes().utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            Err(RejectedInput::new(row_origin, "bad-utf8", len_f64(malformed), 0.0)
                .with_detail(format!("first malformed sequence at byte {at}")))
        }
    }
}

/// Renders chat as plain text: `role: content`, with one blank line between messages and nothing else.
///
/// A message is an object with `role` (or `from`, as in ShareGPT) and `content` (or `value`). The content is text, null
/// (a call without text: the message is omitted), or a list of parts, of which the text parts are joined by line feeds.
///
/// # Errors
/// Describes which message is malformed.
fn render_chat(messages: &Value) -> Result<String, String> {
    let list = messages.as_array().ok_or_else(|| format!("holds {}, not a list of messages", type_name(messages)))?;
    let mut text = String::new();
    for (index, message) in list.iter().enumerate() {
        let field = |names: [&str; 2]| names.iter().find_map(|name| message.get(name)).filter(|value| !value.is_null());
        let role = field(["role", "from"])
            .and_then(Value::as_str)
            .ok_or_else(|| format!("message {} has no role", index + 1))?;
        let content = match field(["content", "value"]) {
            None => continue,
            Some(Value::String(content)) => content.clone(),
            Some(Value::Array(parts)) => {
                let words = |part: &Value| part.as_str().or_else(|| part.get("text")?.as_str()).map(str::to_owned);
                parts.iter().filter_map(words).collect::<Vec<_>>().join("\n")
            }
            Some(other) => return Err(format!("the content of message {} is {}", index + 1, type_name(other))),
        };
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(role);
        text.push_str(": ");
        text.push_str(&content);
    }
    if text.is_empty() { Err("contains no message with content".to_owned()) } else { Ok(text) }
}

fn take_column(row: &mut dyn Row, name: &str) -> Option<Cell> {
    if name.is_empty() {
        return None;
    }
    row.take(name).or_else(|| {
        let (_, alias) = ALIASES.iter().find(|(default, _)| *default == name)?;
        row.take(alias)
    })
}

/// Converts a cell to text; a list of texts is joined with ` AND `.
fn scalar(row: &mut dyn Row, name: &str) -> Option<String> {
    match take_column(row, name)? {
        Cell::Bytes(bytes) => String::from_utf8(bytes).ok(),
        Cell::Value(Value::String(text)) => Some(text),
        Cell::Value(Value::Array(list)) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            (!texts.is_empty()).then(|| texts.join(" AND "))
        }
        Cell::Value(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
        Cell::Value(_) => None,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: Value) -> Result<RawDocument, RejectedInput> {
        let Value::Object(mut map) = value else { panic!("expected an object") };
        document(&mut map, &ColumnMapping::default(), InvalidUtf8::Reject, "f#1")
    }

    #[test]
    fn columns_map_to_fields() {
        let found = row(json!({"text": "a", "id": 7, "url": "http://x/", "license": ["MIT", "Apache-2.0"], "lang": "en", "title": null})).unwrap();
        assert_eq!(found.body, Body::Text("a".to_owned()));
        assert_eq!(found.id.as_deref(), Some("7"));
        assert_eq!(found.origin, "http://x/");
        assert_eq!(found.licence.as_deref(), Some("MIT AND Apache-2.0"));
        assert_eq!(found.language.as_deref(), Some("en"));
        assert_eq!(found.title, None);
        assert_eq!(row(json!({"text": ""})).unwrap().origin, "f#1");
    }

    #[test]
    fn html_and_base64_keep_their_media_type() {
        assert_eq!(row(json!({"html": "<p>"})).unwrap().media_type, "text/html");
        let found = row(json!({"html_b64": "/wA="})).unwrap();
        assert_eq!(found.body, Body::Bytes(vec![0xff, 0]));
        assert_eq!(row(json!({"html_b64": "%"})).unwrap_err().rejection.rule, "no-text");
    }

    #[test]
    fn missing_text_is_rejected_with_the_type_found() {
        let rejected = row(json!({"text": 5})).unwrap_err();
        assert_eq!(
            (rejected.rejection.rule.as_ref(), rejected.rejection.detail.as_deref()),
            ("no-text", Some("column `text` holds a number, not text"))
        );
        assert_eq!(row(json!({"body": "x"})).unwrap_err().rejection.rule, "no-text");
    }

    #[test]
    fn chat_is_rendered_plainly() {
        let messages = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null},
            {"from": "gpt", "value": [{"type": "text", "text": "a"}, {"type": "image"}, "b"]}]);
        assert_eq!(row(json!({"messages": messages})).unwrap().body, Body::Text("user: Hi\n\ngpt: a\nb".to_owned()));
        assert_eq!(row(json!({"messages": "x"})).unwrap_err().rejection.rule, "no-text");
        assert!(render_chat(&json!([{"content": "x"}])).unwrap_err().contains("message 1 has no role"));
    }

    #[test]
    fn nested_columns_are_read() {
        let mapping = ColumnMapping { origin: "meta.url".to_owned(), ..ColumnMapping::default() };
        let Value::Object(mut map) = json!({"text": "a", "meta": {"url": "u"}}) else { panic!() };
        let found = document(&mut map, &mapping, InvalidUtf8::Reject, "f#1").unwrap();
        assert_eq!(found.origin, "u");
        assert_eq!(mapping.required(), ["meta.url"]);
    }

    #[test]
    fn malformed_bytes_are_counted_or_replaced() {
        let rejected = check_utf8(b"a\xff\xfeb".to_vec(), InvalidUtf8::Reject, "f").unwrap_err();
        assert_eq!((rejected.rejection.rule.as_ref(), rejected.rejection.value), ("bad-utf8", 2.0));
        assert_eq!(check_utf8(b"a\xff".to_vec(), InvalidUtf8::Replace, "f").unwrap(), "a\u{fffd}");
    }
}
