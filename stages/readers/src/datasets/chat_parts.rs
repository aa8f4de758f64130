//! The parts of a chat's message: content, calls of tools, and what is no text.
//!
//! Invariant: everything that a part says is in its text or leaves a mark; a part of which nothing can be read is an
//! error, unless it says itself that it is empty.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::chat_values::{data_text, document_text, is_media, is_result, joined, marks, part_name, source_text, words};
use super::json_cell::JsonText;

/// Content as text; `None` if it is null.
#[derive(Default)]
pub(crate) struct Content<'a>(pub(crate) Option<Cow<'a, str>>);

/// The texts that several keys of an object have, in order; equal ones and empty ones are omitted. White space does not
/// count, since one key may have in one text what another has in parts.
pub(crate) fn distinct<'a>(contents: impl IntoIterator<Item = Option<Content<'a>>>) -> Vec<Cow<'a, str>> {
    let mut texts: Vec<Cow<'a, str>> = Vec::new();
    for text in contents.into_iter().flatten().filter_map(|content| content.0) {
        if !text.is_empty() && !texts.iter().any(|other| is_equal(other, &text)) {
            texts.push(text);
        }
    }
    texts
}

fn is_equal(one: &str, other: &str) -> bool {
    let is_letter = |letter: &char| !letter.is_whitespace();
    one.chars().filter(is_letter).eq(other.chars().filter(is_letter))
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
        let mut parts = Vec::new();
        while let Some(Content(part)) = list.next_element::<Content<'de>>()? {
            parts.extend(part.filter(|part| !part.is_empty()));
        }
        Ok(Content(Some(joined(parts).into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content<'de>, A::Error> {
        let mut part = Part::default();
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            if let Some(slot) = TEXT_KEYS.iter().position(|text_key| *text_key == &*key) {
                part.texts[slot] = Some(map.next_value()?);
                continue;
            }
            match &*key {
                "type" => part.kind = map.next_value::<Option<JsonText<'de>>>()?.map(|kind| kind.0),
                "name" | "toolName" => part.name = map.next_value::<Option<JsonText<'de>>>()?.map(|name| name.0),
                "input" | "arguments" | "args" | "parameters" => {
                    part.arguments = map.next_value::<Arguments>()?.or(part.arguments);
                }
                "function" | "function_call" | "functionCall" => {
                    part.call = map.next_value::<Option<Call<'de>>>()?.or(part.call);
                }
                name => part.value(name, &map.next_value::<Box<RawValue>>()?),
            }
        }
        part.render().map_err(A::Error::custom)
    }
}

/// The keys of a part that hold text or parts, in the order of the output; `content` is the result of a tool.
const TEXT_KEYS: [&str; 13] = [
    "reasoning",
    "thinking",
    "summary",
    "transcript",
    "transcription",
    "caption",
    "text",
    "value",
    "refusal",
    "content",
    "parts",
    "thinking_blocks",
    "toolInvocation",
];

fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// A part of a message.
#[derive(Default)]
struct Part<'a> {
    kind: Option<Cow<'a, str>>,
    /// What the [`TEXT_KEYS`] hold.
    texts: [Option<Content<'a>>; TEXT_KEYS.len()],
    name: Option<Cow<'a, str>>,
    arguments: Arguments,
    call: Option<Call<'a>>,
    /// What documents and recordings say.
    words: Vec<String>,
    /// The title and the context, which are read of a document only.
    headings: Vec<String>,
    /// What tools returned.
    results: Vec<String>,
    media: Vec<String>,
}

impl<'a> Part<'a> {
    /// Reads a value that may be text or anything else.
    fn value(&mut self, key: &str, value: &RawValue) {
        match key {
            "source" => self.words.extend(source_text(value).map(Cow::into_owned)),
            "document" => self.words.extend(document_text(value).map(Cow::into_owned)),
            "resource" => self.words.extend(words(value).into_iter().map(Cow::into_owned)),
            "title" | "context" => self.headings.extend(data_text(value).map(Cow::into_owned)),
            "code" if is_string(value) => self.words.extend(data_text(value).map(Cow::into_owned)),
            "error" | "errorText" if value.get() != "false" => {
                self.results.extend(data_text(value).map(Cow::into_owned));
            }
            "result" | "output" | "outputs" | "stdout" | "stderr" => {
                self.results.extend(data_text(value).map(Cow::into_owned));
            }
            name if is_result(name) => self.results.extend(data_text(value).map(Cow::into_owned)),
            name if is_media(name) => {
                self.media.extend(std::iter::repeat_n(part_name(name).to_owned(), marks(value)));
                self.words.extend(words(value).into_iter().map(Cow::into_owned));
            }
            _ => {}
        }
    }

