//! Finds phone numbers, if enabled.
//!
//! Invariant: finds only numbers with a leading `+` (8 to 15 digits, ITU E.164) or in the North American form with
//! separators, never a plain run of digits.

use std::sync::LazyLock;

use regex::Regex;

use super::matches::{Match, PHONE};

static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let international = r"\+[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,5}\)?){2,6}";
    let american = r"\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[.-][0-9]{4}";
    Regex::new(&format!("{international}|{american}")).expect("the pattern is constant and a test compiles it")
});

/// Adds the phone numbers of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    for found in NUMBER.find_iter(text) {
        let digits: String = found.as_str().chars().filter(char::is_ascii_digit).collect();
        let joined = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let alone = !joined(text.as_bytes().get(found.end()))
            && (found.start() == 0 || !joined(text.as_bytes().get(found.start() - 1)));
        // 555-0100 to 555-0199 are reserved for fiction.
        let fiction = digits.len() >= 10 && digits[digits.len() - 7..].starts_with("55501");
        if alone && (8..=15).contains(&digits.len()) && !fiction {
            matches.push(Match { range: found.range(), rule: PHONE.name });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::found;

    #[test]
    fn formatted_numbers_are_found() {
        assert_eq!(found(find, "Call +49 30 901820 or (415) 867-5309."), ["+49 30 901820", "(415) 867-5309"]);
        assert_eq!(found(find, "212-867-5309"), ["212-867-5309"]);
        for text in ["1234567890", "+1-202-555-0100", "x = a +12", "2024-10-11", "3.14159"] {
            assert!(found(find, text).is_empty(), "{text}");
        }
    }
}
