//! The parts of a chat's message: content, calls of tools, and what is no text.
//!
//! Invariant: a part has a text or a mark; one that has neither is an error.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json_cell::JsonText;

/// Content as text; `None` if it is null.
#[derive(Default)]
pub(crate) struct Content<'a>(pub(crate) Option<Cow<'a, str>>);

impl Content<'_> {
    /// Returns this content, or another one if this is null.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }
}

impl<'de> Deserialize<'de> for Content<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, null, or parts of a message")
    }

    fn visit_unit<E: Error>(self) -> Result<Content<'de>, E> {
        Ok(Content(None))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content<'de>, A::Error> {
        let mut text = String::new();
        while let Some(Content(part)) = list.next_element::<Content<'de>>()? {
            let Some(part) = part else { continue };
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&part);
        }
        Ok(Content(Some(text.into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content<'de>, A::Error> {
        let mut part = Part::default();
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            match &*key {
                "type" => part.kind = map.next_value::<Option<JsonText<'de>>>()?.map(|kind| kind.0),
                "text" | "value" | "thinking" | "refusal" => {
                    part.text = part.text.or(map.next_value::<Content<'de>>()?);
                }
                "content" => part.content = map.next_value()?,
                "name" => part.name = map.next_value::<Option<JsonText<'de>>>()?.map(|name| name.0),
                "input" | "arguments" => part.arguments = map.next_value()?,
                "function" | "function_call" => part.call = map.next_value()?,
                name if is_media(name) => {
                    if is_present(&map.next_value::<Box<RawValue>>()?) {
                        part.media = Some(part_name(name).to_owned());
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        part.render().ok_or_else(|| A::Error::custom("a part has neither text nor a type"))
    }
}

/// A part of a message.
#[derive(Default)]
struct Part<'a> {
    kind: Option<Cow<'a, str>>,
    text: Content<'a>,
    /// The result of a tool.
    content: Content<'a>,
    name: Option<Cow<'a, str>>,
    arguments: Arguments,
    call: Option<Call<'a>>,
    media: Option<String>,
}

impl<'a> Part<'a> {
    /// Returns the part as text; `None` if it has no form that is known.
    fn render(self) -> Option<Content<'a>> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let is_call = ["tool_use", "tool_call", "function_call"].iter().any(|call| kind.ends_with(call));
        if let Some(call) = self.call {
            return Some(Content(Some(call.text().into())));
        }
        if let Some(name) = self.name.filter(|_| is_call || (kind.is_empty() && self.arguments.0.is_some())) {
            return Some(Content(Some(Call { name, arguments: self.arguments }.text().into())));
        }
        let mark = match kind {
            "" => self.media,
            kind => is_media(kind).then(|| part_name(kind).to_owned()),
        };
        let text: Option<Cow<'a, str>> = match (self.text.or(self.content).0, mark) {
            (Some(text), Some(mark)) => Some(format!("[{mark}]\n{text}").into()),
            (Some(text), None) => Some(text),
            (None, Some(mark)) => Some(format!("[{mark}]").into()),
            (None, None) if matches!(part_name(kind), "text" | "thinking" | "refusal") => None,
            (None, None) if kind.is_empty() => return None,
            (None, None) => Some(format!("[{}]", part_name(kind)).into()),
        };
        Some(Content(text))
    }
}

/// The name of a part by its type: `image` for `image_url` and `input_image`.
pub(crate) fn part_name(kind: &str) -> &str {
    let kind = kind.strip_prefix("input_").or_else(|| kind.strip_prefix("output_")).unwrap_or(kind);
    match kind.strip_suffix("_url").unwrap_or(kind) {
        "images" => "image",
        "audios" => "audio",
        "videos" => "video",
        "files" => "file",
        name => name,
    }
}

/// Whether a key holds something other than text.
pub(crate) fn is_media(key: &str) -> bool {
    matches!(part_name(key), "image" | "audio" | "video" | "file")
}

/// Whether a value holds anything.
pub(crate) fn is_present(value: &RawValue) -> bool {
    !matches!(value.get(), "null" | "[]" | "{}" | "\"\"" | "false")
}

/// The calls of a message.
#[derive(Default)]
pub(crate) struct Calls<'a>(pub(crate) Vec<Call<'a>>);

impl<'de> Deserialize<'de> for Calls<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let calls = Option::<Vec<Option<Call<'de>>>>::deserialize(deserializer)?;
        Ok(Self(calls.into_iter().flatten().flatten().collect()))
    }
}

/// A call of a tool.
pub(crate) struct Call<'a> {
    name: Cow<'a, str>,
    arguments: Arguments,
}

impl Call<'_> {
    /// Returns the call as text.
    pub(crate) fn text(&self) -> String {
        format!("[call {}({})]", self.name, self.arguments.0.as_deref().unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Call<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CallVisitor)
    }
}

struct CallVisitor;

impl<'de> Visitor<'de> for CallVisitor {
    type Value = Call<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a call with `name` and `arguments`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Call<'de>, A::Error> {
        let (mut name, mut arguments, mut inner) = (None, Arguments::default(), None);
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            match &*key {
                "name" => name = map.next_value::<Option<JsonText<'de>>>()?,
                "arguments" | "input" | "parameters" => arguments = map.next_value()?,
                // The list of OpenAI wraps each call in an object that names its kind.
                "function" | "custom" => inner = map.next_value::<Option<Call<'de>>>()?.or(inner),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match (inner, name) {
            (Some(call), _) => Ok(call),
            (None, Some(JsonText(name))) => Ok(Call { name, arguments }),
            (None, None) => Err(A::Error::custom("a call has no name")),
        }
    }
}

/// The arguments of a call: the content of a string, or the JSON as written; `None` if they are missing or null.
#[derive(Default)]
struct Arguments(Option<String>);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(match raw.get() {
            "null" => None,
            json if json.starts_with('"') => Some(serde_json::from_str(json).map_err(D::Error::custom)?),
            json => Some(json.to_owned()),
        }))
    }
}
