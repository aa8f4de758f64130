//! The words of a text as the Llama-3 pre-tokenizer splits them, by a hand-written scanner.
//!
//! Each word of [`PATTERN`] is decided by the class of its first one or two characters, so no backtracking is needed.
//! Which characters `\p{L}`, `\p{N}` and `\s` match is determined once with the regular expression engine of `tokenizers`
//! itself, so that the two agree in every Unicode version.
//!
//! Invariant: the words of a text, joined, are the text; and they are exactly the matches of [`PATTERN`] in that engine
//! (tests over every character, random text and real files).

use std::sync::OnceLock;

use tokenizers::utils::SysRegex;

/// The pattern of Llama 3 (and, but for the number of digits, of `cl100k_base` and Qwen), as its `tokenizer.json` writes it.
pub const PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The words of `text`, in order.
pub fn words(text: &str) -> Words<'_> {
    Words { text, position: 0, classes: classes() }
}

/// See [`words`].
#[derive(Debug, Clone)]
pub struct Words<'a> {
    text: &'a str,
    position: usize,
    classes: &'static Classes,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        if self.position >= self.text.len() {
            return None;
        }
        let start = self.position;
        self.position = self.end_of_word(start);
        Some(&self.text[start..self.position])
    }
}

impl Words<'_> {
    /// The end of the word that starts at `start`, in the order of the pattern's alternatives.
    #[inline]
    fn end_of_word(&self, start: usize) -> usize {
        let (first, next) = self.class(start);
        if first == Class::Letter {
            return self.run(next, Class::Letter);
        }
        if first == Class::Number {
            return self.number(next);
        }
        if self.text.as_bytes()[start] == b'\'' {
            let length = contraction(&self.text[next..]);
            if length > 0 {
                return next + length;
            }
        }
        // `[^\r\n\p{L}\p{N}]?\p{L}+`: anything but a line end may lead letters.
        let (second, after) = self.class(next);
        if second == Class::Letter && first != Class::Line {
            return self.run(after, Class::Letter);
        }
        match first {
            Class::Other => self.line_ends(self.run(next, Class::Other)),
            _ if second == Class::Other && self.text.as_bytes()[start] == b' ' => {
                self.line_ends(self.run(after, Class::Other))
            }
            _ => self.white_space(start),
        }
    }

    /// The class of the character at `position` and the position behind it; at the end of the text, [`Class::End`].
    #[inline]
    fn class(&self, position: usize) -> (Class, usize) {
        match self.text.as_bytes().get(position) {
            None => (Class::End, position),
            Some(&byte) if byte < 128 => (ASCII[byte as usize], position + 1),
            Some(_) => self.wide_class(position),
        }
    }

    fn wide_class(&self, position: usize) -> (Class, usize) {
        let character = self.text[position..].chars().next().unwrap_or('\0');
        (self.classes.get(character), position + character.len_utf8())
    }

    /// Behind the characters of one class from `position` on.
    #[inline]
    fn run(&self, mut position: usize, class: Class) -> usize {
        loop {
            let (here, next) = self.class(position);
            if here != class {
                return position;
            }
            position = next;
        }
    }

    /// `\p{N}{1,3}`, the first being read.
    fn number(&self, mut position: usize) -> usize {
        for _ in 0..2 {
            let (here, next) = self.class(position);
            if here != Class::Number {
                break;
            }
            position = next;
        }
        position
    }

    /// `[\r\n]*`
    #[inline]
    fn line_ends(&self, position: usize) -> usize {
        self.run(position, Class::Line)
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: to the last line end of the white space; else all of it if the text ends there; else all but
    /// its last character, which leads the next word, unless it is alone.
    fn white_space(&self, start: usize) -> usize {
        let (mut position, mut last, mut behind_line) = (start, start, None);
        loop {
            let (here, next) = self.class(position);
            match here {
                Class::Line => behind_line = Some(next),
                Class::Space => {}
                _ => {
                    return match behind_line {
                        Some(end) => end,
                        None if here == Class::End || last == start => position,
                        None => last,
                    };
                }
            }
            last = position;
            position = next;
        }
    }
}

/// The bytes of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` behind the apostrophe, in any case; 0 if there is none of them.
/// The long s, U+017F, is an s in the other case.
fn contraction(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let lower = |index: usize| bytes.get(index).map_or(0, u8::to_ascii_lowercase);
    match (lower(0), lower(1)) {
        (b's' | b't' | b'm' | b'd', _) => 1,
        (b'r' | b'v', b'e') | (b'l', b'l') => 2,
        _ if rest.starts_with('ſ') => 'ſ'.len_utf8(),
        _ => 0,
    }
}

/// What a character is to the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// None of the others: punctuation, symbols, marks, controls.
    Other,
    /// `\p{L}`
    Letter,
    /// `\p{N}`
    Number,
    /// `\s` but for the line ends.
    Space,
    /// `[\r\n]`
    Line,
    /// Behind the text.
    End,
}

#[expect(clippy::cast_possible_truncation, reason = "the loop ends before 128; try_from is not const")]
const ASCII: [Class; 128] = {
    let mut table = [Class::Other; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Number,
            b'\r' | b'\n' => Class::Line,
            b'\t' | 0x0B | 0x0C | b' ' => Class::Space,
            _ => Class::Other,
        };
        byte += 1;
    }
    table
};

