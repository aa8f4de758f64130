//! A row of a dataset, and the document that a mapping makes of it.
//!
//! Invariant: the same row yields the same document from JSON and from Parquet.

use std::borrow::Cow;

use base64::Engine;
use serde_json::Value;

use super::chat::{self, ChatFault};
use super::columns::{ALIASES, ColumnMapping, InvalidUtf8};
use super::json_cell::{BadJson, JsonCell, message_without_position};
use crate::document::len_f64;
use crate::{Body, RawDocument, RejectedInput};

/// A value of a row.
#[derive(Debug)]
pub(crate) enum Cell<'a> {
    /// A value of a line, as written.
    Json(JsonCell<'a>),
    /// A value of a Parquet column.
    Value(Value),
    Bytes(Vec<u8>),
}

/// A row whose values are read by name; `None` for missing and null.
pub(crate) trait Row {
    /// Returns the value of a column, which a dot may select inside another.
    ///
    /// # Errors
    /// The value on the way to it is malformed JSON.
    fn cell(&self, name: &str) -> Result<Option<Cell<'_>>, BadJson>;
}

/// What a column of texts holds.
enum TextCell<'a> {
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
    /// Another type.
    Other(&'static str),
}

impl<'a> Cell<'a> {
    fn text(self) -> Result<TextCell<'a>, BadJson> {
        Ok(match self {
            Self::Bytes(bytes) => TextCell::Bytes(bytes),
            Self::Value(Value::String(text)) => TextCell::Text(text.into()),
            Self::Value(other) => TextCell::Other(type_name(&other)),
            Self::Json(json) => json.text()?.map_or(TextCell::Other(json.type_name()), TextCell::Text),
        })
    }

    /// Converts a cell to text; a list of texts is joined with ` AND `.
    fn scalar(self) -> Result<Option<String>, BadJson> {
        Ok(match self {
            Self::Json(json) => json.scalar()?,
            Self::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Self::Value(Value::String(text)) => Some(text),
            Self::Value(Value::Array(list)) => {
                let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                (!texts.is_empty()).then(|| texts.join(" AND "))
            }
            Self::Value(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
            Self::Value(Value::Null | Value::Object(_)) => None,
        })
    }
}

/// Builds the document of a row; `row_origin` (`file#row`) is its origin if the row has none.
///
/// # Errors
/// The row has no body, or one that cannot be read. For malformed JSON the detail begins with its column.
pub(crate) fn document(
    row: &dyn Row,
    mapping: &ColumnMapping,
    invalid: InvalidUtf8,
    row_origin: &str,
) -> Result<RawDocument, RejectedInput> {
    let row = MappedRow { row, mapping, invalid, origin: row_origin };
    let (body, media_type) = row.body()?;
    let mut document = RawDocument::new(row_origin, body, media_type);
    document.id = row.scalar(&mapping.id)?;
    if let Some(origin) = row.scalar(&mapping.origin)?.filter(|origin| !origin.is_empty()) {
        document.origin = origin;
    }
    document.title = row.scalar(&mapping.title)?;
    document.language = row.scalar(&mapping.language)?;
    document.licence = row.scalar(&mapping.licence)?;
    if let Some(media_type) = row.scalar(&mapping.media_type)? {
        document.media_type = media_type;
    }
    Ok(document)
}

/// The rejection of a row that is malformed JSON.
pub(crate) fn bad_json(row_origin: &str, fault: &BadJson) -> RejectedInput {
    RejectedInput::new(row_origin, "bad-json", len_f64(fault.column), 0.0)
        .with_detail(format!("column {}: {}", fault.column, fault.message))
}

/// A row, and how its document is built.
struct MappedRow<'r> {
    row: &'r dyn Row,
    mapping: &'r ColumnMapping,
    invalid: InvalidUtf8,
    origin: &'r str,
}

impl<'r> MappedRow<'r> {
    /// Returns the value of a column, or of its alias.
    fn cell(&self, name: &str) -> Result<Option<Cell<'r>>, RejectedInput> {
        if name.is_empty() {
            return Ok(None);
        }
        let alias = ALIASES.iter().find(|(default, _)| *default == name).map(|(_, alias)| *alias);
        for name in [Some(name), alias].into_iter().flatten() {
            let found = self.row.cell(name).map_err(|fault| bad_json(self.origin, &fault))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn scalar(&self, name: &str) -> Result<Option<String>, RejectedInput> {
        let Some(cell) = self.cell(name)? else { return Ok(None) };
        cell.scalar().map_err(|fault| bad_json(self.origin, &fault))
    }

    fn text_cell(&self, name: &str) -> Result<Option<TextCell<'r>>, RejectedInput> {
        let Some(cell) = self.cell(name)? else { return Ok(None) };
        cell.text().map(Some).map_err(|fault| bad_json(self.origin, &fault))
    }

