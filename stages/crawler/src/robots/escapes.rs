//! Percent-encoding (RFC 3986) in the forms in which URLs are requested and compared.
//!
//! Paths of URLs and patterns of robots.txt pass here before they are compared, so that two spellings of one path are
//! equal.
//!
//! Invariant: [`normalise_escapes`] is idempotent, and an escaped reserved character such as `%2F` stays escaped in it;
//! in the result of [`decode_data`], every `%` begins an escape, or is at the end of a text that may continue.

/// The normal form of a path or query (RFC 3986, section 6.2.2): unreserved characters unescaped, other escapes in
/// upper case, a stray `%` as `%25`.
pub(crate) fn normalise_escapes(text: &str) -> String {
    decode(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), false)
}

/// Decodes the escapes of printable ASCII characters other than `%` and `delimiters`, whose escapes are data where they
/// themselves delimit. The others are written in upper case, a stray `%` as `%25`.
///
/// If the text `may_continue`, a `%` at its end is kept: `/a%2` is the beginning of `/a%2F`.
pub(crate) fn decode_data(text: &str, delimiters: &[u8], may_continue: bool) -> String {
    let is_data = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%' && !delimiters.contains(&byte);
    decode(text, is_data, may_continue)
}

/// Decodes the escapes of the bytes that `decodes` accepts, all of them ASCII.
fn decode(text: &str, decodes: impl Fn(u8) -> bool, may_continue: bool) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                rest = &rest[2..];
                if decodes(byte) {
                    decoded.push(char::from(byte));
                } else {
                    push_escape(&mut decoded, byte);
                }
            }
            None if may_continue && rest.len() < 2 && rest.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                decoded.push('%');
            }
            None => decoded.push_str("%25"),
        }
    }
    decoded.push_str(rest);
    decoded
}

fn push_escape(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// A byte of a line that is not UTF-8: itself if ASCII, else `%XX`.
pub(crate) fn escape_byte(byte: u8) -> String {
    if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// A path or pattern with non-ASCII bytes as `%XX` and hexadecimal digits in upper case.
pub(crate) fn escape_non_ascii(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut buffer = [0; 4];
            escaped.extend(character.encode_utf8(&mut buffer).bytes().map(escape_byte));
        }
    }
    upper_case_escapes(&escaped)
}

/// Writes the hexadecimal digits of `%e3` in upper case (RFC 3986, section 6.2.2.1).
pub(crate) fn upper_case_escapes(text: &str) -> String {
    let bytes = text.as_bytes();
    let escape = |at: usize| {
        at < bytes.len()
            && bytes[at] == b'%'
            && bytes[at + 1..].iter().take(2).all(u8::is_ascii_hexdigit)
            && at + 2 < bytes.len()
    };
    let inside = |at: usize| (at >= 1 && escape(at - 1)) || (at >= 2 && escape(at - 2));
    text.char_indices()
        .map(|(at, character)| if inside(at) { character.to_ascii_uppercase() } else { character })
        .collect()
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
    fn data_is_decoded_and_delimiters_are_not() {
        assert_eq!(decode_data("/%28%2a%24%40%2f%3f%20%7B", b"/?", false), "/(*$@%2F%3F {");
        assert_eq!(decode_data("%3A%2F%2F%3F%26%3d", b"", false), "://?&=");
        assert_eq!(decode_data("%25%32%46%e3%0a%7f", b"", false), "%252F%E3%0A%7F");
    }

    #[test]
    fn a_text_that_may_continue_keeps_the_beginning_of_an_escape() {
        for (text, open, closed) in [
            ("/a%2", "/a%2", "/a%252"),
            ("/a%", "/a%", "/a%25"),
            ("/%/x", "/%25/x", "/%25/x"),
            ("/a%z", "/a%25z", "/a%25z"),
        ] {
            assert_eq!(decode_data(text, b"/?", true), open, "{text}");
            assert_eq!(decode_data(text, b"/?", false), closed, "{text}");
        }
    }
}
