//! A JSON value as written in a line, and its faults.
//!
//! Only what is read is parsed: a number keeps its digits, and a chat needs no tree of values.
//!
//! Invariant: every fault of the JSON has its column in the line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A fault of the JSON of a line.
#[derive(Debug)]
pub(crate) struct BadJson {
    /// Bytes from the start of the line to the fault.
    pub(crate) column: usize,
    /// The message of the parser.
    pub(crate) message: String,
}

impl BadJson {
    /// A fault in JSON that begins `at` bytes after the start of the line.
    fn new(at: usize, error: &serde_json::Error) -> Self {
        Self { column: at + error.column(), message: message_without_position(error) }
    }
}

/// Returns the message of serde without its position, which counts from the parsed part.
pub(crate) fn message_without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.clone(), |(words, _)| words.to_owned())
}

/// A text that borrows from the line if it contains no escapes.
#[derive(Debug, Deserialize)]
pub(crate) struct JsonText<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The JSON of one value, as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonCell<'a> {
    json: &'a str,
    /// Bytes of the line before it.
    at: usize,
}

impl<'a> JsonCell<'a> {
    /// The whole line.
    pub(crate) fn line(line: &'a str) -> Self {
        Self { json: line, at: 0 }
    }

    /// Returns the JSON.
    pub(crate) fn json(self) -> &'a str {
        self.json
    }

    /// Returns the type, for people.
    pub(crate) fn type_name(self) -> &'static str {
        match self.json.as_bytes().first() {
            Some(b'n') => "null",
            Some(b't' | b'f') => "a boolean",
            Some(b'"') => "text",
            Some(b'[') => "a list",
            Some(b'{') => "an object",
            _ => "a number",
        }
    }

    /// Returns the text of a string; `None` for other types.
    pub(crate) fn text(self) -> Result<Option<Cow<'a, str>>, BadJson> {
        if !self.json.starts_with('"') {
            return Ok(None);
        }
        self.parse::<JsonText<'a>>().map(|text| Some(text.0))
    }

    /// Returns the text of a value that is no object: strings without quotes, numbers as written, and the texts of a
    /// list joined with ` AND `.
    pub(crate) fn scalar(self) -> Result<Option<String>, BadJson> {
        match self.json.as_bytes().first() {
            Some(b'"') => self.text().map(|text| text.map(Cow::into_owned)),
            Some(b'{' | b'n') | None => Ok(None),
            Some(b'[') => {
                let list: Vec<&RawValue> = self.parse()?;
                let texts = list.into_iter().map(|item| self.inside(item).text());
                let texts: Vec<Cow<'_, str>> = texts.filter_map(Result::transpose).collect::<Result<_, _>>()?;
                Ok((!texts.is_empty()).then(|| texts.join(" AND ")))
            }
            Some(_) => Ok(Some(self.json.to_owned())),
        }
    }

    /// Converts a fault found by another parser of this JSON.
    pub(crate) fn fault(self, error: &serde_json::Error) -> BadJson {
        BadJson::new(self.at, error)
    }

    fn parse<T: Deserialize<'a>>(self) -> Result<T, BadJson> {
        serde_json::from_str(self.json).map_err(|error| self.fault(&error))
    }

    /// Returns a field of an object or an item of a list.
    pub(crate) fn child(self, name: &str) -> Result<Option<Self>, BadJson> {
        let found = match self.json.as_bytes().first() {
            Some(b'{') => self.fields(&|key| key == name)?.remove(name),
            Some(b'[') => match name.parse::<usize>() {
                Ok(index) => self.parse::<Vec<&RawValue>>()?.get(index).copied(),
                Err(_) => None,
            },
            _ => None,
        };
        Ok(found.map(|raw| self.inside(raw)))
    }

    /// Returns the fields of an object whose keys `selects` accepts; of a repeated key, the last.
    pub(crate) fn fields(self, selects: &dyn Fn(&str) -> bool) -> Result<FieldMap<'a>, BadJson> {
        SomeFields(selects).parse(self.json).map_err(|error| self.fault(&error))
    }

    /// Returns a part of this JSON as a cell.
    pub(crate) fn inside(self, part: &'a RawValue) -> Self {
        let before = part.get().as_ptr().addr() - self.json.as_ptr().addr();
        Self { json: part.get(), at: self.at + before }
    }
}

/// Fields of an object by key.
pub(crate) type FieldMap<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Reads the fields of an object whose keys a function selects.
struct SomeFields<'f>(&'f dyn Fn(&str) -> bool);

impl SomeFields<'_> {
    fn parse(self, json: &str) -> Result<FieldMap<'_>, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let fields = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(fields)
    }
}

impl<'de> DeserializeSeed<'de> for SomeFields<'_> {
    type Value = FieldMap<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SomeFields<'_> {
    type Value = FieldMap<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            if (self.0)(&key) {
                fields.insert(key, map.next_value::<&'de RawValue>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}
