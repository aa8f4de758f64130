//! Splits LaTeX source into its parts: items of a list, cells of a row, code, addresses, text after a definition.
//!
//! Invariant: parts are slices of the source, in order.

use super::latex_comments::{command_name, escape};
use super::latex_text::Cursor;

/// Returns the text after the end of a brace that is already open.
pub(crate) fn balanced_rest(rest: &str) -> &str {
    let mut depth = 1_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[at + 1..];
        }
    }
    ""
}

/// A backslash, a brace or `&` that TeX does not read as it is written.
struct Mark<'a> {
    at: usize,
    /// The source from the mark on.
    rest: &'a str,
    /// The name of a command; empty for other marks.
    name: &'a str,
}

/// Returns the marks of a source, without those in verbatim text.
fn marks(source: &str) -> impl Iterator<Item = Mark<'_>> {
    // Verbatim environments that do not end.
    let mut unclosed = Vec::new();
    let mut next = 0;
    std::iter::from_fn(move || {
        loop {
            let at = next + source[next..].find(['\\', '{', '}', '&'])?;
            let rest = &source[at..];
            let is_escape = rest.starts_with('\\');
            let name = if is_escape { command_name(rest) } else { "" };
            let length = if is_escape { escape(rest, &mut unclosed) } else { 1 };
            next = at + length;
            if name.is_empty() || length == 1 + name.len() {
                return Some(Mark { at, rest, name });
            }
        }
    })
}

/// Returns the items of a list's body, without splitting nested lists.
pub(crate) fn items(body: &str) -> Vec<&str> {
    let (mut starts, mut depth) = (Vec::new(), 0_usize);
    for mark in marks(body) {
        match mark.name {
            "begin" => depth += 1,
            "end" => depth = depth.saturating_sub(1),
            "item" if depth == 0 => starts.push(mark.at),
            _ => {}
        }
    }
    let ends = starts.iter().skip(1).copied().chain([body.len()]);
    starts.iter().zip(ends).map(|(start, end)| &body[start + "\\item".len()..end]).collect()
}

/// Returns the rows of a table's body, each without the space that is requested after the row before it.
pub(crate) fn rows(body: &str) -> Vec<&str> {
    let end = |mark: &Mark<'_>| match mark.name {
        "tabularnewline" => Some("\\tabularnewline".len()),
        _ => mark.rest.starts_with("\\\\").then_some(2),
    };
    let rows = split_outside(body, end).into_iter().enumerate();
    rows.map(|(index, row)| {
        let mut cursor = Cursor::new(row);
        if index > 0 {
            cursor.consume("*");
            cursor.optional();
        }
        cursor.rest()
    })
    .collect()
}

/// Returns the cells of a table row: split at `&`, but not at `\&`.
pub(crate) fn cells(row: &str) -> Vec<&str> {
    split_outside(row, |mark| mark.rest.starts_with('&').then_some(1))
}

