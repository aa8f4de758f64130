//! Renders a chat as plain text: `role: content`, with one blank line between messages.
//!
//! A message is an object with `role` (or `from`) and `content` (or `value`, `text`, `parts`), as in the APIs of
//! OpenAI, Anthropic, Google and Cohere, in the SDK of Vercel and in ShareGPT. The content is text, null, or a list of
//! parts. Everything that is said stays visible:
//!
//! | in the message | in the text |
//! |---|---|
//! | text, reasoning, a refusal | the text |
//! | a call of a tool | `[call NAME(ARGUMENTS)]`, the arguments as they are written |
//! | what a tool returned | its text, or its JSON as it is written |
//! | a document in the message | its title, context and text |
//! | an image, a recording, any other part | its type, `[image]` or `[audio]`, and its transcript |
//!
//! Parts stand below each other: reasoning, plan, content, refusal, media, calls, results. If several keys hold text,
//! each different one is written. Names, ids and weights of a message are metadata and are left out; a message without
//! text whose other keys hold more than that is an error, since its content may be there.
//!
//! Invariant: messages are read one by one, never all at once; a part that cannot be rendered is an error, and so is a
//! message that has no content under any key that is known.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::chat_parts::{Call, Calls, Content, distinct};
use super::chat_values::{data_text, is_media, is_result, joined, marks, part_name, words};
use super::json_cell::JsonText;

/// Why a chat has no text.
#[derive(Debug)]
pub(crate) enum ChatFault {
    /// The JSON is malformed, or a message or part has no form that is known.
    Message {
        /// The message, counted from 1.
        number: usize,
        error: serde_json::Error,
    },
    /// No message has content.
    Empty,
}

/// Renders a list of messages.
///
/// # Errors
/// A message cannot be rendered, or none has content.
pub(crate) fn render<'de>(chat: impl Deserializer<'de, Error = serde_json::Error>) -> Result<String, ChatFault> {
    let mut rendered = Rendered::default();
    match Messages(&mut rendered).deserialize(chat) {
        Err(error) => Err(ChatFault::Message { number: rendered.number, error }),
        Ok(()) if !rendered.has_content => Err(ChatFault::Empty),
        Ok(()) => Ok(rendered.text),
    }
}

/// The text so far.
#[derive(Default)]
struct Rendered {
    text: String,
    /// The message that is read, counted from 1.
    number: usize,
    has_content: bool,
}

struct Messages<'r>(&'r mut Rendered);

impl<'de> DeserializeSeed<'de> for Messages<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Messages<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            self.0.number += 1;
            let Some(message) = list.next_element::<Message<'de>>()? else { return Ok(()) };
            if self.0.number > 1 {
                self.0.text.push_str("\n\n");
            }
            self.0.has_content |= !message.body.is_empty();
            self.0.text.extend([&*message.role, ": ", message.body.as_str()]);
        }
    }
}

/// A message as text.
struct Message<'a> {
    role: Cow<'a, str>,
    body: String,
}

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message with `role` and `content`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
        let (mut role, mut from) = (None, None);
        let mut contents: [Option<Content<'de>>; CONTENT_KEYS.len()] = Default::default();
        let (mut calls, mut call) = (Calls::default(), None);
        let mut media: Vec<String> = Vec::new();
        let (mut spoken, mut results) = (Vec::new(), Vec::new());
        let (mut has_content, mut unread) = (false, None);
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            if let Some(slot) = CONTENT_KEYS.iter().position(|content_key| *content_key == &*key) {
                contents[slot] = Some(map.next_value()?);
                has_content = true;
                continue;
            }
            has_content |=
                matches!(&*key, "tool_calls" | "tool_call" | "function_call") || is_media(&key) || is_result(&key);
            match &*key {
                "role" => role = map.next_value::<Option<JsonText<'de>>>()?,
                "from" => from = map.next_value::<Option<JsonText<'de>>>()?,
                "tool_calls" | "invalid_tool_calls" => calls.0.extend(map.next_value::<Calls<'de>>()?.0),
                "function_call" | "tool_call" => call = map.next_value::<Option<Call<'de>>>()?,
                name if is_media(name) => {
                    let value = map.next_value::<Box<RawValue>>()?;
                    media.extend(std::iter::repeat_n(format!("[{}]", part_name(name)), marks(&value)));
                    spoken.extend(words(&value).into_iter().map(Cow::into_owned));
                }
                name if is_result(name) => {
                    results.extend(data_text(&map.next_value::<Box<RawValue>>()?).map(Cow::into_owned));
                }
                name if METADATA.contains(&name) => {
                    map.next_value::<IgnoredAny>()?;
                }
                name => {
                    let value = map.next_value::<Box<RawValue>>()?;
                    let is_composed = value.get().starts_with(['[', '{']) && marks(&value) > 0;
                    unread = unread.or_else(|| is_composed.then(|| name.to_owned()));
                }
            }
        }
        let role = role.or(from).ok_or_else(|| A::Error::custom("it has no role"))?.0;
        if !has_content {
            return Err(A::Error::custom("it has no content: no `content`, `value`, `text`, `parts` or calls"));
        }
        calls.0.extend(call);
        let texts = distinct(contents);
        spoken.retain(|words| !texts.iter().any(|text| text == words));
        let calls = calls.0.iter().map(Call::text);
        let rest = media.into_iter().chain(spoken).chain(calls).chain(results).map(Cow::Owned);
        let body = joined(texts.into_iter().chain(rest));
        match unread.filter(|_| body.is_empty()) {
            Some(key) => Err(A::Error::custom(format!("its content is empty, and `{key}` is not read"))),
            None => Ok(Message { role, body }),
        }
    }
}

/// Keys of a message with lists and objects that say nothing.
const METADATA: [&str; 8] = [
    "annotations",
    "logprobs",
    "metadata",
    "providerMetadata",
    "provider_metadata",
    "response_metadata",
    "usage",
    "usage_metadata",
];

/// The keys of a message that hold text, in the order of the output.
const CONTENT_KEYS: [&str; 13] = [
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking",
    "thinking_blocks",
    "tool_plan",
    "content",
    "value",
    "text",
    "parts",
    "transcript",
    "refusal",
    "toolInvocations",
];
