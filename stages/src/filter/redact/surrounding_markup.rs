//! The markup that a text puts around names and values: emphasis of Markdown, tags and character references of HTML,
//! typographic quotation marks, and CDATA.
//!
//! Invariant: a piece of markup has at most 64 bytes, and each function reads a bounded number of them.

/// Maximum length in bytes of a tag.
const MAX_TAG_BYTES: usize = 64;
/// Maximum number of pieces of markup, blanks included, before a value.
const MAX_PIECES: usize = 8;
/// Maximum number of blanks in a row.
const MAX_BLANKS: usize = 16;

/// Elements that only format their text.
const FORMATTING: [&str; 12] = ["b", "strong", "i", "em", "u", "code", "kbd", "samp", "tt", "span", "mark", "var"];
/// Elements that are a cell or an entry, so that what follows the end of one belongs to it.
const CELLS: [&str; 4] = ["td", "th", "dt", "dd"];
/// What stands for a quotation mark, or opens text that is not markup.
const MARKS: [&str; 13] =
    ["&quot;", "&apos;", "&#34;", "&#39;", "&#x27;", "<![CDATA[", "“", "”", "‘", "’", "„", "«", "»"];

/// Length of the blanks and markup before a value that begins at or after `start`.
pub(super) fn leading_length(text: &str, start: usize) -> usize {
    let mut length = 0;
    for _ in 0..MAX_PIECES {
        match piece_at(&text[start + length..]) {
            0 => break,
            piece => length += piece,
        }
    }
    length
}

/// Length of the piece of markup at the beginning of a text; 0 if it begins with something else.
fn piece_at(text: &str) -> usize {
    // Most values have no markup before them.
    if !text.starts_with(|first: char| matches!(first, ' ' | '\t' | '*' | '&' | '<') || !first.is_ascii()) {
        return 0;
    }
    let run = |is: fn(&u8) -> bool, most: usize| text.bytes().take(most).take_while(is).count();
    let blanks = run(|byte| matches!(byte, b' ' | b'\t'), MAX_BLANKS).max(run(|byte| *byte == b'*', 3));
    if blanks > 0 {
        return blanks;
    }
    if let Some(mark) = MARKS.iter().find(|mark| text.starts_with(*mark)) {
        return mark.len();
    }
    if !text.starts_with('<') {
        return 0;
    }
    let end = text.bytes().take(MAX_TAG_BYTES).position(|byte| byte == b'>');
    end.filter(|end| tag_of(&text[..=*end]).is_some_and(|name| FORMATTING.contains(&name))).map_or(0, |end| end + 1)
}

/// A text without the markup at its end, and whether that ended a cell.
pub(super) fn strip_end(text: &str) -> Option<(&str, bool)> {
    if let Some(rest) = MARKS.iter().find_map(|mark| text.strip_suffix(mark)) {
        return Some((rest, false));
    }
    if text.ends_with('*') {
        return Some((text.trim_end_matches('*'), false));
    }
    if !text.ends_with('>') {
        return None;
    }
    let from = text.ceil_char_boundary(text.len().saturating_sub(MAX_TAG_BYTES));
    let start = from + text[from..].rfind('<')?;
    let name = tag_of(&text[start..])?;
    (FORMATTING.contains(&name) || CELLS.contains(&name)).then(|| (&text[..start], CELLS.contains(&name)))
}

/// The name of the element if all of a text is one tag.
fn tag_of(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('<')?.strip_suffix('>').filter(|inside| !inside.contains(['<', '>']))?;
    let name = inside.strip_prefix('/').unwrap_or(inside);
    name.split(|letter: char| !letter.is_ascii_alphanumeric()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_before_a_value() {
        for (text, expected) in [
            (" \tx", 2),
            ("** <code>x", 9),
            ("&quot;x", 6),
            (" “x", 4),
            ("<![CDATA[x", 9),
            ("</b> <span class=\"a\">x", 21),
            ("<x>y", 0),
            ("<codes>y", 0),
            ("< b>y", 0),
            ("x", 0),
            ("", 0),
        ] {
            assert_eq!(leading_length(text, 0), expected, "{text}");
            assert_eq!(leading_length(&format!("é{text}"), 2), expected, "{text}");
        }
    }

    #[test]
    fn markup_after_a_name() {
        for (text, expected) in [
            ("key**", Some(("key", false))),
            ("key</b>", Some(("key", false))),
            ("key<td class=\"a\">", Some(("key", true))),
            ("key</td>", Some(("key", true))),
            ("key&quot;", Some(("key", false))),
            ("key“", Some(("key", false))),
            ("<password>", None),
            ("a < b", None),
            ("key", None),
            ("", None),
        ] {
            assert_eq!(strip_end(text), expected, "{text}");
        }
    }
}
