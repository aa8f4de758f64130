//! Splits a text into normalised words for near-duplicate detection.
//!
//! The rules are those of FineWeb (`datatrove/utils/text.py`, `simplify_text`): lower case; a number (with one decimal
//! part) becomes `0`; punctuation becomes a space; white space is collapsed; accents are dropped (NFD without Mn). Four
//! deliberate differences: each Han, kana, Thai, Lao, Khmer or Burmese character is a word, since those scripts have no
//! spaces; every symbol separates words, not a fixed list; format characters (soft hyphen, joiners) are ignored; a
//! final sigma becomes a sigma. Words end at white space and punctuation, without the spaCy tokenizer that datatrove
//! uses next.
//!
//! Invariant: a word is never empty and has no separator; words depend only on the text, not on the fast paths for ASCII
//! (a test compares them with the rules by character).

use super::characters::{CharacterClass, CharacterTable, normalise_character};

/// Splits texts into normalised words. Its buffers are reused from one text to the next.
#[derive(Debug, Default)]
pub(super) struct WordNormaliser {
    classes: ByteClasses,
    ascii_word: Vec<u8>,
    word: String,
}

impl WordNormaliser {
    /// Calls `visit` with the UTF-8 bytes of each normalised word of `text`, in order. Allocates nothing per word.
    #[inline]
    pub(super) fn for_each(&mut self, text: &str, mut visit: impl FnMut(&[u8])) {
        let Self { classes, ascii_word, word } = self;
        classes.classify(text.as_bytes());
        let lower = &classes.lower[..text.len()];
        // A number or a character can end behind its run: `3.14` has two runs and is one word.
        let mut position = 0;
        for (start, end) in Runs::new(&classes.letters, &classes.special) {
            if start >= position && !classes.has_special(start, end) {
                visit(&lower[start..end]);
                position = end;
                continue;
            }
            position = position.max(start);
            while position < end {
                position = match read_ascii_word(lower, position, ascii_word) {
                    Some(after) => {
                        visit(ascii_word);
                        after
                    }
                    None => visit_words_by_char(text, position, word, &mut visit),
                };
            }
        }
    }
}

/// The classes of a text's bytes as bitmaps, one bit per byte: 64 bytes are classified with one word of bits each, so
/// that words are found without a branch per byte.
#[derive(Debug, Default)]
struct ByteClasses {
    /// The text in ASCII lower case, padded with zeros to whole blocks.
    lower: Vec<u8>,
    /// ASCII letters.
    letters: Vec<u64>,
    /// ASCII digits and all bytes from 128 on. The other bytes are ASCII and separate words.
    special: Vec<u64>,
}

/// Number of bytes that are classified together: one bit of a `u64` each.
const BLOCK: usize = 64;

impl ByteClasses {
    #[inline]
    fn classify(&mut self, bytes: &[u8]) {
        let blocks = bytes.len().div_ceil(BLOCK);
        self.lower.resize(blocks * BLOCK, 0);
        self.letters.clear();
        self.special.clear();
        let (lower, _) = self.lower.as_chunks_mut::<BLOCK>();
        let (full, tail) = bytes.as_chunks::<BLOCK>();
        let mut padded = [0; BLOCK];
        padded[..tail.len()].copy_from_slice(tail);
        for (block, lower) in full.iter().chain([&padded]).zip(lower) {
            let (letters, special) = classify_block(block, lower);
            self.letters.push(letters);
            self.special.push(special);
        }
    }

    /// Whether a byte from `start` to `end`, which is larger, needs more than the ASCII lower case.
    #[inline]
    fn has_special(&self, start: usize, end: usize) -> bool {
        let (first, last) = (start / BLOCK, (end - 1) / BLOCK);
        let from = u64::MAX << (start % BLOCK);
        let to = u64::MAX >> (BLOCK - 1 - (end - 1) % BLOCK);
        if first == last {
            return self.special[first] & from & to != 0;
        }
        self.special[first] & from != 0
            || self.special[last] & to != 0
            || self.special[first + 1..last].iter().any(|&special| special != 0)
    }
}

