//! The shape of a block's text: length, links, punctuation.
//!
//! Invariant: one pass over the characters, no word of any language; length is counted in weighted letters as in
//! `measure`: a Han character counts 3, a letter 1, white space 0.

use super::block::{Block, BlockKind};
use super::words::WordHashes;
use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// Counts over the text of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    /// All text, in weighted letters.
    pub(crate) letters: u32,
    /// Text inside links.
    pub(crate) linked: u32,
    /// Text in bold or strong type.
    pub(crate) bold: u32,
    /// Runs of characters between white space; a character of a script without spaces is a word.
    pub(crate) words: u32,
    pub(crate) digits: u32,
    pub(crate) capitals: u32,
    /// `. ! ?` before white space, and their equivalents in other scripts.
    pub(crate) sentence_ends: u32,
    pub(crate) commas: u32,
    /// Separators, arrows, bullets, signs of rights.
    pub(crate) symbols: u32,
    pub(crate) currency: u32,
    /// Copyright signs.
    pub(crate) rights: u32,
    pub(crate) links: u32,
    pub(crate) images: u32,
    pub(crate) breaks: u32,
    pub(crate) items: u32,
    /// The class of the first character; see [`class`].
    pub(crate) begins: u8,
    /// The class of the last character.
    pub(crate) ends: u8,
    /// FNV-1a of the letters and digits.
    pub(crate) hash: u64,
}

/// The classes of characters. Rows contain them as numbers, of the first and the last character of a block: the weights
/// know these numbers.
mod class {
    /// No character yet; in [`super::listed_class`], a character whose class Unicode defines.
    pub(super) const NONE: u8 = 0;
    pub(super) const CAPITAL: u8 = 1;
    pub(super) const LETTER: u8 = 2;
    /// The last of the classes whose characters are part of a word.
    pub(super) const DIGIT: u8 = 3;
    pub(super) const SENTENCE_END: u8 = 4;
    pub(super) const COMMA: u8 = 5;
    pub(super) const COLON: u8 = 6;
    pub(super) const BRACKET_OR_QUOTE: u8 = 7;
    pub(super) const SYMBOL: u8 = 8;
    pub(super) const CURRENCY: u8 = 9;
    pub(super) const OTHER: u8 = 10;
    /// White space is not part of a block's shape: no row contains this number.
    pub(super) const WHITE_SPACE: u8 = 11;
}

/// The class of a character that is not white space.
fn class_of(character: char) -> u8 {
    match listed_class(character) {
        class::NONE if character.is_uppercase() => class::CAPITAL,
        class::NONE if character.is_alphabetic() => class::LETTER,
        class::NONE if character.is_numeric() => class::DIGIT,
        class::NONE => class::OTHER,
        listed => listed,
    }
}

/// The class of a character that is listed by itself; [`class::NONE`] for the others, whose class Unicode defines.
const fn listed_class(character: char) -> u8 {
    match character {
        'a'..='z' => class::LETTER,
        'A'..='Z' => class::CAPITAL,
        '0'..='9' => class::DIGIT,
        '.' | '!' | '?' | '。' | '！' | '？' | '؟' | '।' | '…' | '۔' | '።' => class::SENTENCE_END,
        ',' | ';' | '，' | '、' | '；' | '،' | '؛' => class::COMMA,
        ':' | '：' => class::COLON,
        '(' | ')' | '[' | ']' | '"' | '\'' | '“' | '”' | '„' | '‘' | '’' | '«' | '「' | '」' | '『' | '』' | '（'
        | '）' => class::BRACKET_OR_QUOTE,
        '|' | '»' | '›' | '·' | '•' | '→' | '©' | '®' | '™' | '/' | '>' | '<' | '+' | '*' | '#' | '@' | '▼' | '▾'
        | '←' | '↑' | '★' | '☆' | '✓' | '✔' | '×' => class::SYMBOL,
        '$' | '€' | '£' | '¥' | '₹' | '₽' | '￥' | '₩' | '¢' => class::CURRENCY,
        _ => class::NONE,
    }
}

/// The classes of ASCII.
static ASCII_CLASSES: [u8; 128] = {
    let mut classes = [class::WHITE_SPACE; 128];
    let mut code = 0_u8;
    while code < 128 {
        if !matches!(code, b'\t'..=b'\r' | b' ') {
            let listed = listed_class(code as char);
            classes[code as usize] = if listed == class::NONE { class::OTHER } else { listed };
        }
        code += 1;
    }
    classes
};

