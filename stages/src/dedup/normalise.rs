//! Splits a text into normalised words for near-duplicate detection.
//!
//! The rules are those of FineWeb (`datatrove/utils/text.py`, `simplify_text`): lower case; a number (with one decimal
//! part) becomes `0`; punctuation becomes a space; white space is collapsed; accents are dropped (NFD without Mn). Four
//! deliberate differences: each Han, kana, Thai, Lao, Khmer or Burmese character is a word, since those scripts have no
//! spaces; every symbol separates words, not a fixed list; format characters (soft hyphen, joiners) are ignored; a
//! final sigma becomes a sigma. Words end at white space and punctuation, without the spaCy tokenizer that datatrove
//! uses next.
//!
//! Invariant: a word is never empty and has no separator; words depend only on the text, not on the ASCII fast path
//! (a test compares the two).

use super::characters::{CharacterClass, CharacterTable, normalise_character};

/// Splits texts into normalised words. Its two buffers are reused from one text to the next.
#[derive(Debug, Default)]
pub(super) struct WordNormaliser {
    lower: Vec<u8>,
    word: String,
}

/// Class of a byte on the ASCII fast path. Bytes from 128 on need the table of characters.
const LETTER: u8 = 0;
const SEPARATOR: u8 = 1;
const NEEDS_TABLE: u8 = 2;
#[expect(clippy::cast_possible_truncation, reason = "byte is below 256, and try_from is not const")]
const BYTE_CLASS: [u8; 256] = {
    let mut class = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 256 {
        match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => class[byte] = LETTER,
            b'0'..=b'9' | 128.. => class[byte] = NEEDS_TABLE,
            _ => {}
        }
        byte += 1;
    }
    class
};

impl WordNormaliser {
    /// Calls `visit` with the UTF-8 bytes of each normalised word of `text`, in order. Allocates nothing per word.
    #[inline]
    pub(super) fn for_each(&mut self, text: &str, mut visit: impl FnMut(&[u8])) {
        self.lower.clear();
        self.lower.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
        let Self { lower, word } = self;
        let mut position = 0;
        while position < lower.len() {
            match BYTE_CLASS[lower[position] as usize] {
                SEPARATOR => position += 1,
                LETTER => {
                    let letters = count_letters(&lower[position..]);
                    let end = position + letters;
                    if lower.get(end).is_some_and(|&byte| BYTE_CLASS[byte as usize] == NEEDS_TABLE) {
                        position = visit_words_by_char(text, position, word, &mut visit);
                    } else {
                        visit(&lower[position..end]);
                        position = end + 1;
                    }
                }
                _ => position = visit_words_by_char(text, position, word, &mut visit),
            }
        }
    }
}

/// Number of letters at the start of `bytes`.
#[inline]
fn count_letters(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| BYTE_CLASS[byte as usize] != LETTER).unwrap_or(bytes.len())
}

/// Visits the words from `start` to the next separator, by character. Returns the position after the separator.
fn visit_words_by_char(text: &str, start: usize, word: &mut String, visit: &mut impl FnMut(&[u8])) -> usize {
    let table = CharacterTable::shared();
    let mut rest = text[start..].chars();
    word.clear();
    let mut flush = |word: &mut String| {
        if !word.is_empty() {
            visit(word.as_bytes());
            word.clear();
        }
    };
    while let Some(character) = rest.next() {
        match table.get(character) {
            CharacterClass::Letter(letter) => word.push(letter),
            CharacterClass::Ignored => {}
            CharacterClass::Digit => {
                skip_number(table, &mut rest);
                word.push('0');
            }
            CharacterClass::Standalone(letter) => {
                flush(word);
                word.push(letter);
                flush(word);
            }
            CharacterClass::Expanding => normalise_character(character, |part| word.push(part)),
            CharacterClass::Separator => break,
        }
    }
    flush(word);
    text.len() - rest.as_str().len()
}

