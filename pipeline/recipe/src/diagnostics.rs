//! Messages for parser errors: what was given, what is expected, what to do.
//!
//! Invariant: no message contains the name of a Rust type or an internal term of the parser.

mod layout;

use serde_saphyr::Error;

use crate::error::{SourceSpan, UnknownName};
use crate::nearest::did_you_mean;

/// An explained error; the position may differ from the one that the parser reported.
#[derive(Debug)]
pub(crate) struct Diagnostic {
    pub(crate) span: Option<SourceSpan>,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
    pub(crate) unknown: Option<UnknownName>,
}

/// Explains `error`, found at `span` in `text`.
pub(crate) fn describe(error: &Error, span: Option<SourceSpan>, text: &str) -> Diagnostic {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected, span),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("name", variant, expected, span),
        Error::MultipleDocuments { .. } => second_document(span, text),
        other => {
            let given = span.as_ref().map(underlined).unwrap_or_default();
            let (message, hint) = explain(other, &given);
            let hint = hint.or_else(|| layout::hint(other, &given, span.as_ref()?, text));
            Diagnostic { span, message, hints: hint.into_iter().collect(), unknown: None }
        }
    }
}

/// The message and the hint for an error at the text `given`.
fn explain(error: &Error, given: &str) -> (String, Option<String>) {
    match error {
        Error::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing"), Some(format!("add `{field}: …` here")))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or(given);
            (format!("duplicate key `{key}`"), Some("keep one of them".to_owned()))
        }
        Error::UnknownAnchor { .. } => (
            format!("unknown alias `{given}`"),
            Some("`*name` repeats an earlier value marked `&name`; put text that begins with `*` in quotes".to_owned()),
        ),
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => (
            format!("`{given}` is a second name here, but only one is allowed"),
            Some("keep one of them; each step of a list is a separate item, `- name: …`".to_owned()),
        ),
        Error::UnexpectedValueForUnitEnumVariant { .. } => (
            format!("`{given}` was given, but the name before it has no value"),
            Some("write the name alone: `key: name`".to_owned()),
        ),
        Error::NullIntoString { .. } => (
            "nothing was given, but text is expected".to_owned(),
            Some("write a value, or \"\" for empty text".to_owned()),
        ),
        other => wrong_type(other, given),
    }
}

/// Explains a value of the wrong type, and all other errors of the parser.
fn wrong_type(error: &Error, given: &str) -> (String, Option<String>) {
    match error {
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            (format!("{} was given, but {} is expected", plain_terms(unexpected), plain_terms(expected)), None)
        }
        Error::InvalidScalar { ty, .. } => expected_instead(given, plain_type(ty)),
        Error::InvalidBooleanStrict { .. } => expected_instead(given, "true or false"),
        Error::Unexpected { expected, .. } => match *expected {
            "string scalar" | "scalar" => expected_instead(given, "a single value"),
            "mapping start" => expected_instead(given, "a group of settings, `key: value`,"),
            "sequence start" => expected_instead(given, "a list"),
            other => expected_instead(given, &plain_terms(other)),
        },
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            expected_instead(given, "one name with its settings")
        }
        Error::UnexpectedMappingEnd { .. } | Error::UnexpectedSequenceEnd { .. } => {
            ("something is missing before this point".to_owned(), None)
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::Budget { .. } => {
            let hint = "replace `*name` by the value that it repeats, or put long lists into files";
            ("the recipe is too large after its aliases are expanded".to_owned(), Some(hint.to_owned()))
        }
        Error::UnsupportedTag { .. }
        | Error::InvalidBinaryBase64 { .. }
        | Error::TaggedEnumMismatch { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::TaggedStructFieldName { .. } => (
            "this value has a tag such as `!name`; recipes do not support tags".to_owned(),
            Some("remove it, or put the text in quotes".to_owned()),
        ),
        Error::Message { msg, .. } => syntax(msg).unwrap_or_else(|| (plain_terms(msg), None)),
        other => {
            let line = first_line(&other.to_string());
            syntax(&line).unwrap_or_else(|| (plain_terms(&line), None))
        }
    }
}

fn expected_instead(given: &str, expected: &str) -> (String, Option<String>) {
    match given.chars().next() {
        // The parser has already read past the value.
        None | Some(']' | '}' | ',') if expected.starts_with("a group") => {
            let hint = "give settings, `{}` for the defaults: `name: {}`";
            ("the name before this point has no settings".to_owned(), Some(hint.to_owned()))
        }
        None | Some(']' | '}' | ',') => {
            (format!("{} is missing before this point", expected.trim_end_matches(',')), None)
        }
        Some(':') => (format!("nothing was given, but {expected} is expected"), None),
        Some('1'..='9') if expected.starts_with("a whole") && given.bytes().all(|byte| byte.is_ascii_digit()) => {
            (format!("`{given}` is too large here"), None)
        }
        Some('[') => (format!("a list was given, but {expected} is expected"), None),
        Some('{') => (format!("a group of settings was given, but {expected} is expected"), None),
        Some(_) => (format!("`{given}` was given, but {expected} is expected"), None),
    }
}

