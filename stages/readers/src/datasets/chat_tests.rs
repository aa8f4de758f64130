//! Tests of chats: the forms of messages that APIs and datasets use, and what cannot be rendered.

use super::chat::{ChatFault, render};

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
        message(r#""content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"10:30"}]}]"#),
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
fn parts_of_reasoning_recordings_and_documents_are_read() {
    let parts = [
        (
            r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"},{"type":"summary_text","text":"so"}]}"#,
            "hm\nso",
        ),
        (r#"{"type":"reasoning","summary":[],"encrypted_content":"q"}"#, "[reasoning]"),
        (r#"{"type":"reasoning","reasoning":"hm"}"#, "hm"),
        (r#"{"type":"input_audio","transcript":"Hi."}"#, "[audio]\nHi."),
        (r#"{"type":"input_audio","input_audio":{"data":"AA==","transcript":"Hi."}}"#, "[audio]\nHi."),
        (r#"{"type":"image","image":"x.png","caption":"A clock."}"#, "[image]\nA clock."),
        (r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"D"},"title":"T"}"#, "T\nD"),
        (
            r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"D"},{"type":"text","text":"E"}]}}"#,
            "D\nE",
        ),
        (
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}"#,
            "[document]",
        ),
        (r#"{"type":"document","document":{"id":"1","data":"D"}}"#, "D"),
        (r#"{"type":"document","document":{"id":"1","data":{"title":"T"}}}"#, r#"{"title":"T"}"#),
        (r#"{"type":"resource","resource":{"uri":"u","text":"R"}}"#, "R"),
    ];
    for (part, expected) in parts {
        assert_eq!(message(&format!("\"content\":[{part}]")), expected, "{part}");
    }
    assert_eq!(message(r#""content":null,"audio":{"id":"a","transcript":"Hello."}"#), "[audio]\nHello.");
    assert_eq!(message(r#""content":"Hello.","audio":{"id":"a","transcript":"Hello."}"#), "Hello.\n[audio]");
    let details =
        r#""reasoning_details":[{"type":"reasoning.summary","summary":"s"},{"type":"reasoning.text","text":"t"}]"#;
    assert_eq!(message(&format!("{details},\"content\":\"c\"")), "s\nt\nc");
}

#[test]
fn calls_and_results_of_every_kit_are_read() {
    let parts = [
        (r#"{"type":"tool-call","toolCallId":"1","toolName":"f","args":{"x":1}}"#, r#"[call f({"x":1})]"#),
        (r#"{"type":"tool-call","toolName":"f","input":{"x":1}}"#, r#"[call f({"x":1})]"#),
        (r#"{"type":"tool-result","toolName":"f","result":"Sunny"}"#, "Sunny"),
        (r#"{"type":"tool-result","toolName":"f","result":{"t":[1, 2]}}"#, r#"{"t":[1, 2]}"#),
        (r#"{"type":"tool-result","output":{"type":"text","value":"Sunny"}}"#, "Sunny"),
        (r#"{"type":"tool-result","output":{"type":"json","value":{"text":"a","t":20}}}"#, r#"{"text":"a","t":20}"#),
        (r#"{"type":"tool-result","output":{"type":"content","value":[{"type":"text","text":"a"}]}}"#, "a"),
        (
            r#"{"type":"tool-f","state":"output-available","input":{"x":1},"output":false}"#,
            "[call f({\"x\":1})]\nfalse",
        ),
        (r#"{"type":"dynamic-tool","toolName":"f","input":{},"output":"o"}"#, "[call f({})]\no"),
        (
            r#"{"type":"tool-invocation","toolInvocation":{"state":"result","toolName":"f","args":{},"result":"o"}}"#,
            "[call f({})]\no",
        ),
        (r#"{"type":"tool_result","output":"42 degrees"}"#, "42 degrees"),
        (r#"{"type":"tool_result","content":"42","output":"42"}"#, "42"),
        (
            r#"{"type":"function_call_output","output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"u"}]}"#,
            "a\n[image]",
        ),
        (r#"{"type":"tool_result","output":{"text":"a","t":20}}"#, r#"{"text":"a","t":20}"#),
        (r#"{"type":"code_execution_result","stdout":"3","stderr":"","content":[]}"#, "3"),
    ];
    for (part, expected) in parts {
        assert_eq!(message(&format!("\"content\":[{part}]")), expected, "{part}");
    }
    let call = r#"{"function":{"name":"f","arguments":"{}"}}"#;
    assert_eq!(message(&format!("\"tool_plan\":\"I look.\",\"tool_calls\":[{call}]")), "I look.\n[call f({})]");
    assert_eq!(
        message(r#""tool_results":[{"call":{"name":"f"},"outputs":[{"t":1}]}]"#),
        r#"[{"call":{"name":"f"},"outputs":[{"t":1}]}]"#
    );
    let invocation = r#"{"state":"result","toolCallId":"1","toolName":"f","args":{"x":1},"result":"o"}"#;
    assert_eq!(message(&format!("\"content\":\"c\",\"toolInvocations\":[{invocation}]")), "c\n[call f({\"x\":1})]\no");
}

#[test]
fn lists_of_pictures_leave_a_mark_for_each() {
    for (images, expected) in [
        ("[ ]", "t"),
        ("[\n]", "t"),
        ("[null, \"\"]", "t"),
        ("{ }", "t"),
        ("[\"a\", null, {\"url\":\"b\"}]", "t\n[image]\n[image]"),
        ("[0, 255]", "t\n[image]"),
    ] {
        assert_eq!(message(&format!("\"content\":\"t\",\"images\":{images}")), expected, "{images}");
    }
    assert_eq!(message(r#""content":"<image>t","images":["a"]"#), "<image>t\n[image]");
}

#[test]
fn no_depth_of_a_result_exhausts_the_stack() {
    let open = r#"{"type":"json","value":{"type":"text","output":"#;
    let json = format!("{}1{}", open.repeat(50_000), "}}".repeat(50_000));
    assert!(message(&format!("\"content\":[{{\"type\":\"tool_result\",\"output\":{json}}}]")).len() > 1_000_000);
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

#[test]
fn content_is_lost_with_an_error_only() {
    for (fields, expected) in [
        (r#""content":"","tool_call":{"name":"f","arguments":{"a":1}}"#, r#"[call f({"a":1})]"#),
        (r#""content":"","invalid_tool_calls":[{"name":"f","args":"x","error":"no JSON"}]"#, "[call f(x)]\nno JSON"),
        (
            r#""content":null,"tool_calls":[{"function":{"name":"f","arguments":"1","output":"two"}}]"#,
            "[call f(1)]\ntwo",
        ),
        (
            r#""content":[{"type":"tool-f","state":"output-error","input":{},"errorText":"Not found","error":false}]"#,
            "[call f({})]\nNot found",
        ),
        (r#""content":[{"type":"code_interpreter_call","code":"1 + 1","outputs":"2"}]"#, "1 + 1\n2"),
        (r#""content":[{"type":"mcp_call","name":"f","arguments":"{}","output":"x","error":null}]"#, "[call f({})]\nx"),
        (r#""content":"one\ntwo","parts":[{"type":"text","text":"one"},{"type":"text","text":"two"}]"#, "one\ntwo"),
        (r#""content":"","documents":[{"text":"d"}]"#, "1: its content is empty, and `documents` is not read"),
        (r#""content":"x","documents":[{"text":"d"}]"#, "x"),
        (r#""content":"","metadata":{"a":1},"extra":{},"list":[null],"id":"9""#, "empty"),
    ] {
        let found = message(fields);
        // The place of an error in the JSON is not of interest here.
        assert_eq!(found.split(" at line").next(), Some(expected), "{fields}");
    }
}
