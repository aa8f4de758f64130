//! The values of a chat that are not parts of a message by themselves: results of tools, documents, recordings.
//!
//! Invariant: what a tool returned is its text, its parts, or else the JSON as written; nothing of it is left out.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json_cell::{FieldMap, JsonCell};

/// Texts, one below the other.
pub(crate) fn joined<'a>(texts: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    let mut body = String::new();
    for text in texts {
        if !body.is_empty() {
            body.push('\n');
        }
        body.push_str(&text);
    }
    body
}

/// Whether a key holds the result of a tool, or code that ran.
pub(crate) fn is_result(key: &str) -> bool {
    matches!(
        key,
        "functionResponse"
            | "function_response"
            | "executableCode"
            | "executable_code"
            | "codeExecutionResult"
            | "code_execution_result"
            | "tool_result"
            | "tool_results"
    )
}

/// The name of a part by its type: `image` for `image_url` and `input_image`.
pub(crate) fn part_name(kind: &str) -> &str {
    let kind = kind.strip_prefix("input_").or_else(|| kind.strip_prefix("output_")).unwrap_or(kind);
    match kind.strip_suffix("_url").unwrap_or(kind) {
        "images" => "image",
        "audios" => "audio",
        "videos" => "video",
        "files"
        | "attachments"
        | "experimental_attachments"
        | "inlineData"
        | "inline_data"
        | "fileData"
        | "file_data" => "file",
        name => name,
    }
}

/// Whether a key holds something other than text.
pub(crate) fn is_media(key: &str) -> bool {
    matches!(part_name(key), "image" | "audio" | "video" | "file")
}

/// How many pictures, recordings or files a value holds: the items of a list that are not empty, or itself.
pub(crate) fn marks(value: &RawValue) -> usize {
    let beginning: Vec<u8> = value.get().bytes().filter(|byte| !byte.is_ascii_whitespace()).take(6).collect();
    match beginning.as_slice() {
        b"null" | b"[]" | b"{}" | b"\"\"" | b"false" => 0,
        // Samples or pixels.
        [b'[', b'0'..=b'9' | b'-' | b'[', ..] => 1,
        [b'[', ..] => {
            let items = serde_json::from_str::<Vec<&RawValue>>(value.get()).unwrap_or_default();
            // A list may keep the place of a picture that is missing.
            items.into_iter().filter(|item| !matches!(item.get(), "null" | "\"\"" | "{}" | "false")).count()
        }
        _ => 1,
    }
}

/// The fields of an object with these keys; none of another type.
fn fields<'a>(value: &'a RawValue, keys: &[&str]) -> FieldMap<'a> {
    JsonCell::line(value.get()).fields(&|key| keys.contains(&key)).unwrap_or_default()
}

/// The text of a string.
fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    JsonCell::line(value.get()).text().ok().flatten().filter(|text| !text.is_empty())
}

/// What a picture, a recording or an embedded resource says in words.
pub(crate) fn words(value: &RawValue) -> Vec<Cow<'_, str>> {
    const KEYS: [&str; 4] = ["transcript", "transcription", "caption", "text"];
    let found = fields(value, &KEYS);
    KEYS.iter().filter_map(|key| found.get(*key).and_then(|text| string(text))).collect()
}

/// The text of a document whose `source` states its kind (Anthropic); none if it is a file or an address.
pub(crate) fn source_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let source = fields(value, &["type", "data", "content"]);
    match source.get("type").and_then(|kind| string(kind))?.as_ref() {
        "text" => source.get("data").and_then(|data| string(data)),
        "content" => source.get("content").and_then(|content| data_text(content)),
        _ => None,
    }
}

/// The text of a document that keeps it in `data` (Cohere), or the document as written.
pub(crate) fn document_text(value: &RawValue) -> Option<Cow<'_, str>> {
    match fields(value, &["data"]).remove("data") {
        Some(data) => data_text(data),
        None => data_text(value),
    }
}

/// What a tool returned: the text of a string, the texts of parts, or the JSON as written.
///
/// Nothing below the parts is parsed, so that no depth of nesting exhausts the stack.
pub(crate) fn data_text(value: &RawValue) -> Option<Cow<'_, str>> {
    // `{"type": "json", "value": …}` (Vercel).
    let mut wrapped = fields(value, &["type", "value"]);
    let kind = wrapped.get("type").and_then(|kind| string(kind));
    let value = match kind.as_deref() {
        Some("text" | "json" | "content" | "error-text" | "error-json") => wrapped.remove("value").unwrap_or(value),
        _ => value,
    };
    match value.get() {
        "null" => None,
        json if json.starts_with('"') => string(value),
        json => Some(parts(value).map_or(Cow::Borrowed(json), Cow::Owned)),
    }
}

/// The texts of a part of a message, or of a list of them; none if any has another form.
fn parts(value: &RawValue) -> Option<String> {
    let part = |item: &RawValue| -> Option<String> {
        let found = fields(item, &["type", "text"]);
        let kind = found.get("type").and_then(|kind| string(kind))?;
        let text = found.get("text").and_then(|text| string(text)).map(Cow::into_owned);
        match part_name(&kind) {
            "text" => text,
            name if is_media(name) => {
                Some(joined([Cow::Owned(format!("[{name}]"))].into_iter().chain(text.map(Cow::Owned))))
            }
            _ => None,
        }
    };
    match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        Ok(items) if items.is_empty() => None,
        Ok(items) => {
            let texts: Option<Vec<String>> = items.into_iter().map(part).collect();
            texts.map(|texts| joined(texts.into_iter().map(Cow::Owned)))
        }
        Err(_) => part(value),
    }
}