    fn no_text(&self, detail: String) -> RejectedInput {
        RejectedInput::unmeasured(self.origin, "no-text").with_detail(detail)
    }

    /// Returns the body and its media type: the first of text, chat, HTML, and HTML as base64 that the row has.
    fn body(&self) -> Result<(Body, &'static str), RejectedInput> {
        if let Some(text) = self.text(&self.mapping.text)? {
            return Ok((Body::Text(text), "text/plain"));
        }
        if let Some(text) = self.chat()? {
            return Ok((Body::Text(text), "text/plain"));
        }
        if let Some(text) = self.text(&self.mapping.html)? {
            return Ok((Body::Text(text), "text/html"));
        }
        let name = &self.mapping.html_base64;
        match self.text_cell(name)? {
            Some(TextCell::Text(encoded)) => match base64::engine::general_purpose::STANDARD.decode(encoded.trim()) {
                Ok(bytes) => Ok((Body::Bytes(bytes), "text/html")),
                Err(error) => Err(self.no_text(format!("column `{name}` is not base64: {error}"))),
            },
            Some(TextCell::Bytes(bytes)) => Ok((Body::Bytes(bytes), "text/html")),
            Some(TextCell::Other(kind)) => Err(self.no_text(format!("column `{name}` holds {kind}, not base64"))),
            None => Err(self.no_text(format!("no column `{}`, and no chat or HTML column", self.mapping.text))),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, RejectedInput> {
        match self.text_cell(name)? {
            None => Ok(None),
            Some(TextCell::Text(text)) => Ok(Some(text.into_owned())),
            Some(TextCell::Bytes(bytes)) => check_utf8(bytes, self.invalid, self.origin).map(Some),
            Some(TextCell::Other(kind)) => Err(self.no_text(format!("column `{name}` holds {kind}, not text"))),
        }
    }

    fn chat(&self) -> Result<Option<String>, RejectedInput> {
        let name = &self.mapping.messages;
        let Some(cell) = self.cell(name)? else { return Ok(None) };
        let (kind, rendered) = match &cell {
            Cell::Json(json) => (json.type_name(), chat::render(&mut serde_json::Deserializer::from_str(json.json()))),
            Cell::Value(value) => (type_name(value), chat::render(value)),
            Cell::Bytes(_) => ("bytes", Err(ChatFault::Empty)),
        };
        match (rendered, cell) {
            (Ok(text), _) => Ok(Some(text)),
            _ if kind != "a list" => Err(self.no_text(format!("column `{name}` holds {kind}, not a list of messages"))),
            (Err(ChatFault::Empty), _) => Err(self.no_text(format!("column `{name}` has no message with content"))),
            (Err(ChatFault::Message { error, .. }), Cell::Json(json)) if !error.is_data() => {
                Err(bad_json(self.origin, &json.fault(&error)))
            }
            (Err(ChatFault::Message { number, error }), _) => {
                let words = message_without_position(&error);
                let detail = format!("column `{name}`: message {number}: {words}");
                Err(RejectedInput::unmeasured(self.origin, "bad-chat").with_detail(detail))
            }
        }
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
    use super::super::json_row::JsonRow;
    use super::*;
    use serde_json::json;

    fn read(line: &str, mapping: &ColumnMapping) -> Result<RawDocument, RejectedInput> {
        let row = JsonRow::parse(line, &mapping.names()).unwrap();
        document(&row, mapping, InvalidUtf8::Reject, "f#1")
    }

    fn row(value: &Value) -> Result<RawDocument, RejectedInput> {
        read(&value.to_string(), &ColumnMapping::default())
    }

    fn text(value: &Value) -> String {
        row(value).unwrap().body.as_text().unwrap().to_owned()
    }

    fn reason(value: &Value) -> (String, String) {
        let rejection = row(value).unwrap_err().rejection;
        (rejection.rule.into_owned(), rejection.detail.unwrap())
    }

    #[test]
    fn columns_map_to_fields() {
        let found = row(&json!({"text": "a", "id": 7, "url": "http://x/", "license": ["MIT", "Apache-2.0"], "lang": "en", "title": null})).unwrap();
        assert_eq!(found.body, Body::Text("a".to_owned()));
        assert_eq!(found.id.as_deref(), Some("7"));
        assert_eq!(found.origin, "http://x/");
        assert_eq!(found.licence.as_deref(), Some("MIT AND Apache-2.0"));
        assert_eq!(found.language.as_deref(), Some("en"));
        assert_eq!(found.title, None);
        assert_eq!(row(&json!({"text": ""})).unwrap().origin, "f#1");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let line = r#"{"text": "a", "id": 12345678901234567890123, "origin": 1e3, "title": 1.50}"#;
        let found = read(line, &ColumnMapping::default()).unwrap();
        assert_eq!(found.id.as_deref(), Some("12345678901234567890123"));
        assert_eq!((found.origin.as_str(), found.title.as_deref()), ("1e3", Some("1.50")));
    }

    #[test]
    fn one_column_may_have_two_roles() {
        let mapping = ColumnMapping { id: "url".to_owned(), ..ColumnMapping::default() };
        let found = read(r#"{"text": "a", "url": "u"}"#, &mapping).unwrap();
        assert_eq!((found.id.as_deref(), found.origin.as_str()), (Some("u"), "u"));
    }

    #[test]
    fn html_and_base64_keep_their_media_type() {
        assert_eq!(row(&json!({"html": "<p>"})).unwrap().media_type, "text/html");
        let found = row(&json!({"html_b64": "/wA="})).unwrap();
        assert_eq!(found.body, Body::Bytes(vec![0xff, 0]));
        assert_eq!(row(&json!({"html_b64": "%"})).unwrap_err().rejection.rule, "no-text");
    }

    #[test]
    fn missing_text_is_rejected_with_the_type_found() {
        assert_eq!(
            reason(&json!({"text": 5})),
            ("no-text".to_owned(), "column `text` holds a number, not text".to_owned())
        );
        assert_eq!(reason(&json!({"body": "x"})).0, "no-text");
    }

    #[test]
    fn chats_are_rendered_or_rejected() {
        let messages = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null},
            {"from": "gpt", "value": [{"type": "text", "text": "a"}, {"type": "image"}, "b"]}]);
        let expected = "user: Hi\n\nassistant: \n\ngpt: a\n[image]\nb";
        assert_eq!(text(&json!({"messages": messages})), expected);
        assert_eq!(text(&json!({"conversations": messages})), expected);
        assert_eq!(text(&json!({"messages": null, "conversations": messages})), expected);
        assert_eq!(reason(&json!({"messages": "x"})).0, "no-text");
        assert_eq!(reason(&json!({"messages": []})).1, "column `messages` has no message with content");
        let bad = reason(&json!({"messages": [{"role": "a", "content": "x"}, {"content": "x"}]}));
        assert_eq!(bad, ("bad-chat".to_owned(), "column `messages`: message 2: it has no role".to_owned()));
    }

    #[test]
    fn malformed_json_in_a_chat_has_its_column() {
        let rejected =
            read(r#"{"messages":[{"role":"a","content":"\ud800"}]}"#, &ColumnMapping::default()).unwrap_err();
        assert_eq!((rejected.rejection.rule.as_ref(), rejected.rejection.value), ("bad-json", 43.0));
    }

    #[test]
    fn nested_columns_are_read() {
        let mapping = ColumnMapping { origin: "meta.url".to_owned(), ..ColumnMapping::default() };
        assert_eq!(read(r#"{"text": "a", "meta": {"url": "u"}}"#, &mapping).unwrap().origin, "u");
    }

    #[test]
    fn malformed_bytes_are_counted_or_replaced() {
        let rejected = check_utf8(b"a\xff\xfeb".to_vec(), InvalidUtf8::Reject, "f").unwrap_err();
        assert_eq!((rejected.rejection.rule.as_ref(), rejected.rejection.value), ("bad-utf8", 2.0));
        assert_eq!(check_utf8(b"a\xff".to_vec(), InvalidUtf8::Replace, "f").unwrap(), "a\u{fffd}");
    }
}