/// Writes 64 bytes in ASCII lower case. Returns the bitmaps of the letters and of the special bytes.
///
/// Eight bytes are computed at a time in a `u64` (after Warren, *Hacker's Delight*, 2nd ed., 6–1): with its high bit
/// cleared, a byte plus 128 − x has the high bit set exactly if it is at least x.
#[inline]
fn classify_block(block: &[u8; BLOCK], lower: &mut [u8; BLOCK]) -> (u64, u64) {
    const HIGH: u64 = repeated(0x80);
    const fn repeated(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    /// The high bit of each byte of `word`, whose high bits are clear, that is from `first` to `last`.
    #[inline]
    fn between(word: u64, first: u8, last: u8) -> u64 {
        (word + repeated(0x80 - first)) & !(word + repeated(0x7F - last)) & HIGH
    }
    /// The high bits of the bytes, as the lowest eight bits.
    #[inline]
    fn gather(high_bits: u64) -> u64 {
        (high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    }
    let (mut letters, mut special) = (0, 0);
    let (words, _) = block.as_chunks::<8>();
    let (lower, _) = lower.as_chunks_mut::<8>();
    for (index, (word, lower)) in words.iter().zip(lower).enumerate() {
        let word = u64::from_le_bytes(*word);
        let (ascii, other) = (word & !HIGH, word & HIGH);
        let letter = between(ascii | repeated(0x20), b'a', b'z') & !other;
        let digit = between(ascii, b'0', b'9');
        // 0x80 >> 2 is the bit that distinguishes lower from upper case.
        *lower = (word | letter >> 2).to_le_bytes();
        letters |= gather(letter) << (8 * index);
        special |= gather(digit | other) << (8 * index);
    }
    (letters, special)
}

/// The maximal runs of bytes that are letters or special, as (start, end).
struct Runs<'a> {
    letters: &'a [u64],
    special: &'a [u64],
    block: usize,
    /// The bits of the block at which a run starts or ends, without those already passed.
    edges: u64,
    /// 1 if the last byte of the block before is in a run.
    carry: u64,
}

impl<'a> Runs<'a> {
    #[inline]
    fn new(letters: &'a [u64], special: &'a [u64]) -> Self {
        let mut runs = Self { letters, special, block: 0, edges: 0, carry: 0 };
        runs.load();
        runs
    }

    /// Reads the edges of the current block. After the last block, a run that reaches its end ends.
    #[inline]
    fn load(&mut self) {
        let bits = match (self.letters.get(self.block), self.special.get(self.block)) {
            (Some(letters), Some(special)) => letters | special,
            _ => 0,
        };
        self.edges = bits ^ (bits << 1 | self.carry);
        self.carry = bits >> 63;
    }

    #[inline]
    fn next_edge(&mut self) -> Option<usize> {
        while self.edges == 0 {
            if self.block >= self.letters.len() {
                return None;
            }
            self.block += 1;
            self.load();
        }
        let bit = self.edges.trailing_zeros() as usize;
        self.edges &= self.edges - 1;
        Some(self.block * BLOCK + bit)
    }
}

impl Iterator for Runs<'_> {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        Some((self.next_edge()?, self.next_edge()?))
    }
}

/// Reads the word at `position` of the lower-case text if it consists of ASCII letters and digits. Returns the position
/// after the separator that ends it; `None` if it contains another character, or one could continue a number.
#[inline]
fn read_ascii_word(lower: &[u8], mut position: usize, word: &mut Vec<u8>) -> Option<usize> {
    let skip_digits = |from: usize| {
        let digits = lower[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        from + digits
    };
    word.clear();
    loop {
        match lower.get(position) {
            Some(&letter @ b'a'..=b'z') => {
                word.push(letter);
                position += 1;
            }
            Some(b'0'..=b'9') => {
                word.push(b'0');
                position = skip_digits(position);
                if let Some(b'.' | b',') = lower.get(position) {
                    match lower.get(position + 1) {
                        Some(b'0'..=b'9') => position = skip_digits(position + 1),
                        Some(128..) => return None,
                        _ => {}
                    }
                }
            }
            Some(128..) => return None,
            _ => return Some(position + 1),
        }
    }
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

        /// Runs that end at, before and after the bounds of blocks.
        #[test]
        fn bounds_of_blocks_do_not_matter(
            text in "(?s)([a-zA-Z]{1,70}|[0-9]{1,40}|[ .,]{1,3}|[ a-z0-9]{1,20}|[é中\u{AD}]){0,12}"
        ) {
            prop_assert_eq!(words(&text), reference_words(&text));
        }

        #[test]
        fn bytes_have_their_class(block in prop::collection::vec(any::<u8>(), 64)) {
            let block: [u8; BLOCK] = block.try_into().unwrap();
            let mut lower = [0; BLOCK];
            let (letters, special) = classify_block(&block, &mut lower);
            for (index, byte) in block.iter().enumerate() {
                prop_assert_eq!(lower[index], byte.to_ascii_lowercase());
                prop_assert_eq!(letters >> index & 1 == 1, byte.is_ascii_alphabetic());
                prop_assert_eq!(special >> index & 1 == 1, byte.is_ascii_digit() || !byte.is_ascii());
            }
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
