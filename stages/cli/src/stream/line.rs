//! The lines of a stream: JSON objects whose fields keep their order and are written as they were read.
//!
//! A field that no step reads is never parsed into a number or a map: its characters are copied. So an id of any length
//! keeps its digits, and `1e3` stays `1e3`.
//!
//! Invariant: a line is either one JSON object or carries the reason why it was rejected; a line that is too long is not
//! held in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead, Read as _};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// Maximum number of lines in a chunk, the unit of work of a thread.
const CHUNK_LINES: usize = 256;
/// Number of bytes after which a chunk ends, even with fewer lines.
const CHUNK_BYTES: usize = 16 << 20;
/// Maximum length of a line, in bytes; a longer line is not held in memory.
const MAX_LINE_BYTES: u64 = 256 << 20;
/// A byte order mark, which some programs write before the first line.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The value of a field.
#[derive(Debug)]
struct Field {
    /// The JSON, as written.
    raw: Box<RawValue>,
    /// The text of a string that contains escapes.
    decoded: Option<String>,
}

impl Field {
    fn text(&self) -> Option<&str> {
        match &self.decoded {
            Some(text) => Some(text),
            None => self.raw.get().strip_prefix('"')?.strip_suffix('"'),
        }
    }
}

/// The fields of a JSON object, in its order; a repeated key has its last value, at the place of the first.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, Field)>);

