//! Maps each character to its effect on the words of a text: the table behind `normalise.rs`.
//!
//! The table is built on first use: each character is lower-cased, decomposed (NFD), stripped of non-spacing marks (Mn)
//! and classified as a [`Character`]. Classes are from the Unicode tables of the `regex` crate, decomposition from
//! `unicode-normalization`, case from the standard library; `Cargo.lock` and the toolchain pin all of them.
//!
//! **Invariant:** a character without a class in this table separates words; every character has a defined effect.

use std::sync::OnceLock;

use regex::Regex;
use unicode_normalization::char::decompose_canonical;

/// The effect of a character on the words of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Character {
    /// White space, punctuation, symbol, control: ends a word.
    Separator,
    /// A non-spacing mark or format character: ignored.
    Nothing,
    /// A decimal digit: runs of them become one `0`.
    Digit,
    /// A letter of a word, in normalised form.
    Letter(char),
    /// A word by itself: Han, kana, Thai, Lao, Khmer, Burmese.
    Alone(char),
    /// A letter whose normalised form has several characters, such as a Hangul syllable or upper-case `ß`.
    Several,
}

/// Characters from this code point on separate words, except the format characters of plane 14, which are ignored.
const LAST: u32 = 0x3_3480;
const PAGE: usize = 256;

/// Two-stage table: pages of 256 characters, equal pages stored once.
#[derive(Debug)]
pub(super) struct Characters {
    pages: Vec<u16>,
    entries: Vec<u32>,
}

// An entry has its kind in the top byte and the normalised character in the others, or 0 for the character itself. So
// the pages of large uniform blocks are equal, and the table is small.
const SEPARATOR: u32 = 0;
const NOTHING: u32 = 1 << 24;
const DIGIT: u32 = 2 << 24;
const LETTER: u32 = 3 << 24;
const ALONE: u32 = 4 << 24;
const SEVERAL: u32 = 5 << 24;
const KIND: u32 = 0xFF << 24;

impl Characters {
    /// The shared table, built on first use in a few milliseconds.
    pub(super) fn shared() -> &'static Self {
        static TABLE: OnceLock<Characters> = OnceLock::new();
        TABLE.get_or_init(Self::build)
    }

    /// The effect of `character`.
    #[inline]
    pub(super) fn get(&self, character: char) -> Character {
        let code = character as u32;
        let Some(&page) = self.pages.get(code as usize / PAGE) else {
            return if (0xE_0000..0xE_0200).contains(&code) { Character::Nothing } else { Character::Separator };
        };
        let entry = self.entries[page as usize * PAGE + code as usize % PAGE];
        let mapped = || char::from_u32(entry & !KIND).filter(|&mapped| mapped != '\0').unwrap_or(character);
        match entry & KIND {
            NOTHING => Character::Nothing,
            DIGIT => Character::Digit,
            LETTER => Character::Letter(mapped()),
            ALONE => Character::Alone(mapped()),
            SEVERAL => Character::Several,
            _ => Character::Separator,
        }
    }

    fn build() -> Self {
        let classes = Classes::find();
        let mut table = Self { pages: Vec::new(), entries: Vec::new() };
        let mut known = std::collections::HashMap::new();
        for start in (0..LAST).step_by(PAGE) {
            let page: Vec<u32> =
                (start..start + 256).map(|code| char::from_u32(code).map_or(SEPARATOR, |c| classes.entry(c))).collect();
            let next = u16::try_from(known.len()).unwrap_or(u16::MAX);
            let number = *known.entry(page).or_insert_with_key(|page| {
                table.entries.extend_from_slice(page);
                next
            });
            table.pages.push(number);
        }
        table
    }
}

/// Passes the normalised form of `character` to `push`: lower case, NFD, without non-spacing marks, final sigma as
/// sigma.
pub(super) fn normal_form(character: char, mut push: impl FnMut(char)) {
    for lower in character.to_lowercase() {
        decompose_canonical(lower, |part| {
            if !is_mark(part) {
                push(if part == 'ς' { 'σ' } else { part });
            }
        });
    }
}

/// Whether `part` is a non-spacing mark. Only called on parts of decompositions, so Mn is enough.
fn is_mark(part: char) -> bool {
    static MARKS: OnceLock<Vec<bool>> = OnceLock::new();
    part > '\u{2FF}' && MARKS.get_or_init(|| members(r"\p{Mn}+")).get(part as usize).copied().unwrap_or(false)
}

