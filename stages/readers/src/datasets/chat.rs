//! Renders a chat as plain text: `role: content`, with one blank line between messages.
//!
//! A message is an object with `role` (or `from`) and `content` (or `value`, `text`, `parts`), as in the APIs of
//! OpenAI, Anthropic and Google and in ShareGPT. The content is text, null, or a list of parts. Everything that is said
//! stays visible:
//!
//! | in the message | in the text |
//! |---|---|
//! | text, reasoning, a refusal | the text |
//! | a call of a tool | `[call NAME(ARGUMENTS)]`, the arguments as they are written |
//! | an image, a recording, any other part | its type: `[image]`, `[audio]` |
//!
//! Parts stand below each other: reasoning, content, refusal, media, calls. If several keys hold text, each different
//! one is written. Names, ids and weights of a message are metadata and are left out.
//!
//! Invariant: messages are read one by one, never all at once; a part that cannot be rendered is an error, and so is a
//! message that has no content under any key that is known.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::chat_parts::{Call, Calls, Content, distinct, is_media, is_present, joined, part_name};
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
        let mut media: Vec<Cow<'_, str>> = Vec::new();
        let mut has_content = false;
        while let Some(JsonText(key)) = map.next_key::<JsonText<'de>>()? {
            if let Some(slot) = CONTENT_KEYS.iter().position(|content_key| *content_key == &*key) {
                contents[slot] = Some(map.next_value()?);
                has_content = true;
                continue;
            }
            has_content |= matches!(&*key, "tool_calls" | "function_call") || is_media(&key);
            match &*key {
                "role" => role = map.next_value::<Option<JsonText<'de>>>()?,
                "from" => from = map.next_value::<Option<JsonText<'de>>>()?,
                "tool_calls" => calls = map.next_value()?,
                "function_call" => call = map.next_value::<Option<Call<'de>>>()?,
                name if is_media(name) => {
                    if is_present(&map.next_value::<Box<RawValue>>()?) {
                        media.push(format!("[{}]", part_name(name)).into());
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let role = role.or(from).ok_or_else(|| A::Error::custom("it has no role"))?.0;
        if !has_content {
            return Err(A::Error::custom("it has no content: no `content`, `value`, `text`, `parts` or calls"));
        }
        calls.0.extend(call);
        let calls = calls.0.iter().map(|call| Cow::Owned(call.text()));
        let body = joined(distinct(contents).into_iter().chain(media).chain(calls));
        Ok(Message { role, body })
    }
}

/// The keys of a message that hold text, in the order of the output.
const CONTENT_KEYS: [&str; 8] =
    ["reasoning", "reasoning_content", "thinking", "content", "value", "text", "parts", "refusal"];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(chat: &str) -> String {
        match render(&mut serde_json::Deserializer::from_str(chat)) {
            Ok(text) => text,
            Err(ChatFault::Message { number, error }) => format!("{number}: {error}"),
            Err(ChatFault::Empty) => "empty".to_owned(),
        }
    }

    /// The text of one message of the role `a`, with these fields.
    fn message(fields: &str) -> String {
        let text = text(&format!("[{{\"role\":\"a\",{fields}}}]"));
        text.strip_prefix("a: ").map_or_else(|| text.clone(), str::to_owned)
    }

    #[test]
    fn roles_and_contents() {
        assert_eq!(
            text(
                r#"[{"role":"user","content":"Hi\n"},{"from":"gpt","value":"Ho","weight":1},{"content":["a",{"text":"b"},null],"role":"user"}]"#
            ),
            "user: Hi\n\n\ngpt: Ho\n\nuser: a\nb"
        );
        assert_eq!(text(r#"[{"role":"u","content":null},{"role":"v","content":"x"}]"#), "u: \n\nv: x");
        assert_eq!(text(r#"[{"role":"u","content":null},{"role":"v","content":[]}]"#), "empty");
        assert_eq!(text("[]"), "empty");
        assert_eq!(message(r#""content":"x","reasoning_content":"r","refusal":null"#), "r\nx");
        assert_eq!(message(r#""content":null,"refusal":"No.""#), "No.");
    }

    #[test]
    fn every_key_that_holds_text_is_read() {
        for (fields, expected) in [
            (r#""reasoning_content":"r","reasoning":null,"content":"x""#, "r\nx"),
            (r#""reasoning":null,"reasoning_content":"r","content":"x""#, "r\nx"),
            (r#""reasoning":"r","reasoning_content":"s","content":"x""#, "r\ns\nx"),
            (r#""reasoning":"r","reasoning_content":"r","content":"x""#, "r\nx"),
            (r#""text":"x""#, "x"),
            (r#""text":"x","content":"x""#, "x"),
            (r#""content":null,"text":"x","value":"y""#, "y\nx"),
            (r#""parts":[{"text":"x"},{"text":"y"}]"#, "x\ny"),
            (r#""content":{"parts":["x"]}"#, "x"),
        ] {
            assert_eq!(message(fields), expected, "{fields}");
        }
    }

    #[test]
    fn parts_of_gemini_are_read() {
        let parts = [
            (r#"{"functionCall":{"name":"f","args":{"x":1}}}"#, r#"[call f({"x":1})]"#),
            (r#"{"functionResponse":{"name":"f","response":{"y":2}}}"#, r#"{"name":"f","response":{"y":2}}"#),
            (r#"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#, "[file]"),
            (r#"{"text":"hm","thought":true}"#, "hm"),
        ];
        for (part, expected) in parts {
            assert_eq!(message(&format!("\"parts\":[{part}]")), expected, "{part}");
        }
    }

    #[test]
    fn calls_have_name_and_arguments() {
        let call = r#"{"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}"#;
        assert_eq!(
            message(&format!(r#""content":null,"tool_calls":[{call},{call}]"#)),
            "[call f({\"x\": 1})]\n[call f({\"x\": 1})]"
        );
        assert_eq!(
            message(r#""content":"Wait.","tool_calls":[{"name":"g","arguments":{"n": 1e3}}]"#),
            "Wait.\n[call g({\"n\": 1e3})]"
        );
        assert_eq!(message(r#""tool_calls":null,"function_call":{"name":"h"}"#), "[call h()]");
        assert_eq!(
            message(
                r#""content":[{"type":"text","text":"Now"},{"type":"tool_use","id":"t","name":"f","input":{"a":[1, 2]}}]"#
            ),
            "Now\n[call f({\"a\":[1, 2]})]"
        );
        assert_eq!(
            message(
                r#""content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"10:30"}]}]"#
            ),
            "10:30"
        );
    }

    #[test]
    fn parts_without_text_leave_a_mark() {
        let parts = [
            (r#"{"type":"image_url","image_url":{"url":"x"}}"#, "[image]"),
            (r#"{"type":"input_audio","input_audio":{"data":"AA=="}}"#, "[audio]"),
            (r#"{"type":"image"}"#, "[image]"),
            (r#"{"image":"x.png"}"#, "[image]"),
            (r#"{"type":"image","text":"A clock."}"#, "[image]\nA clock."),
            (r#"{"type":"file","name":"a.pdf"}"#, "[file]"),
            (r#"{"type":"redacted_thinking","data":"q"}"#, "[redacted_thinking]"),
            (r#"{"type":"tool_result","content":null}"#, "[tool_result]"),
            (r#"{"type":"text","text":"t","image":null}"#, "t"),
            (r#"{"type":"text","text":"t","image":"x.png"}"#, "[image]\nt"),
            (r#"{"type":"image","image":"x.png","audio":"y.wav"}"#, "[image]\n[audio]"),
            (r#"{"thinking":"hm","text":"t"}"#, "hm\nt"),
            (r#"{"type":"tool_use","name":"f","input":1,"text":"t"}"#, "t\n[call f(1)]"),
            (r#"{"type":"text","text":null}"#, ""),
            (r#"{"text":""}"#, ""),
            (r#"{"type":"thinking","thinking":"hm"}"#, "hm"),
        ];
        for (part, expected) in parts {
            let expected = if expected.is_empty() { "x".to_owned() } else { format!("x\n{expected}") };
            assert_eq!(message(&format!("\"content\":[\"x\",{part}]")), expected, "{part}");
        }
        assert_eq!(message(r#""content":"See.","images":["AA=="],"audio":null"#), "See.\n[image]");
    }

    #[test]
    fn what_cannot_be_rendered_is_an_error() {
        for (chat, expected) in [
            (r#"[{"role":"a","content":"x"},{"content":"x"}]"#, "2: it has no role"),
            (r#"[{"role":5,"content":"x"}]"#, "1: invalid type: integer `5`"),
            (r#"[{"role":"a","content":7}]"#, "1: invalid type: integer `7`, expected text, null, or parts"),
            (r#"[{"role":"a","content":[{"x":1}]}]"#, "1: a part has neither text nor a type"),
            (r#"[{"role":"a","tool_calls":[{"id":"1"}]}]"#, "1: a call has no name"),
            (r#"["x"]"#, "1: invalid type: string \"x\", expected a message"),
            (r#"[{"role":"a","prompt":"x"}]"#, "1: it has no content"),
            (r#"[{"role":"a"},{"role":"b","content":"x"}]"#, "1: it has no content"),
            (r#"[{"role":"a","content":[{"type":"text","data":"x"}]}]"#, "1: a part whose type is text has none"),
            (r#"[{"role":"a","content":[{"text":null,"data":"x"}]}]"#, "1: a part has neither text nor a type"),
        ] {
            assert!(text(chat).starts_with(expected), "{chat}: {}", text(chat));
        }
    }

    #[test]
    fn values_are_rendered_like_json() {
        let chat = r#"[{"role":"user","content":[{"type":"image"},"see"]},{"role":"a","content":null,"tool_calls":[{"name":"f","arguments":{"x":1}}]}]"#;
        let value: serde_json::Value = serde_json::from_str(chat).unwrap();
        assert_eq!(render(&value).unwrap(), text(chat));
        assert_eq!(text(chat), "user: [image]\nsee\n\na: [call f({\"x\":1})]");
    }
}
