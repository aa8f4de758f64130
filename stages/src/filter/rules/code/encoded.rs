//! Finds data encoded as text: base64, lists of hexadecimal bytes, Unicode escapes.
//!
//! The patterns are those of the encoded-data filter of StarCoder 2 (Lozhkov et al. 2024, section 2.1), made stricter
//! where they match prose: a base64 run continues on the next line only if that line is base64 too, and it has a digit
//! and letters of both cases, or is hexadecimal.
//!
//! Invariant: linear time; the spans do not overlap.

use std::sync::LazyLock;

use regex::Regex;

/// Amount of encoded data in one text, in bytes. Bytes equal characters here, since the data is ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct EncodedData {
    /// Bytes in all spans.
    pub(super) total: usize,
    /// Bytes in the longest span.
    pub(super) longest: usize,
}

static DATA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"[A-Za-z0-9+/]{64,}(?:\r?\n[A-Za-z0-9+/]{60,})*={0,2}", // base64, perhaps wrapped
        r"|(?-u:\b)(?:(?:0x|\\x)?[0-9A-Fa-f]{2}(?:,[ \t\r\n]*|[ \t\r\n]+)){8,}", // 0x1f, 0x8b, …  or  1f 8b …
        r"|(?:\\x[0-9A-Fa-f]{2}){8,}",                           // \x1f\x8b…
        r"|(?:\\u[0-9A-Fa-f]{4}){8,}",                           // \u4e2d\u6587…
    ))
    .expect("the pattern is constant and a test compiles it")
});

/// Finds the encoded data in `text`.
pub(super) fn find(text: &str) -> EncodedData {
    let mut found = EncodedData::default();
    for span in DATA.find_iter(text).map(|span| span.as_str()).filter(|span| is_data(span)) {
        found.total += span.len();
        found.longest = found.longest.max(span.len());
    }
    found
}

/// Whether a matching span is data rather than a long identifier, a path or a line of slashes.
fn is_data(span: &str) -> bool {
    let has = |test: fn(&u8) -> bool| span.as_bytes().iter().any(test);
    let digit = has(u8::is_ascii_digit);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    digit
        && (mixed
            || span
                .bytes()
                .all(|byte| !byte.is_ascii_alphanumeric() || byte.is_ascii_hexdigit() || byte == b'x' || byte == b'u'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_on_one_line_and_wrapped() {
        let line = "iVBORw0KGgo".repeat(7); // 77 characters
        assert_eq!(find(&format!("let icon = \"{line}==\";")), EncodedData { total: 79, longest: 79 });
        assert_eq!(find(&format!("{line}\n{line}\nend of data")).total, 77 * 2 + 1);
        assert_eq!(find(&"a1".repeat(32)).total, 64); // a SHA-256
    }

    #[test]
    fn bytes_and_escapes() {
        assert_eq!(find("[0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x02, x]").total, 48);
        assert_eq!(find(r"\x1f\x8b\x08\x00\x00\x00\x00\x02").total, 32);
        assert_eq!(find(r"\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587").total, 48);
        assert_eq!(find("1f 8b 08 00 00 00 00\n").total, 0); // seven
    }

    #[test]
    fn prose_and_identifiers_are_not_data() {
        for text in [
            "ab cd ef ad be ca fe da ba ce ",
            "no_data",
            &"/".repeat(99),
            &"aVeryLongName".repeat(9),
            &"word ".repeat(99),
        ] {
            assert_eq!(find(text), EncodedData::default(), "{text}");
        }
    }
}
