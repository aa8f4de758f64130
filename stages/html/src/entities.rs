//! Decodes character references (`&amp;`, `&#x4e2d;`) by the rules and table of the HTML standard (13.2.5.72 ff.).
//!
//! NUL characters, which no text may contain, are dropped from text (13.2.6.4.7) and replaced by U+FFFD in attributes
//! (13.2.5.36 ff.).
//!
//! Invariant: text without `&` and NUL is borrowed, and decoding never fails: text that is not a reference is
//! unchanged.

use std::borrow::Cow;

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// Length of the longest name in the standard's table, in bytes, without `&`.
const MAX_NAME_BYTES: usize = 32;

/// Decodes the character references of `text`; `attribute` applies the standard's rules for the values of attributes.
pub fn decode_entities(text: &str, attribute: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr2(b'&', 0, text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(at) = memchr::memchr2(b'&', 0, rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix('\0') {
            if attribute {
                out.push('\u{fffd}');
            }
            rest = behind;
            continue;
        }
        let used = reference(&rest[1..], attribute, &mut out);
        if used == 0 {
            out.push('&');
        }
        rest = &rest[1 + used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Decodes one reference after its `&`; returns the number of bytes used, 0 if it is not a reference.
fn reference(text: &str, attribute: bool, out: &mut String) -> usize {
    if let Some(number) = text.strip_prefix('#') {
        let used = numeric(number, out);
        return if used == 0 { 0 } else { used + 1 };
    }
    named(text, attribute, out)
}

fn named(text: &str, attribute: bool, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    let mut length = bytes.iter().take(MAX_NAME_BYTES).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    if bytes.get(length) == Some(&b';') {
        length += 1;
    }
    while length > 0 {
        if let Some(&(one, two)) = NAMED_ENTITIES.get(&text[..length])
            && one != 0
        {
            let open = bytes[length - 1] != b';';
            let next = bytes.get(length).copied().unwrap_or(b' ');
            if attribute && open && (next == b'=' || next.is_ascii_alphanumeric()) {
                return 0;
            }
            out.extend(char::from_u32(one));
            if two != 0 {
                out.extend(char::from_u32(two));
            }
            return length;
        }
        length -= 1;
    }
    0
}

fn numeric(text: &str, out: &mut String) -> usize {
    let hexadecimal = text.starts_with(['x', 'X']);
    let prefix = usize::from(hexadecimal);
    let radix = if hexadecimal { 16 } else { 10 };
    let mut code: u32 = 0;
    let mut used = prefix;
    for byte in text.bytes().skip(prefix) {
        let Some(digit) = char::from(byte).to_digit(radix) else { break };
        code = code.saturating_mul(radix).saturating_add(digit);
        used += 1;
    }
    if used == prefix {
        return 0;
    }
    let character = match code {
        0x80..=0x9f => C1_REPLACEMENTS[(code - 0x80) as usize].or_else(|| char::from_u32(code)),
        0 => None,
        _ => char::from_u32(code),
    };
    out.push(character.unwrap_or('\u{fffd}'));
    used + usize::from(text.as_bytes().get(used) == Some(&b';'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn named_numeric_and_broken_references() {
        for (given, wanted) in [
            ("a &lt; b &amp;&amp; c", "a < b && c"),
            ("&#20013;&#x6587;", "中文"),
            ("&#150;&#0;&#x110000;", "\u{2013}\u{fffd}\u{fffd}"),
            ("&notit; &notin; &unknown; & &#; &#x;", "¬it; ∉ &unknown; & &#; &#x;"),
            ("&NotEqualTilde;", "\u{2242}\u{338}"),
        ] {
            assert_eq!(decode_entities(given, false), wanted);
        }
        assert_eq!(decode_entities("?a=1&copy=2&lt;", true), "?a=1&copy=2<");
    }

    #[test]
    fn nul_is_no_character_of_a_text() {
        assert_eq!(decode_entities("a\0b &amp;\0\0c", false), "ab &c");
        assert_eq!(decode_entities("a\0b", true), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn text_without_an_ampersand_is_unchanged(text in "[^&\\x00]*") {
            let decoded = decode_entities(&text, false);
            prop_assert_eq!(decoded.as_ref(), text.as_str());
        }

        #[test]
        fn escaped_text_round_trips(text in any::<String>()) {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
            prop_assert_eq!(decode_entities(&escaped, false), text.replace('\0', ""));
        }
    }
}