/// Splits a source at separators, of which `separator` returns the length, but not in braces or an inner environment.
/// If one of these does not end, all separators count.
fn split_outside<'a>(source: &'a str, separator: impl Fn(&Mark<'a>) -> Option<usize>) -> Vec<&'a str> {
    let (mut everywhere, mut outside, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    for mark in marks(source) {
        if let Some(length) = separator(&mark) {
            let place = mark.at..mark.at + length;
            if depth == 0 {
                outside.push(place.clone());
            }
            everywhere.push(place);
        }
        if mark.rest.starts_with('{') || mark.name == "begin" {
            depth += 1;
        } else if mark.rest.starts_with('}') || mark.name == "end" {
            depth = depth.saturating_sub(1);
        }
    }
    let (mut parts, mut start) = (Vec::new(), 0);
    for place in if depth == 0 { outside } else { everywhere } {
        parts.push(&source[start..place.start]);
        start = place.end;
    }
    parts.push(&source[start..]);
    parts
}

/// Returns the number of columns that a cell spans: that of its `\multicolumn`, or 1.
pub(crate) fn columns(cell: &str) -> usize {
    let own = marks(cell).take_while(|mark| mark.name != "begin").find(|mark| mark.name == "multicolumn");
    let Some(mark) = own else { return 1 };
    let mut cursor = Cursor::new(&mark.rest["\\multicolumn".len()..]);
    cursor.argument().trim().parse().map_or(1, |columns: usize| columns.max(1))
}

pub(crate) fn listing_language(options: &str) -> &str {
    options
        .split(',')
        .filter_map(|option| option.split_once('='))
        .find(|(key, _)| key.trim() == "language")
        .map_or("", |(_, value)| value.trim())
}

/// Returns a formula without its `\label{…}`.
pub(crate) fn without_labels(formula: &str) -> String {
    let mut parts = formula.split("\\label{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    text
}

/// Reads code between two equal characters or in braces, on one line. If it does not end, only the mark is skipped.
pub(crate) fn delimited<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let mut ahead = *cursor;
    let mark = cursor.bump()?;
    if mark == '{' {
        let code = ahead.braced().filter(|code| !code.contains('\n'))?;
        *cursor = ahead;
        return Some(code);
    }
    let (code, rest) = cursor.rest().split_at(cursor.rest().find([mark, '\n'])?);
    *cursor = Cursor::new(rest.strip_prefix(mark)?);
    Some(code)
}

/// Reads the address of a link: an argument, or text between two equal characters. Spaces in it do not count, and TeX
/// needs a backslash before some characters where the address is in the argument of another command.
pub(crate) fn address(cursor: &mut Cursor<'_>) -> String {
    cursor.skip_space();
    let written = if cursor.rest().starts_with(['|', '!', '+', '"']) {
        delimited(cursor).unwrap_or_default()
    } else {
        cursor.braced().unwrap_or_default()
    };
    let mut address = String::with_capacity(written.len());
    let mut characters = written.chars().filter(|character| !character.is_whitespace()).peekable();
    while let Some(character) = characters.next() {
        let escaped = character == '\\' && characters.peek().is_some_and(|next| "%#&_~^${}".contains(*next));
        if !escaped {
            address.push(character);
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_split_at_their_level() {
        assert_eq!(
            items("\\item a \\begin{x}\\item b\\end{x}\\item[c] \\itemsep"),
            [" a \\begin{x}\\item b\\end{x}", "[c] \\itemsep"]
        );
        assert_eq!(cells("a & b \\& c &"), ["a ", " b \\& c ", ""]);
        assert_eq!(cells("{a & b} & \\begin{x}c & d\\end{x}"), ["{a & b} ", " \\begin{x}c & d\\end{x}"]);
        assert_eq!(cells("{a & b"), ["{a ", " b"]);
        assert_eq!(cells("\\verb|&| & \\lstinline{a & b} & \\&"), ["\\verb|&| ", " \\lstinline{a & b} ", " \\&"]);
        assert_eq!(items("\\item \\verb|\\item| \\\\item \\items"), [" \\verb|\\item| \\\\item \\items"]);
        assert_eq!(rows("a \\tabularnewline[2pt] b \\tabularnewlines c"), ["a ", " b \\tabularnewlines c"]);
        assert_eq!(rows("a \\\\[2pt] {b \\\\ c} \\\\* \\% d"), ["a ", " {b \\\\ c} ", " \\% d"]);
        assert_eq!((columns("\\hline \\multicolumn{2}{c}{x}"), columns("x"), columns("\\multicolumn x")), (2, 1, 1));
        assert_eq!((columns("\\verb|\\multicolumn{2}|"), columns("\\begin{x}\\multicolumn{2}{c}{x}\\end{x}")), (1, 1));
        assert_eq!((columns("\\multicolumn{0}{c}{x}"), columns("\\multicolumn{-1}{c}{x}")), (1, 1));
        assert_eq!(balanced_rest("a{b}c}d"), "d");
        assert_eq!(balanced_rest("open"), "");
        assert_eq!(listing_language("style=x, language = C"), "C");
        assert_eq!(without_labels("a\\label{b}c"), "ac");
    }

    #[test]
    fn code_and_addresses_are_as_written() {
        let read = |source: &'static str| {
            let mut cursor = Cursor::new(source);
            (delimited(&mut cursor), cursor.rest())
        };
        assert_eq!(read("|a{b| c"), (Some("a{b"), " c"));
        assert_eq!(read("{a{b}} c"), (Some("a{b}"), " c"));
        assert_eq!(read("|a\n| c"), (None, "a\n| c"));
        assert_eq!(read("{a\n} c"), (None, "a\n} c"));
        let url = |source: &str| address(&mut Cursor::new(source));
        assert_eq!(url("{http://x/~a--b_c\\%20\\#d}"), "http://x/~a--b_c%20#d");
        assert_eq!(url("{http://x/\n a}"), "http://x/a");
        assert_eq!(url("|a%b|"), "a%b");
        assert_eq!(url(" (0,0)"), "");
    }
}