    /// The tool that a part of the Vercel SDK calls: its type is `tool-NAME`.
    fn tool_of_type(kind: &str) -> Option<&str> {
        let steps = ["call", "result", "error", "invocation", "approval-request", "approval-response"];
        kind.strip_prefix("tool-").filter(|name| !steps.contains(name))
    }

    /// Returns the part as text, or why it has none.
    fn render(self) -> Result<Content<'a>, &'static str> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let mut media = self.media;
        if is_media(kind) && !media.iter().any(|name| name == part_name(kind)) {
            media.insert(0, part_name(kind).to_owned());
        }
        let tool = Self::tool_of_type(kind).map(|name| Cow::Owned(name.to_owned()));
        let calls = ["tool_use", "tool_call", "tool-call", "function_call", "mcp_call", "dynamic-tool"];
        let is_call = tool.is_some() || calls.iter().any(|call| kind.ends_with(call));
        let is_named_call = is_call || (kind.is_empty() && self.arguments.0.is_some());
        let name = self.name.or(tool).filter(|_| is_named_call);
        let call = self.call.or(name.map(|name| Call { name, arguments: self.arguments, output: None }));
        let has_key = self.texts.iter().any(Option::is_some);
        let has_text = self.texts.iter().flatten().any(|content| content.0.is_some());
        let texts = distinct(self.texts);
        // Several keys may hold one text.
        let is_new = |text: &String| !texts.iter().any(|other| other == text);
        let words: Vec<String> = self.words.into_iter().filter(is_new).collect();
        let results: Vec<String> = self.results.into_iter().filter(is_new).collect();
        let headings = if matches!(kind, "document" | "search_result") { self.headings } else { Vec::new() };
        let mut pieces: Vec<Cow<'a, str>> = Vec::new();
        pieces.extend(media.into_iter().map(|name| Cow::Owned(format!("[{name}]"))));
        pieces.extend(headings.into_iter().map(Cow::Owned));
        pieces.extend(texts);
        pieces.extend(words.into_iter().chain(call.map(|call| call.text())).chain(results).map(Cow::Owned));
        if pieces.len() > 1 {
            return Ok(Content(Some(joined(pieces).into())));
        }
        if let Some(piece) = pieces.pop() {
            return Ok(Content(Some(piece)));
        }
        match part_name(kind) {
            "" if has_text => Ok(Content(None)),
            "" => Err("a part has neither text nor a type"),
            "text" | "thinking" | "refusal" if has_key => Ok(Content(None)),
            "text" | "thinking" | "refusal" => Err("a part whose type is text has none"),
            name => Ok(Content(Some(format!("[{name}]").into()))),
        }
    }
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
    /// What the tool returned, if the call has it (threads of OpenAI's assistants).
    output: Option<String>,
}

impl Call<'_> {
    /// Returns the call as text, and below it what the tool returned.
    pub(crate) fn text(&self) -> String {
        let call = format!("[call {}({})]", self.name, self.arguments.0.as_deref().unwrap_or_default());
        joined([Cow::Owned(call)].into_iter().chain(self.output.as_deref().map(Cow::Borrowed)))
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
        let (mut name, mut arguments, mut inner, mut output) = (None, Arguments::default(), None, None);
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            match &*key {
                "name" => name = map.next_value::<Option<JsonText<'de>>>()?,
                "arguments" | "input" | "parameters" | "args" => arguments = map.next_value()?,
                // The list of OpenAI wraps each call in an object that names its kind.
                "function" | "custom" => inner = map.next_value::<Option<Call<'de>>>()?.or(inner),
                "output" | "error" => output = data_text(&map.next_value::<Box<RawValue>>()?).map(Cow::into_owned),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match (inner, name) {
            (Some(call), _) => Ok(call),
            (None, Some(JsonText(name))) => Ok(Call { name, arguments, output }),
            (None, None) => Err(A::Error::custom("a call has no name")),
        }
    }
}

impl Arguments {
    fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
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
