//! Hints for values of another form than expected, from how the lines around them are indented.
//!
//! Invariant: a hint names the line to change; without a known cause there is none.

use serde_saphyr::Error;

use crate::error::SourceSpan;

/// The form of value that the parser expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Group,
    List,
    Single,
}

impl Expected {
    fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Unexpected { expected: "mapping start", .. } => Some(Self::Group),
            Error::Unexpected { expected: "sequence start", .. } => Some(Self::List),
            Error::Unexpected { .. } | Error::InvalidScalar { .. } | Error::InvalidBooleanStrict { .. } => {
                Some(Self::Single)
            }
            _ => None,
        }
    }
}

/// What to change in the layout of the lines at `span`, where `given` was read, if the layout explains the error.
pub(super) fn hint(error: &Error, given: &str, span: &SourceSpan, text: &str) -> Option<String> {
    let expected = Expected::of(error)?;
    let here = Line::of(span.text.as_str());
    let is_first = span.column == here.indent + 1;
    if expected == Expected::Group && is_first && here.is_item && !given.starts_with(['[', '{', ':']) {
        return Some(format!("remove the `- `, which begins a list: `{}`", here.content));
    }
    if expected == Expected::List && is_first && here.key().is_some() && !here.is_item {
        return Some(format!("begin each item of a list with `- `: `- {}`", here.content));
    }
    if expected == Expected::Group && here.is_item && here.key().is_some_and(|(_, value)| value == given) {
        return here.key().map(|(key, _)| format!("give settings, or `{{}}` for the defaults: `{key}: {{}}`"));
    }
    let next = text.lines().enumerate().skip(span.line).find(|(_, line)| !Line::of(line).content.is_empty());
    let (number, next) = next.map(|(number, line)| (number + 1, Line::of(line)))?;
    let ((key, value), (next_key, _)) = (here.key()?, next.key()?);
    if next.is_item {
        None
    } else if value.is_empty() && given.starts_with(':') && next.indent == here.indent {
        Some(format!("indent `{next_key}` in line {number} more than `{key}`, to which it belongs"))
    } else if !value.is_empty() && next.indent > here.indent {
        Some(format!("`{key}` has a value; begin `{next_key}` in line {number} in the same column as `{key}`"))
    } else {
        None
    }
}

/// A line of YAML: where its content begins, and whether that is an item of a list.
struct Line<'a> {
    /// Columns before the content; the `- ` of an item counts.
    indent: usize,
    is_item: bool,
    content: &'a str,
}

impl<'a> Line<'a> {
    /// Comments have no content.
    fn of(line: &'a str) -> Self {
        let content = line.trim();
        let rest = content.strip_prefix("- ").map(str::trim_start);
        let content = if content.starts_with('#') { "" } else { rest.unwrap_or(content) };
        // Content is a part of the line, after ASCII characters only.
        let indent = line.find(content).unwrap_or(0);
        Self { indent, is_item: rest.is_some(), content }
    }

    /// The key and the value of `key: value` or `key:`.
    fn key(&self) -> Option<(&'a str, &'a str)> {
        let (key, value) = self.content.split_once(':')?;
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        (is_key && (value.is_empty() || value.starts_with(' '))).then_some((key, value.trim()))
    }
}