/// Classes of all characters: pages of 256, equal pages stored once.
#[derive(Debug)]
struct Classes {
    pages: Vec<u16>,
    entries: Vec<Class>,
}

const PAGE: usize = 256;
const CODES: u32 = 0x11_0000;

fn classes() -> &'static Classes {
    static TABLE: OnceLock<Classes> = OnceLock::new();
    TABLE.get_or_init(Classes::build)
}

impl Classes {
    #[inline]
    fn get(&self, character: char) -> Class {
        let code = character as usize;
        self.entries[self.pages[code / PAGE] as usize * PAGE + code % PAGE]
    }

    fn build() -> Self {
        let mut flat = vec![Class::Other; CODES as usize];
        for (pattern, class) in [
            (r"\p{L}+", Class::Letter),
            (r"\p{N}+", Class::Number),
            (r"[\s&&[^\r\n]]+", Class::Space),
            (r"[\r\n]+", Class::Line),
        ] {
            mark(&mut flat, pattern, class);
        }
        let mut known = std::collections::HashMap::new();
        let mut table = Self { pages: Vec::new(), entries: Vec::new() };
        for page in flat.chunks(PAGE) {
            let next = u16::try_from(known.len()).unwrap_or(u16::MAX);
            let bytes: Vec<u8> = page.iter().map(|&class| class as u8).collect();
            let number = *known.entry(bytes).or_insert_with(|| {
                table.entries.extend_from_slice(page);
                next
            });
            table.pages.push(number);
        }
        table
    }
}

/// Gives `class` to every character that `pattern` matches, in stretches of 65,536 to keep the text small.
fn mark(flat: &mut [Class], pattern: &'static str, class: Class) {
    let Ok(regex) = SysRegex::new(pattern) else {
        unreachable!("the pattern {pattern} is a constant that the tests compile");
    };
    for start in (0..CODES).step_by(0x1_0000) {
        let every: String = (start..start + 0x1_0000).filter_map(char::from_u32).collect();
        for (from, to) in regex.find_iter(&every) {
            for character in every[from..to].chars() {
                flat[character as usize] = class;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior};

    fn oracle() -> &'static Split {
        static SPLIT: OnceLock<Split> = OnceLock::new();
        SPLIT.get_or_init(|| {
            Split::new(SplitPattern::Regex(PATTERN.into()), SplitDelimiterBehavior::Isolated, false).unwrap()
        })
    }

    fn by_oracle(text: &str) -> Vec<String> {
        let mut pieces = PreTokenizedString::from(text);
        oracle().pre_tokenize(&mut pieces).unwrap();
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        splits.into_iter().map(|(piece, _, _)| piece.to_owned()).filter(|piece| !piece.is_empty()).collect()
    }

    fn check(text: &str) {
        let ours: Vec<&str> = words(text).collect();
        assert_eq!(ours, by_oracle(text), "{text:?}");
        assert_eq!(ours.concat(), text);
    }

    #[test]
    fn hand_picked() {
        for text in [
            "",
            " ",
            "  ",
            "a",
            " a",
            "  a",
            "a  b",
            "\n",
            " \n a",
            "a\r\n\r\nb",
            "a \n",
            "x  \n\n  y",
            "\t\tif x:\n\t\t\treturn",
            "I'm we'll DON'T they'Re x'ſ 'LL'd 'q",
            "1234567",
            " 12",
            "a1b22",
            "!!!\n\n",
            " !?\r\nx",
            "\u{A0}\u{A0}a",
            "\u{3000}中文。\u{2028}b",
            "e\u{301}e",
            "'\u{17F}t",
            "'l",
            "''s",
            "\u{85}\u{85}x",
            "½²³Ⅷ٣",
            "\0\0a",
            "\u{FEFF}a",
            "🦀 🦀",
            "  !",
            "   !",
            "\t!",
            " \t!",
            "don't",
            " 's",
            "_a",
            "_ a",
            "\n'll",
        ] {
            check(text);
        }
    }

    /// Each character in each place that matters, about 10 million characters of text.
    #[test]
    fn every_character() {
        for character in '\0'..=char::MAX {
            if (character as u32).is_multiple_of(8)
                || character < '\u{3100}'
                || ('\u{A000}'..'\u{10000}').contains(&character)
            {
                let text = format!(
                    "{character}a {character}. '{character}t1{character} \n{character}  {character}{character}2"
                );
                check(&text);
            }
        }
    }

    #[test]
    fn the_table_of_ascii_is_that_of_the_engine() {
        for byte in 0..128_u8 {
            assert_eq!(ASCII[byte as usize], classes().get(char::from(byte)), "{byte}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn random_text(text in "(?s)([ \t\r\n]|'|[a-zA-Z]|[0-9]|[.!_-]|\\PC|[\u{80}-\u{2FFF}]|.){0,40}") {
            let ours: Vec<&str> = words(&text).collect();
            prop_assert_eq!(&ours, &by_oracle(&text));
        }

        #[test]
        fn random_white_space_and_contractions(text in "(?s)([ \t\r\n\u{85}\u{A0}\u{3000}]{0,4}('(s|S|ſ|t|re|RE|ve|m|ll|lL|d|x)|a|1|!)?){0,8}") {
            let ours: Vec<&str> = words(&text).collect();
            prop_assert_eq!(&ours, &by_oracle(&text));
        }
    }
}
