//! A value without quotes, in configuration files, connection strings, the parameters of URLs, and commands.
//!
//! Invariant: a value has at most one byte more than a secret may have, and reading one is bounded by that.

use super::randomness::{VALUE_BYTES, looks_random, without_escapes};

/// Maximum number of colons in a value: more are those of a fingerprint or an address.
const MAX_COLONS: usize = 3;

/// A value without quotes.
pub(super) struct BareValue<'a> {
    /// The letters with the padding of base64, without the full stop of a sentence.
    pub(super) text: &'a str,
    /// End of the letters in the text.
    pub(super) chars_end: usize,
    /// End of the letters before the first colon.
    pub(super) first_part_end: usize,
    /// The byte after the value.
    next: Option<&'a u8>,
}

impl<'a> BareValue<'a> {
    /// The value at `start`.
    pub(super) fn at(text: &'a str, start: usize) -> Self {
        let bytes = text.as_bytes();
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_.-".contains(&byte);
        let (mut end, mut colons, mut first_part_end) = (start, 0, None);
        while end - start <= *VALUE_BYTES.end() {
            let within = end > start && bytes.get(end + 1).is_some_and(|next| is_letter(*next) && *next != b'/');
            match bytes.get(end) {
                Some(byte) if is_letter(*byte) => {}
                Some(b'~' | b'%' | b'!' | b'$') if end > start => {}
                Some(b'@') if within => {}
                // Not the `::` of a path and the `://` of a URL.
                Some(b':') if within && bytes[end - 1] != b':' && colons < MAX_COLONS => {
                    colons += 1;
                    first_part_end = first_part_end.or(Some(end));
                }
                _ => break,
            }
            end += 1;
        }
        // Elsewhere in a value, `=` is another assignment: `--env=TOKEN=…`.
        let padding = bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        let text = text[start..end + padding].trim_end_matches('.');
        let next = bytes.get(end + padding);
        Self { text, chars_end: end, first_part_end: first_part_end.unwrap_or(end), next }
    }

    pub(super) fn looks_random(&self) -> bool {
        // Without its escapes, a value is not longer.
        self.text.len() >= *VALUE_BYTES.start() && looks_random(&without_escapes(self.text)) && !is_reference(self.text)
    }

    /// Whether nothing that belongs to the value follows it.
    pub(super) fn is_whole(&self) -> bool {
        ends_value(self.next)
    }
}

/// Whether a value without quotes ends at this byte. A bracket opens an argument or an index, so the value is code.
pub(super) fn ends_value(next: Option<&u8>) -> bool {
    next.is_none_or(|byte| byte.is_ascii_whitespace() || !byte.is_ascii() || b";&,)]}\"'`<>|\\#*?".contains(byte))
}

/// Whether the value is a path of identifiers, such as `process.env.AUTH0_KEY2`.
fn is_reference(value: &str) -> bool {
    let is_identifier = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '$'))
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
    };
    value.contains('.') && value.split('.').all(is_identifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::VALUE;

    #[test]
    fn where_values_end() {
        for (text, value, first_part, whole) in [
            ("abc, d", "abc", 3, true),
            ("a~b%c!d$e@f:g h", "a~b%c!d$e@f:g", 11, true),
            ("abc==;x", "abc==", 3, true),
            ("abc.", "abc", 4, true),
            ("abc(x)", "abc", 3, false),
            ("**", "", 0, true),
            ("abc**", "abc", 3, true),
            ("abc?", "abc", 3, true),
            ("$abc", "", 0, false),
            ("a::b", "a", 1, false),
            ("http://x", "http", 4, false),
            ("a@/b", "a", 1, false),
            ("a:b:c:d:e", "a:b:c:d", 1, false),
        ] {
            let found = BareValue::at(text, 0);
            assert_eq!((found.text, found.first_part_end, found.is_whole()), (value, first_part, whole), "{text}");
        }
        assert_eq!(BareValue::at(&"a".repeat(10_000), 0).text.len(), VALUE_BYTES.end() + 1);
    }

    #[test]
    fn escapes_and_references_are_not_random() {
        for (value, expected) in [
            (format!("{VALUE}%3D%3D"), true),
            (VALUE.to_owned(), true),
            ("%41%42%43%61%62%63%31%32%33x".to_owned(), false),
            (format!("a.$env.{VALUE}"), false),
            ("process.env.AUTH0_SECRET_KEY2".to_owned(), false),
        ] {
            assert_eq!(BareValue::at(&value, 0).looks_random(), expected, "{value}");
        }
    }
}
