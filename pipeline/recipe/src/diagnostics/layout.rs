//! Hints for values of another form than expected, from how the lines around them are indented.
//!
//! Invariant: a hint names the line to change; without a known cause there is none.

use crate::error::SourceSpan;

/// What to change in the layout of the lines at `span`, if the message is about a form that the layout explains.
pub(super) fn hint(message: &str, span: &SourceSpan, text: &str) -> Option<String> {
    let here = Line::of(span.text.as_str());
    let next = text.lines().enumerate().skip(span.line).find(|(_, line)| !Line::of(line).content.is_empty());
    if message.contains("a group of settings") && here.is_item && message.starts_with('`') {
        return Some(format!("remove the `- `, which begins a list: `{}`", here.content));
    }
    let is_first = span.column == here.indent + 1;
    if message.contains("a list is expected") && is_first && here.key().is_some() && !here.is_item {
        return Some(format!("begin each item of a list with `- `: `- {}`", here.content));
    }
    let (number, next) = next.map(|(number, line)| (number + 1, Line::of(line)))?;
    let (key, value) = here.key()?;
    let next_key = next.key()?.0;
    if value.is_empty() && message.starts_with("nothing was given") && next.indent == here.indent && !next.is_item {
        return Some(format!("indent `{next_key}` in line {number} more than `{key}`, to which it belongs"));
    }
    if !value.is_empty() && next.indent > here.indent && !next.is_item {
        return Some(format!("begin `{next_key}` in line {number} in the column of `{key}`"));
    }
    None
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
