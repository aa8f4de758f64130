//! Percent-encoding in its normal form (RFC 3986, section 6.2.2): unreserved characters unescaped, other escapes in
//! upper case.
//!
//! Paths of URLs and patterns of robots.txt pass here before they are compared, so that two spellings of one path are
//! equal.
//!
//! Invariant: [`normalise_escapes`] is idempotent, and an escaped reserved character such as `%2F` stays escaped.

/// The normal form of a path or query; a stray `%` becomes `%25`.
pub(crate) fn normalise_escapes(text: &str) -> String {
    normalise(text, |_| false)
}

/// The normal form of a path pattern. A `%` at the end of a piece is kept, since the path may continue it: `/a%2`
/// matches `/a%2F`.
pub(crate) fn normalise_pattern(pattern: &str) -> String {
    let ends = |byte: Option<&u8>| matches!(byte, None | Some(b'*'));
    normalise(pattern, |rest| {
        ends(rest.first()) || (rest.first().is_some_and(u8::is_ascii_hexdigit) && ends(rest.get(1)))
    })
}

/// `may_continue` says of the bytes after a `%` that begins no escape whether they may be the beginning of one.
fn normalise(text: &str, may_continue: impl Fn(&[u8]) -> bool) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        normal.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                rest = &rest[2..];
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    normal.push(char::from(byte));
                } else {
                    push_escape(&mut normal, byte);
                }
            }
            None if may_continue(rest.as_bytes()) => normal.push('%'),
            None => normal.push_str("%25"),
        }
    }
    normal.push_str(rest);
    normal
}

fn push_escape(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_are_unescaped() {
        assert_eq!(normalise_escapes("/%61%7e%2D%2f%3f%e3%83%84%25"), "/a~-%2F%3F%E3%83%84%25");
        assert_eq!(normalise_escapes("/50%/%zz/%4"), "/50%25/%25zz/%254");
    }

    #[test]
    fn a_pattern_keeps_an_escape_that_the_path_may_continue() {
        let cases =
            [("/a%2", "/a%2"), ("/a%", "/a%"), ("/%4*%*/x", "/%4*%*/x"), ("/a%2$", "/a%252$"), ("/%/x", "/%25/x")];
        for (pattern, normal) in cases {
            assert_eq!(normalise_pattern(pattern), normal, "{pattern}");
        }
        assert_eq!(normalise_pattern("/%2A%24%61*$"), "/%2A%24a*$", "an escaped wildcard is a character");
    }
}