impl Fields {
    fn get(&self, key: &str) -> Option<&Field> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, field)| field)
    }

    /// A string field. Escapes are decoded in the fields of a [`Line`] only.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Decodes strings that contain escapes. For body fields, whose raw JSON is never written back, only the decoded form
    /// is kept.
    fn decode(&mut self) -> Result<(), serde_json::Error> {
        for (key, field) in &mut self.0 {
            if field.raw.get().starts_with('"') && field.raw.get().contains('\\') {
                field.decoded = Some(serde_json::from_str(field.raw.get())?);
                if is_body(key) {
                    field.raw = RawValue::NULL.to_owned();
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, Field)> = Vec::new();
                let mut places: BTreeMap<String, usize> = BTreeMap::new();
                while let Some((key, raw)) = map.next_entry::<String, Box<RawValue>>()? {
                    let field = Field { raw, decoded: None };
                    if let Some(place) = places.get(&key).copied() {
                        fields[place].1 = field;
                    } else {
                        places.insert(key.clone(), fields.len());
                        fields.push((key, field));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Whether a field contains the text of the document; the step writes a new one.
fn is_body(key: &str) -> bool {
    matches!(key, "text" | "html" | "html_b64")
}

/// A parsed line, or the reason why it is invalid.
#[derive(Debug)]
pub(crate) struct Line {
    /// The fields of the object; none if the line is invalid.
    fields: Fields,
    /// Why the line is invalid: rule, value, threshold.
    pub(super) bad: Option<(&'static str, f64, f64)>,
}

impl Line {
    fn parse(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::bad("bad-utf8", 1.0, 0.0) };
        let fields = serde_json::from_str::<Fields>(text).and_then(|mut fields| fields.decode().map(|()| fields));
        match fields {
            Ok(fields) => Self { fields, bad: None },
            Err(_) if !text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                Self::bad("not-an-object", 1.0, 0.0)
            }
            Err(_) => Self::bad("bad-json", 1.0, 0.0),
        }
    }

    fn bad(rule: &'static str, value: f64, threshold: f64) -> Self {
        Self { fields: Fields::default(), bad: Some((rule, value, threshold)) }
    }

    /// The id. Large numbers are rounded here; [`OutputLine`] writes the id as it is in the line.
    pub(crate) fn id(&self) -> Value {
        serde_json::from_str(self.raw_id().get()).unwrap_or(Value::Null)
    }

    fn raw_id(&self) -> &RawValue {
        self.fields.get("id").map_or(RawValue::NULL, |field| field.raw.as_ref())
    }

    /// The id as text: the content of a string, or the JSON as written.
    pub(super) fn id_text(&self) -> String {
        self.text("id").unwrap_or_else(|| self.raw_id().get()).to_owned()
    }

    /// The output for a line without text: no score, and the reason.
    pub(crate) fn null_score(&self) -> Value {
        serde_json::json!({ "id": self.id(), "score": null, "reason": self.bad.map_or("no-text", |(rule, ..)| rule) })
    }

    /// A string field.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.fields.text(key)
    }
}

/// A line of output.
#[derive(Debug)]
pub(super) struct OutputLine(Vec<(String, Box<RawValue>)>);

impl OutputLine {
    /// The result for one input line: an object, whose `id` is written as it is in the line.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub(super) fn result(line: &Line, result: Value) -> Result<Self, serde_json::Error> {
        let Value::Object(result) = result else { return Ok(Self(Vec::new())) };
        let field = |(key, value): (String, Value)| -> Result<(String, Box<RawValue>), serde_json::Error> {
            let raw = if key == "id" { line.raw_id().to_owned() } else { to_raw_value(&value)? };
            Ok((key, raw))
        };
        result.into_iter().map(field).collect::<Result<_, _>>().map(Self)
    }

    /// A kept document: the fields of its line in their order, then those that the step adds. Fields
    /// that the step does not write, and `id`, `source` and `origin`, are copied unchanged.
    pub(super) fn kept(line: &Line, step: Fields) -> Self {
        let names: BTreeSet<&str> = line.fields.0.iter().map(|(key, _)| key.as_str()).collect();
        let (mut changed, mut added) = (BTreeMap::new(), Vec::new());
        for (key, field) in step.0 {
            if names.contains(key.as_str()) {
                changed.insert(key, field.raw);
            } else if !matches!(key.as_str(), "id" | "source" | "origin" | "content_digest") {
                added.push((key, field.raw));
            }
        }
        let mut fields = Vec::new();
        if !names.contains("id") {
            fields.push(("id".to_owned(), RawValue::NULL.to_owned()));
        }
        for (key, field) in &line.fields.0 {
            let value = match key.as_str() {
                "id" | "source" | "origin" => Some(field.raw.clone()),
                body if is_body(body) => changed.remove(body),
                other => changed.remove(other).or_else(|| Some(field.raw.clone())),
            };
            fields.extend(value.map(|value| (key.clone(), value)));
        }
        fields.append(&mut added);
        Self(fields)
    }
}

impl fmt::Display for OutputLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        for (index, (key, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{}:{}", Value::from(key.as_str()), value.get())?;
        }
        formatter.write_str("}")
    }
}

/// Reads the lines of a stream.
pub(super) struct LineReader<R> {
    input: R,
    /// Whether the next line is the first.
    first: bool,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, first: true }
    }

    /// The next chunks, one per thread; none at the end of the input.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub(super) fn chunks(&mut self, threads: usize) -> io::Result<Vec<Vec<Line>>> {
        let mut chunks = Vec::new();
        while chunks.len() < threads {
            let lines = self.chunk()?;
            if lines.is_empty() {
                break;
            }
            chunks.push(lines);
        }
        Ok(chunks)
    }

    fn chunk(&mut self) -> io::Result<Vec<Line>> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        // A chunk without lines is the end of the input, so blank lines alone never end one.
        while lines.len() < CHUNK_LINES && (bytes < CHUNK_BYTES || lines.is_empty()) {
            let mut buffer = Vec::new();
            let read = self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut buffer)?;
            if read == 0 {
                break;
            }
            bytes += read;
            let first = std::mem::replace(&mut self.first, false);
            if read as u64 == MAX_LINE_BYTES && buffer.last() != Some(&b'\n') {
                let rest = skip_line(&mut self.input)?;
                #[expect(clippy::cast_precision_loss, reason = "shown only as a measured value")]
                let (value, threshold) = ((MAX_LINE_BYTES + rest) as f64, MAX_LINE_BYTES as f64);
                lines.push(Line::bad("too-large", value, threshold));
                continue;
            }
            let line: &[u8] = if first { buffer.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&buffer) } else { &buffer };
            if !line.iter().all(u8::is_ascii_whitespace) {
                lines.push(Line::parse(line));
            }
        }
        Ok(lines)
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let (length, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(length);
        skipped += length as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::parse(text.as_bytes())
    }

    fn rules(text: &str) -> Vec<Option<&'static str>> {
        let chunks = LineReader::new(text.as_bytes()).chunks(8).unwrap();
        chunks.into_iter().flatten().map(|line| line.bad.map(|(rule, ..)| rule)).collect()
    }

    #[test]
    fn only_the_first_line_may_have_a_byte_order_mark() {
        assert_eq!(rules("\u{feff}{\"id\":1}\n\u{feff}{\"id\":2}\n{\"id\":3}"), [None, Some("bad-json"), None]);
        assert_eq!(rules("\u{feff}\n\n{\"id\":1}"), [None]);
        assert_eq!(rules(&format!("{}{{\"id\":1}}", "\n".repeat(CHUNK_BYTES + 1))), [None]);
        let chunks = LineReader::new("\u{feff}{\"id\":\"a\"}".as_bytes()).chunks(1).unwrap();
        assert_eq!(chunks[0][0].text("id"), Some("a"));
    }

    #[test]
    fn bad_lines_have_their_rule() {
        let found = rules("[1, 2]\n[1,\n7\n\"{\"\n{\"a\":\n{} {}\n{\"text\":\"\\ud800\"}\n");
        let expected =
            ["not-an-object", "bad-json", "not-an-object", "not-an-object", "bad-json", "bad-json", "bad-json"];
        assert_eq!(found, expected.map(Some));
        assert_eq!(Line::parse(b"{\"a\":\"\xff\"}").bad, Some(("bad-utf8", 1.0, 0.0)));
    }

    #[test]
    fn texts_are_decoded() {
        let line = line(r#"{"text":"a\nb","title":"plain","url":"http:\/\/x\u00e9","n":5}"#);
        let texts = ["text", "title", "url", "n", "absent"].map(|key| line.text(key));
        assert_eq!(texts, [Some("a\nb"), Some("plain"), Some("http://xé"), None, None]);
    }

    #[test]
    fn kept_lines_are_written_as_they_were_read() {
        let line = line(
            r#"{"z": 1e3, "text": "A\n", "b": {"y":1.50, "a":12345678901234567890123}, "id": 1E3, "t": "\u00e9", "title": "T", "z": 2.0, "html": "x"}"#,
        );
        let step = serde_json::from_str(
            r#"{"id":"0","source":"stdin","origin":"","text":"B\n","title":"U","media_type":"text/plain","content_digest":"c","score":0.5}"#,
        )
        .unwrap();
        assert_eq!(
            OutputLine::kept(&line, step).to_string(),
            r#"{"z":2.0,"text":"B\n","b":{"y":1.50, "a":12345678901234567890123},"id":1E3,"t":"\u00e9","title":"U","media_type":"text/plain","score":0.5}"#
        );
        let bare = OutputLine::kept(
            &Line::parse(b"{\"source\": 5}"),
            serde_json::from_str(r#"{"id":"0","source":"stdin"}"#).unwrap(),
        );
        assert_eq!(bare.to_string(), r#"{"id":null,"source":5}"#);
    }

    #[test]
    fn answers_have_the_id_of_the_line() {
        let answer = |text: &str| {
            let line = line(text);
            OutputLine::result(&line, serde_json::json!({ "id": line.id() })).unwrap().to_string()
        };
        assert_eq!(answer(r#"{"id":12345678901234567890123}"#), r#"{"id":12345678901234567890123}"#);
        assert_eq!(answer(r#"{"id":1e999}"#), r#"{"id":1e999}"#);
        assert_eq!(answer("{}"), r#"{"id":null}"#);
        assert_eq!(
            [line(r#"{"id":1e3}"#).id_text(), line(r#"{"id":"a\"b"}"#).id_text(), line("{}").id_text()],
            ["1e3", "a\"b", "null"]
        );
    }
}