/// Skips the rest of a number after its first digit: `\d*([.,]\d+)?`, including Arabic separators and ignored
/// characters.
fn skip_number(table: &CharacterTable, rest: &mut std::str::Chars<'_>) {
    // The end of the digits at the start of a text, and whether there are any.
    let digits = |from: &str| {
        let mut found = false;
        let end = from.find(|character| match table.get(character) {
            CharacterClass::Digit => {
                found = true;
                false
            }
            CharacterClass::Ignored => false,
            _ => true,
        });
        (end.unwrap_or(from.len()), found)
    };
    let text = rest.as_str();
    let (mut end, _) = digits(text);
    if let Some(point) = text[end..].chars().next().filter(|point| matches!(point, '.' | ',' | '\u{66B}' | '\u{66C}')) {
        let after_point = end + point.len_utf8();
        let (decimals, found) = digits(&text[after_point..]);
        if found {
            end = after_point + decimals;
        }
    }
    *rest = text[end..].chars();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        WordNormaliser::default().for_each(text, |word| words.push(String::from_utf8(word.to_vec()).unwrap()));
        words
    }

    /// The same rules by character, as the reference for the fast path.
    fn reference_words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let (mut position, mut word) = (0, String::new());
        while position < text.len() {
            position = visit_words_by_char(text, position, &mut word, &mut |word: &[u8]| {
                words.push(String::from_utf8(word.to_vec()).unwrap());
            });
        }
        words
    }

    #[test]
    fn words_of_every_script() {
        for (text, expected) in [
            ("", vec![]),
            ("Hello, World!", vec!["hello", "world"]),
            ("snake_case don't", vec!["snake", "case", "don", "t"]),
            ("3.14 1,234,567 v1.2.3 abc123def", vec!["0", "0", "0", "v0", "0", "abc0def"]),
            ("3. 4", vec!["0", "0"]),
            ("٣٫١٤ ７", vec!["0", "0"]),
            ("Crème BRÛLÉE cre\u{300}me", vec!["creme", "brulee", "creme"]),
            ("co\u{AD}operate", vec!["cooperate"]),
            ("ΟΔΟΣ οδος οδός", vec!["οδοσ", "οδοσ", "οδοσ"]),
            ("中文abc。テスト", vec!["中", "文", "abc", "テ", "ス", "ト"]),
            ("Привет, мир", vec!["привет", "мир"]),
            ("क्या हिन्दी", vec!["कया", "हिनदी"]),
            ("— … €", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
        assert_eq!(words("한국어"), words("\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}\u{110B}\u{1165}"));
    }

    /// Regression test: a variation selector between two digits split a number in two.
    #[test]
    fn invisible_characters_do_not_split_numbers() {
        for text in ["1\u{FE00}2", "1\u{AD}2.\u{AD}5", "1\u{AD}.5", "12"] {
            assert_eq!(words(text), ["0"], "{text:?}");
        }
        assert_eq!(words("3.\u{AD}a"), ["0", "a"]);
    }

    #[test]
    fn normalising_the_words_of_a_character_changes_nothing() {
        for character in '\0'..=char::MAX {
            for word in words(&character.to_string()) {
                assert_eq!(words(&word).concat(), word, "{character:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_equals_the_reference(text in "(?s)([a-zA-Z0-9 .,_']|[éß中が한\u{301}\u{AD}]|.){0,60}") {
            prop_assert_eq!(words(&text), reference_words(&text));
        }

        #[test]
        fn invisible_characters_are_ignored(text in "(?s)([a-z0-9 .,]|[\u{301}\u{AD}\u{FE00}\u{200D}]|[é中が한]){0,30}") {
            let visible: String = text.chars().filter(|&c| CharacterTable::shared().get(c) != CharacterClass::Ignored).collect();
            prop_assert_eq!(words(&text), words(&visible));
        }

        #[test]
        fn normalising_words_changes_nothing(text in "(?s).{0,60}") {
            for word in words(&text) {
                prop_assert!(!word.is_empty());
                prop_assert_eq!(&words(&word).concat(), &word, "from {:?}", text);
            }
        }
    }
}
