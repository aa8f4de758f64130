//! Splits LaTeX source into its parts: items of a list, cells of a row, code, addresses, text after a definition.
//!
//! Invariant: parts are slices of the source, in order.

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

/// Returns the items of a list's body, without splitting nested lists.
pub(crate) fn items(body: &str) -> Vec<&str> {
    let (mut starts, mut depth) = (Vec::new(), 0_usize);
    for (at, _) in body.match_indices('\\') {
        let rest = &body[at..];
        if rest.starts_with("\\begin{") {
            depth += 1;
        } else if rest.starts_with("\\end{") {
            depth = depth.saturating_sub(1);
        } else if depth == 0
            && rest.starts_with("\\item")
            && !rest[5..].starts_with(|character: char| character.is_ascii_alphabetic())
        {
            starts.push(at);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([body.len()]);
    starts.iter().zip(ends).map(|(start, end)| &body[start + "\\item".len()..end]).collect()
}

/// Returns the cells of a table row: split at `&`, but not at `\&`.
pub(crate) fn cells(row: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in row.match_indices('&') {
        if !row[..at].ends_with('\\') {
            cells.push(&row[start..at]);
            start = at + 1;
        }
    }
    cells.push(&row[start..]);
    cells
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
