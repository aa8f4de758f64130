//! The words of running text, without those of addresses, code and numbers, which are in no language.
//!
//! Invariant: a word is one of [`words::spans`], and every word of a script without spaces is kept.

use crate::words::{self, Word};

/// Punctuation that stands before or after a word of prose.
const PUNCTUATION: [char; 12] = ['.', ',', ';', ':', '!', '?', '"', '\'', '(', ')', '*', '_'];

/// The words of `text` that stand between white space and punctuation as in prose.
pub(super) fn prose_words(text: &str) -> impl Iterator<Item = Word<'_>> {
    text.split_whitespace().filter(|token| is_prose(token)).flat_map(words::spans)
}

/// Whether a piece of text without white space is a word, or several with hyphens. ASCII shows what is not: digits, and
/// the signs of addresses and code.
fn is_prose(token: &str) -> bool {
    let is_letter = |byte: u8| !byte.is_ascii() || byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'\'');
    token.trim_matches(PUNCTUATION).bytes().all(is_letter) || words::spans(token).any(|word| word.single)
}

#[cfg(test)]
mod tests {
    use super::prose_words;

    fn found(text: &str) -> Vec<&str> {
        prose_words(text).map(|word| word.text).collect()
    }

    #[test]
    fn addresses_code_and_numbers_are_left_out() {
        let text = "(The state-of-the-art) don't: see https://a.example/b, `f(x)`, snake_case and 42 of *these*.";
        assert_eq!(found(text), ["The", "state", "of", "the", "art", "don't", "see", "and", "of", "these"]);
    }

    #[test]
    fn words_without_spaces_are_kept() {
        assert_eq!(found("2024年に見た。"), ["2024", "年", "に", "見", "た"]);
        assert_eq!(found("Où « été » —"), ["Où", "été"]);
    }
}
