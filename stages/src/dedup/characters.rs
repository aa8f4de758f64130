//! Maps each character to its effect on the words of a text: the table behind `normalise.rs`.
//!
//! The table is built on first use: each character is lower-cased, decomposed (NFD), stripped of non-spacing marks (Mn)
//! and classified as a [`CharacterClass`]. Classes are from the Unicode tables of the crate `regex-syntax`, decomposition from
//! `unicode-normalization`, case from the standard library; `Cargo.lock` and the toolchain pin all of them.
//!
//! Invariant: a character without a class in this table separates words; every character has a defined effect.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, Hir, HirKind};
use unicode_normalization::char::decompose_canonical;

/// The effect of a character on the words of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CharacterClass {
    /// White space, punctuation, symbol, control: ends a word.
    Separator,
    /// A non-spacing mark or format character: ignored.
    Ignored,
    /// A decimal digit: runs of them become one `0`.
    Digit,
    /// A letter of a word, in normalised form.
    Letter(char),
    /// A word by itself: Han, kana, Thai, Lao, Khmer, Burmese.
    Standalone(char),
    /// A letter whose normalised form has several characters, such as a Hangul syllable or upper-case `ß`.
    Expanding,
}

/// Characters from this code point on separate words, except the format characters of plane 14, which are ignored.
const CODE_POINT_LIMIT: u32 = 0x3_3480;
const PAGE_SIZE: usize = 256;

/// Two-stage table: pages of 256 characters, equal pages stored once.
#[derive(Debug)]
pub(super) struct CharacterTable {
    pages: Vec<u16>,
    entries: Vec<u32>,
}

// An entry has its class in the top byte and the normalised character in the others, or 0 for the character itself. So
// the pages of large uniform blocks are equal, and the table is small.
const SEPARATOR: u32 = 0;
const IGNORED: u32 = 1 << 24;
const DIGIT: u32 = 2 << 24;
const LETTER: u32 = 3 << 24;
const STANDALONE: u32 = 4 << 24;
const EXPANDING: u32 = 5 << 24;
const CLASS_MASK: u32 = 0xFF << 24;