/// Character classes below [`LAST`], indexed by code point.
struct Classes {
    nothing: Vec<bool>,
    digit: Vec<bool>,
    word: Vec<bool>,
    alone: Vec<bool>,
}

impl Classes {
    fn find() -> Self {
        Self {
            nothing: members(r"[\p{Mn}\p{Cf}]+"),
            digit: members(r"\p{Nd}+"),
            word: members(r"[\p{Alphabetic}\p{M}\p{N}]+"),
            alone: members(r"[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]+"),
        }
    }

    fn entry(&self, character: char) -> u32 {
        let code = character as usize;
        if self.nothing[code] {
            return NOTHING;
        }
        if self.digit[code] {
            return DIGIT;
        }
        if !self.word[code] {
            return SEPARATOR;
        }
        let mut parts = Vec::with_capacity(4);
        normal_form(character, |part| parts.push(part));
        let kind = if self.alone[code] { ALONE } else { LETTER };
        match parts[..] {
            [] => NOTHING,
            [part] if part == character => kind,
            [part] => kind | part as u32,
            _ if self.alone[code] => ALONE,
            _ => SEVERAL,
        }
    }
}

/// The characters below [`LAST`] that match `pattern`, which is one of the constants above.
fn members(pattern: &'static str) -> Vec<bool> {
    let mut set = vec![false; LAST as usize + PAGE];
    let every: String = (0..LAST).filter_map(char::from_u32).collect();
    let Ok(regex) = Regex::new(pattern) else {
        unreachable!("the pattern {pattern} is a constant that the tests compile");
    };
    for run in regex.find_iter(&every) {
        for character in run.as_str().chars() {
            set[character as usize] = true;
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(character: char) -> Character {
        Characters::shared().get(character)
    }

    #[test]
    fn each_kind_has_its_characters() {
        for (character, expected) in [
            ('a', Character::Letter('a')),
            ('É', Character::Letter('e')),
            ('ς', Character::Letter('σ')),
            ('Σ', Character::Letter('σ')),
            ('İ', Character::Letter('i')),
            ('ø', Character::Letter('ø')),
            ('7', Character::Digit),
            ('٣', Character::Digit),
            ('７', Character::Digit),
            ('²', Character::Letter('²')),
            ('\u{301}', Character::Nothing),
            ('\u{AD}', Character::Nothing),
            ('\u{200D}', Character::Nothing),
            ('\u{FEFF}', Character::Nothing),
            ('_', Character::Separator),
            ('—', Character::Separator),
            ('€', Character::Separator),
            ('🦀', Character::Separator),
            ('、', Character::Separator),
            ('\u{3000}', Character::Separator),
            ('\u{10FFFF}', Character::Separator),
            ('中', Character::Alone('中')),
            ('𠀀', Character::Alone('𠀀')),
            ('が', Character::Alone('か')),
            ('ー', Character::Alone('ー')),
            ('ก', Character::Alone('ก')),
            ('ກ', Character::Alone('ກ')),
            ('ក', Character::Alone('ក')),
            ('က', Character::Alone('က')),
            ('한', Character::Several),
            ('क', Character::Letter('क')),
            ('ा', Character::Letter('ा')),
        ] {
            assert_eq!(of(character), expected, "{character:?} U+{:04X}", character as u32);
        }
    }

    #[test]
    fn the_table_agrees_with_the_rules_for_every_character() {
        let classes = Classes::find();
        for character in '\0'..=char::MAX {
            let got = of(character);
            let mut parts = Vec::new();
            normal_form(character, |part| parts.push(part));
            match got {
                Character::Letter(part) => assert_eq!(parts, [part], "{character:?}"),
                Character::Alone(part) => {
                    assert!(parts == [part] || part == character, "{character:?}");
                }
                Character::Several => assert!(parts.len() > 1, "{character:?}"),
                Character::Separator => assert!(!char::is_ascii_alphanumeric(&character)),
                Character::Digit => assert!(classes.digit[character as usize]),
                Character::Nothing => assert!(!character.is_ascii()),
            }
        }
    }

    #[test]
    fn equal_pages_are_stored_once() {
        let table = Characters::shared();
        assert!(table.entries.len() * 4 < 256 * 1024, "{} bytes", table.entries.len() * 4);
    }
}