/// Whether a character belongs to a script without spaces: Han, kana, Thai, Lao, Khmer, Burmese.
fn is_spaceless(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Reads one block and appends its words to `words`; `linked` returns whether a node is inside a link, `bold` whether
/// it is bold.
pub(crate) fn shape(
    tree: &Tree<'_>,
    block: &Block,
    linked: impl Fn(usize) -> bool,
    bold: impl Fn(usize) -> bool,
    words: &mut WordHashes,
) -> Shape {
    let shape = Shape { hash: FNV_OFFSET_BASIS, ..Shape::default() };
    let mut reader = Reader { shape, gap: true, last: class::NONE, word: FNV_OFFSET_BASIS, words };
    let is_definitions = block.kind == BlockKind::List && tree.node(block.owner).tag == Tag::Dl;
    if linked(block.first) {
        reader.shape.links = 1;
    }
    for id in block.first..block.end {
        match tree.node(id).tag {
            Tag::Text => {
                let before = reader.shape.letters;
                reader.text(tree.raw_text(id));
                let added = reader.shape.letters - before;
                if linked(id) {
                    reader.shape.linked += added;
                }
                if bold(id) {
                    reader.shape.bold += added;
                }
            }
            Tag::A => reader.shape.links += 1,
            Tag::Img | Tag::Picture => reader.shape.images += 1,
            Tag::Br => {
                reader.shape.breaks += 1;
                reader.gap = true;
            }
            tag => {
                let is_item = matches!(tag, Tag::Li | Tag::Tr) || is_definitions && matches!(tag, Tag::Dt | Tag::Dd);
                reader.shape.items += u32::from(is_item);
                reader.gap |= tag.is_block();
            }
        }
    }
    reader.shape.ends = reader.last;
    reader.end_word();
    reader.words.end_block();
    reader.shape
}

/// Appends the words of a text that is not a block.
pub(super) fn push_words(text: &str, words: &mut WordHashes) {
    let shape = Shape { hash: FNV_OFFSET_BASIS, ..Shape::default() };
    let mut reader = Reader { shape, gap: true, last: class::NONE, word: FNV_OFFSET_BASIS, words };
    reader.text(text);
    reader.end_word();
}

/// The offset basis and the prime of FNV-1a, 64 bits.
pub(super) const FNV_OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
pub(super) const FNV_PRIME: u64 = 0x0100_0000_01b3;

struct Reader<'w> {
    shape: Shape,
    /// Whether the last character is white space.
    gap: bool,
    /// The class of the last character.
    last: u8,
    /// FNV-1a of the letters and digits of the word so far, ASCII in lower case.
    word: u64,
    words: &'w mut WordHashes,
}

impl Reader<'_> {
    fn text(&mut self, text: &str) {
        let mut at = 0;
        while let Some(&byte) = text.as_bytes().get(at) {
            if byte == b'&' {
                // A reference is one character; which one does not matter here, except for white space.
                let rest = &text.as_bytes()[at..];
                let name = rest.iter().take(10).position(|byte| *byte == b';');
                let is_space = name.is_some() && rest.starts_with(b"&nbsp;");
                self.add(u64::from(b'&'), if is_space { class::WHITE_SPACE } else { class::OTHER }, 1);
                at += name.map_or(1, |length| length + 1);
            } else if byte < 128 {
                self.add(u64::from(byte), ASCII_CLASSES[usize::from(byte)], 1);
                at += 1;
            } else {
                let Some(character) = text[at..].chars().next() else { return };
                self.character(character);
                at += character.len_utf8();
            }
        }
    }

    /// Reads a non-ASCII character.
    fn character(&mut self, character: char) {
        if character.is_whitespace() {
            self.add(0, class::WHITE_SPACE, 0);
            return;
        }
        let found = class_of(character);
        // Every character of a script without spaces is a word; a sentence end in such a script needs no space after
        // it.
        self.gap |= is_spaceless(character);
        self.shape.sentence_ends += u32::from(found == class::SENTENCE_END);
        self.add(u64::from(character), found, if ('\u{3000}'..='\u{d7ff}').contains(&character) { 3 } else { 1 });
    }

    /// Adds a character of this code and class, which counts as this many letters.
    fn add(&mut self, code: u64, class: u8, letters: u32) {
        if class > class::DIGIT || self.gap {
            self.end_word();
        }
        if class == class::WHITE_SPACE {
            self.shape.sentence_ends += u32::from(self.last == class::SENTENCE_END && !self.gap);
            self.gap = true;
            return;
        }
        let shape = &mut self.shape;
        shape.letters += letters;
        shape.words += u32::from(self.gap);
        shape.rights += u32::from(code == u64::from('©'));
        match class {
            class::CAPITAL => shape.capitals += 1,
            class::DIGIT => shape.digits += 1,
            class::COMMA => shape.commas += 1,
            class::SYMBOL => shape.symbols += 1,
            class::CURRENCY => shape.currency += 1,
            _ => {}
        }
        if shape.begins == class::NONE {
            shape.begins = class;
        }
        if class <= class::DIGIT {
            shape.hash = (shape.hash ^ code).wrapping_mul(FNV_PRIME);
            let lower = if class == class::CAPITAL && code < 128 { code | 0x20 } else { code };
            self.word = (self.word ^ lower).wrapping_mul(FNV_PRIME);
        }
        self.last = class;
        self.gap = false;
    }

    fn end_word(&mut self) {
        if self.word != FNV_OFFSET_BASIS {
            self.words.push(self.word);
            self.word = FNV_OFFSET_BASIS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_ascii_agrees_with_the_classes_of_characters() {
        for (code, class) in (0_u8..).zip(ASCII_CLASSES) {
            let character = char::from(code);
            let wanted = if character.is_whitespace() { class::WHITE_SPACE } else { class_of(character) };
            assert_eq!(class, wanted, "{character:?}");
        }
    }
}