impl CharacterTable {
    /// The shared table, built on first use in a few milliseconds.
    pub(super) fn shared() -> &'static Self {
        static TABLE: OnceLock<CharacterTable> = OnceLock::new();
        TABLE.get_or_init(Self::build)
    }

    /// The effect of `character`.
    #[inline]
    pub(super) fn get(&self, character: char) -> CharacterClass {
        let code = character as u32;
        let Some(&page) = self.pages.get(code as usize / PAGE_SIZE) else {
            return if (0xE_0000..0xE_0200).contains(&code) {
                CharacterClass::Ignored
            } else {
                CharacterClass::Separator
            };
        };
        let entry = self.entries[page as usize * PAGE_SIZE + code as usize % PAGE_SIZE];
        let mapped = || char::from_u32(entry & !CLASS_MASK).filter(|&mapped| mapped != '\0').unwrap_or(character);
        match entry & CLASS_MASK {
            IGNORED => CharacterClass::Ignored,
            DIGIT => CharacterClass::Digit,
            LETTER => CharacterClass::Letter(mapped()),
            STANDALONE => CharacterClass::Standalone(mapped()),
            EXPANDING => CharacterClass::Expanding,
            _ => CharacterClass::Separator,
        }
    }

    fn build() -> Self {
        let classes = Classes::load();
        let mut table = Self { pages: Vec::new(), entries: Vec::new() };
        let mut known = std::collections::HashMap::new();
        for start in (0..CODE_POINT_LIMIT).step_by(PAGE_SIZE) {
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
pub(super) fn normalise_character(character: char, mut push: impl FnMut(char)) {
    for lower in character.to_lowercase() {
        decompose_canonical(lower, |part| {
            if !is_nonspacing_mark(part) {
                push(if part == 'ς' { 'σ' } else { part });
            }
        });
    }
}

/// Whether `part` is a non-spacing mark. Only called on parts of decompositions, so Mn is enough.
fn is_nonspacing_mark(part: char) -> bool {
    static MARKS: OnceLock<Vec<bool>> = OnceLock::new();
    part > '\u{2FF}' && MARKS.get_or_init(|| characters_in(r"\p{Mn}")).get(part as usize).copied().unwrap_or(false)
}

/// Character classes below [`CODE_POINT_LIMIT`], indexed by code point.
struct Classes {
    ignored: Vec<bool>,
    digit: Vec<bool>,
    word: Vec<bool>,
    standalone: Vec<bool>,
}

impl Classes {
    fn load() -> Self {
        Self {
            ignored: characters_in(r"[\p{Mn}\p{Cf}]"),
            digit: characters_in(r"\p{Nd}"),
            word: characters_in(r"[\p{Alphabetic}\p{M}\p{N}]"),
            standalone: characters_in(
                r"[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]",
            ),
        }
    }

    fn entry(&self, character: char) -> u32 {
        let code = character as usize;
        if self.ignored[code] {
            return IGNORED;
        }
        if self.digit[code] {
            return DIGIT;
        }
        if !self.word[code] {
            return SEPARATOR;
        }
        let mut parts = Vec::with_capacity(4);
        normalise_character(character, |part| parts.push(part));
        let kind = if self.standalone[code] { STANDALONE } else { LETTER };
        match parts[..] {
            [] => IGNORED,
            [part] if part == character => kind,
            [part] => kind | part as u32,
            _ if self.standalone[code] => STANDALONE,
            _ => EXPANDING,
        }
    }
}

/// The characters below [`CODE_POINT_LIMIT`] in a class of characters, which is one of the constants above.
fn characters_in(class: &'static str) -> Vec<bool> {
    let mut set = vec![false; CODE_POINT_LIMIT as usize + PAGE_SIZE];
    let parsed = regex_syntax::parse(class);
    let Some(HirKind::Class(Class::Unicode(class))) = parsed.as_ref().map(Hir::kind).ok() else {
        unreachable!("the class {class} is a constant that the tests parse");
    };
    for range in class.ranges() {
        let end = (range.end() as usize + 1).min(set.len());
        if let Some(range) = set.get_mut(range.start() as usize..end) {
            range.fill(true);
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(character: char) -> CharacterClass {
        CharacterTable::shared().get(character)
    }

    #[test]
    fn each_kind_has_its_characters() {
        for (character, expected) in [
            ('a', CharacterClass::Letter('a')),
            ('É', CharacterClass::Letter('e')),
            ('ς', CharacterClass::Letter('σ')),
            ('Σ', CharacterClass::Letter('σ')),
            ('İ', CharacterClass::Letter('i')),
            ('ø', CharacterClass::Letter('ø')),
            ('7', CharacterClass::Digit),
            ('٣', CharacterClass::Digit),
            ('７', CharacterClass::Digit),
            ('²', CharacterClass::Letter('²')),
            ('\u{301}', CharacterClass::Ignored),
            ('\u{AD}', CharacterClass::Ignored),
            ('\u{200D}', CharacterClass::Ignored),
            ('\u{FEFF}', CharacterClass::Ignored),
            ('_', CharacterClass::Separator),
            ('—', CharacterClass::Separator),
            ('€', CharacterClass::Separator),
            ('🦀', CharacterClass::Separator),
            ('、', CharacterClass::Separator),
            ('\u{3000}', CharacterClass::Separator),
            ('\u{10FFFF}', CharacterClass::Separator),
            ('中', CharacterClass::Standalone('中')),
            ('𠀀', CharacterClass::Standalone('𠀀')),
            ('が', CharacterClass::Standalone('か')),
            ('ー', CharacterClass::Standalone('ー')),
            ('ก', CharacterClass::Standalone('ก')),
            ('ກ', CharacterClass::Standalone('ກ')),
            ('ក', CharacterClass::Standalone('ក')),
            ('က', CharacterClass::Standalone('က')),
            ('한', CharacterClass::Expanding),
            ('क', CharacterClass::Letter('क')),
            ('ा', CharacterClass::Letter('ा')),
        ] {
            assert_eq!(of(character), expected, "{character:?} U+{:04X}", character as u32);
        }
    }

    #[test]
    fn the_table_agrees_with_the_rules_for_every_character() {
        let classes = Classes::load();
        for character in '\0'..=char::MAX {
            let got = of(character);
            let mut parts = Vec::new();
            normalise_character(character, |part| parts.push(part));
            match got {
                CharacterClass::Letter(part) => assert_eq!(parts, [part], "{character:?}"),
                CharacterClass::Standalone(part) => {
                    assert!(parts == [part] || part == character, "{character:?}");
                }
                CharacterClass::Expanding => assert!(parts.len() > 1, "{character:?}"),
                CharacterClass::Separator => assert!(!char::is_ascii_alphanumeric(&character)),
                CharacterClass::Digit => assert!(classes.digit[character as usize]),
                CharacterClass::Ignored => assert!(!character.is_ascii()),
            }
        }
    }

    #[test]
    fn equal_pages_are_stored_once() {
        let table = CharacterTable::shared();
        assert!(table.entries.len() * 4 < 256 * 1024, "{} bytes", table.entries.len() * 4);
    }
}