/// A file with a second YAML document: the position is the `---` line that separates them.
fn second_document(span: Option<SourceSpan>, text: &str) -> Diagnostic {
    let above = span.as_ref().map_or(usize::MAX, |span| span.line);
    let mark =
        text.lines().enumerate().take(above).filter(|(number, line)| *number > 0 && line.starts_with("---")).last();
    let span = match mark {
        Some((number, line)) => Some(SourceSpan { line: number + 1, column: 1, width: 3, text: line.to_owned() }),
        None => span,
    };
    let hint = "a file contains one recipe; remove the line `---` or split the file in two";
    let message = "a second document begins here".to_owned();
    Diagnostic { span, message, hints: vec![hint.to_owned()], unknown: None }
}

/// YAML syntax errors: a phrase in the parser's message, the message and the hint.
const SYNTAX_ERRORS: [(&str, &str, &str); 12] = [
    ("simple key expected", "this line is not `key: value`", "end the key with a colon and a space"),
    ("did not find expected key", "the indentation of this line matches no line above it", ALIGN_HINT),
    (
        "did not find expected '-' indicator",
        "the indentation of this line matches no item of the list above",
        ALIGN_HINT,
    ),
    ("invalid indentation", "the indentation of this line matches no line above it", ALIGN_HINT),
    ("mapping values are not allowed", "a second `: ` in one value", "put text that contains `: ` in quotes"),
    ("mapping keys are not allowed", "a key cannot begin here", ALIGN_HINT),
    ("block sequence entries are not allowed", "a list cannot begin here", "begin its `- ` on a new line"),
    ("flow sequence", "a list `[…]` is not closed, or a comma is missing in it", "close it with `]`"),
    ("flow mapping", "a group `{…}` is not closed, or a comma is missing in it", "close it with `}`"),
    ("unclosed quote", "this quote is never closed", "close it, or remove it"),
    ("unclosed bracket", "this bracket is never closed", "close it with the bracket of the same kind"),
    (
        "mismatched bracket",
        "this bracket is closed by one of another kind",
        "close it with the bracket of the same kind",
    ),
];
const ALIGN_HINT: &str = "keys of one group, and items of one list, begin in the same column";

fn syntax(parser: &str) -> Option<(String, Option<String>)> {
    let (_, message, hint) = SYNTAX_ERRORS.iter().find(|(words, ..)| parser.contains(words))?;
    Some(((*message).to_owned(), Some((*hint).to_owned())))
}

fn underlined(span: &SourceSpan) -> String {
    let given: String = span.text.chars().skip(span.column - 1).take(span.width).collect();
    let quoted = |mark| given.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(&given).to_owned()
}

/// A key or a name that is none of the `allowed` ones. Applications may replace the hints, see `Checked::explain`.
fn unknown(what: &str, name: &str, allowed: &[&'static str], span: Option<SourceSpan>) -> Diagnostic {
    let near = did_you_mean(name, allowed.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    let list = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Diagnostic {
        span,
        message: format!("unknown {what} `{name}`"),
        hints: near.into_iter().chain([format!("allowed here: {list}")]).collect(),
        unknown: Some(UnknownName { name: name.to_owned(), allowed: allowed.to_vec() }),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut = line.find(" at line ").unwrap_or(line.len());
    line[..cut].trim_start_matches("error: ").to_owned()
}

fn plain_type(ty: &str) -> &str {
    match ty {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, zero or more,",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" | "floating point" => "a number",
        "bool" | "boolean" => "true or false",
        "char" => "one character",
        _ => "another kind of value",
    }
}

/// Replaces serde's terms with plain words.
fn plain_terms(text: &str) -> String {
    let mut out = text.to_owned();
    for (from, to) in [
        ("struct ", "a group of settings: "),
        ("invalid type: ", ""),
        ("invalid value: ", ""),
        ("enum ", "one of the names of "),
        ("sequence", "list"),
        ("a map", "a mapping of keys to values"),
        ("map", "mapping"),
        ("mappingping", "mapping"),
        ("unit value", "nothing"),
        ("unit", "nothing"),
        ("floating point", "number"),
        ("u64", "a whole number, zero or more"),
        ("u32", "a whole number, zero or more"),
        ("f64", "a number"),
    ] {
        out = out.replace(from, to);
    }
    out
}
