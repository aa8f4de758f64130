//! Splits text in any script into words, lines and sentences, for shingles and for the rules that count them.
//!
//! A **word** is one of
//! - a character of a script that is written without spaces between words (Han, kana, Bopomofo, Thai, Lao, Khmer,
//!   Burmese), with the combining marks that follow it; or
//! - a longest run of letters, digits and combining marks of any other script. An apostrophe, underscore, hyphenation
//!   point or zero-width joiner between two such characters belongs to the run: `don't`, `snake_case`, `می‌خواهم`.
//!
//! White space and all other characters are separators: `state-of-the-art` is four words, `3.14` two, `东京 2024` three,
//! and a line of dashes none.
//!
//! Invariant: words are in text order, do not overlap, are not empty, each begins with a letter or a digit, and they
//! depend only on the text. Letters and marks are those of the Unicode versions of the toolchain and of
//! `unicode-normalization`, both pinned: a newer version of either may change digests.

use std::iter::FusedIterator;
use std::sync::LazyLock;

use unicode_normalization::char::is_combining_mark;

/// The role of a character in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// White space, punctuation, symbols, controls.
    Other,
    /// A letter or digit of a script with spaces between words.
    Run,
    /// A character that is a word by itself.
    Single,
    /// A combining mark, part of the character before it.
    Mark,
    /// Joins two `Run` characters if it is the only character between them.
    Joiner,
}

/// The class of every character of the basic multilingual plane: 64 KiB, initialized once.
static PLANE: LazyLock<Box<[Class]>> = LazyLock::new(|| {
    (0..=u16::MAX).map(|unit| char::from_u32(u32::from(unit)).map_or(Class::Other, classify)).collect()
});

const fn classify_ascii(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Class::Run,
        b'\'' | b'_' => Class::Joiner,
        _ => Class::Other,
    }
}

/// The bytes that are ASCII letters or digits.
const ASCII_RUN: [bool; 256] = ascii_table(true);
/// The other bytes of ASCII.
const ASCII_OTHER: [bool; 256] = ascii_table(false);

#[expect(clippy::cast_possible_truncation, reason = "the byte is below 128")]
const fn ascii_table(is_run: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = matches!(classify_ascii(byte as u8), Class::Run) == is_run;
        byte += 1;
    }
    table
}

/// Whether a script of this code point writes no spaces between words (Unicode `Blocks.txt` and `Scripts.txt`).
const fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0e7f}'                                                                 // Thai
        | '\u{0e80}'..='\u{0eff}'                                                               // Lao
        | '\u{1000}'..='\u{109f}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}'           // Burmese
        | '\u{1780}'..='\u{17ff}'                                                               // Khmer
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'           // Han
        | '\u{3038}'..='\u{303b}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}'           // kana
        | '\u{1aff0}'..='\u{1b16f}'
        | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}'                                     // Bopomofo
    )
}

fn classify(character: char) -> Class {
    match character {
        '\0'..='\x7f' => u8::try_from(character).map_or(Class::Other, classify_ascii),
        // Half-width voicing marks are letters to Unicode; they modify the kana before them.
        '\u{ff9e}' | '\u{ff9f}' => Class::Mark,
        // Soft hyphen, middle dot (Catalan), geresh and gershayim, zero-width (non-)joiner, apostrophe, hyphenation
        // point.
        '\u{ad}' | '\u{b7}' | '\u{5f3}' | '\u{5f4}' | '\u{200c}' | '\u{200d}' | '\u{2019}' | '\u{2027}' => {
            Class::Joiner
        }
        _ if is_combining_mark(character) => Class::Mark,
        _ if is_unspaced(character) && character.is_alphabetic() => Class::Single,
        _ if character.is_alphanumeric() => Class::Run,
        _ => Class::Other,
    }
}

/// Class and length in bytes of the character at `at`; `None` at the end of the text.
#[inline]
fn class_at(text: &str, at: usize) -> Option<(Class, usize)> {
    let byte = *text.as_bytes().get(at)?;
    if byte.is_ascii() {
        return Some((classify_ascii(byte), 1));
    }
    let character = text.get(at..)?.chars().next()?;
    Some((class_of(character), character.len_utf8()))
}

#[inline]
fn class_of(character: char) -> Class {
    let code = u32::from(character);
    usize::try_from(code).ok().and_then(|index| PLANE.get(index).copied()).unwrap_or_else(|| classify(character))
}

/// One word and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word, as in the text.
    pub text: &'a str,
    /// The byte offset of the word in the text.
    pub start: usize,
    /// Whether the word is one character of a script without spaces between words.
    pub single: bool,
}

/// An iterator over the words of a text; returned by [`spans`].
#[derive(Debug, Clone)]
pub struct Spans<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Spans<'a> {
    type Item = Word<'a>;

    #[inline]
    fn next(&mut self) -> Option<Word<'a>> {
        let bytes = self.text.as_bytes();
        let (class, start) = loop {
            while bytes.get(self.at).is_some_and(|byte| ASCII_OTHER[usize::from(*byte)]) {
                self.at += 1;
            }
            let (class, length) = class_at(self.text, self.at)?;
            self.at += length;
            if matches!(class, Class::Run | Class::Single) {
                break (class, self.at - length);
            }
        };
        let single = class == Class::Single;
        loop {
            while !single && bytes.get(self.at).is_some_and(|byte| ASCII_RUN[usize::from(*byte)]) {
                self.at += 1;
            }
            let Some((class, length)) = class_at(self.text, self.at) else { break };
            let next = self.at + length;
            match class {
                Class::Mark => {}
                Class::Run if !single => {}
                Class::Joiner if !single && matches!(class_at(self.text, next), Some((Class::Run, _))) => {}
                _ => break,
            }
            self.at = next;
        }
        Some(Word { text: self.text.get(start..self.at)?, start, single })
    }
}

impl FusedIterator for Spans<'_> {}

/// The words of `text` with their positions.
///
/// Does not allocate; makes one pass over the bytes.
pub fn spans(text: &str) -> Spans<'_> {
    Spans { text, at: 0 }
}

/// The words of `text`.
pub fn words(text: &str) -> impl FusedIterator<Item = &str> + Clone {
    spans(text).map(|word| word.text)
}

/// The non-blank lines of `text`, trimmed.
pub fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The blocks of `text` between blank lines, trimmed.
pub fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            if line.trim().is_empty() {
                break;
            }
            end += line.len();
        }
        let (paragraph, after) = rest.split_at(end);
        rest = after;
        Some(paragraph.trim_end())
    })
}

/// The role of a character at the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Ends a sentence anywhere: `。`, `！`, `।`.
    Hard,
    /// Ends a sentence before white space or the end of the line: `.`, `?`, `…`.
    Soft,
    /// May come between a soft stop and the white space: quotes and closing brackets.
    Closer,
    No,
}

const fn stop_of(character: char) -> Stop {
    match character {
        '.' | '!' | '?' | '…' | '‥' | '．' => Stop::Soft,
        '。' | '！' | '？' | '｡' | '︒' | '﹒' | '﹖' | '﹗' | '‼' | '⁇' | '⁈' | '⁉' | '؟' | '۔' | '।' | '॥' | '։'
        | '።' | '፧' | '፨' | '។' | '៕' | '။' | '།' | '༎' | '᠃' | '᠉' | '෴' | '꧉' => Stop::Hard,
        '"' | '\'' | ')' | ']' | '}' | '*' | '_' | '`' | '”' | '’' | '»' | '›' | '“' | '」' | '』' | '）' | '】'
        | '］' | '〉' | '》' => Stop::Closer,
        _ => Stop::No,
    }
}

/// The number of sentences in `text`.
///
/// A sentence contains a letter and ends with a mark such as `.`, `!`, `?`, `…` before white space, with a mark such as
/// `。`, `！`, `？`, `؟`, `।`, `။` anywhere, or with its line, as in the C4 filters. A full stop after a single letter
/// (`J. Smith`) or between digits does not end a sentence; other abbreviations do.
pub fn count_sentences(text: &str) -> usize {
    let mut count = 0;
    sentence_ends(text, |_| count += 1);
    count
}

/// Calls `end` with the byte offset at which each sentence of [`count_sentences`] ends, in order: after its mark and one
/// character of white space, or after its line.
pub fn sentence_ends(text: &str, mut end: impl FnMut(usize)) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        ends_in_line(line, |at| end(start + at));
        start += line.len();
    }
}

fn ends_in_line(line: &str, mut end: impl FnMut(usize)) {
    let (mut open, mut pending) = (false, false);
    let (mut run, mut initial) = (0_usize, false); // letters and digits directly before; whether they are one capital
    for (at, character) in line.char_indices() {
        let class = class_of(character);
        if matches!(class, Class::Run | Class::Single) {
            open |= character.is_alphabetic();
            pending = false;
            run += 1;
            initial = run == 1 && character.is_uppercase();
            continue;
        }
        if class == Class::Mark {
            continue;
        }
        match stop_of(character) {
            Stop::Hard if open => {
                end(at + character.len_utf8());
                (open, pending) = (false, false);
            }
            Stop::Soft => pending |= open && !(character == '.' && initial),
            Stop::Closer | Stop::Hard => {}
            Stop::No if pending && character.is_whitespace() => {
                end(at + character.len_utf8());
                (open, pending) = (false, false);
            }
            Stop::No => pending = false,
        }
        (run, initial) = (0, false);
    }
    if open {
        end(line.len());
    }
}

/// Whether `line` ends like a sentence: with an end mark, which closing quotes and brackets may follow, or with a
/// quotation mark (as in C4).
pub fn ends_sentence(line: &str) -> bool {
    let line = line.trim_end();
    if line.ends_with(['"', '\'', '”', '’', '»', '」', '』']) {
        return true;
    }
    let open = line.trim_end_matches(|character| stop_of(character) == Stop::Closer);
    open.chars().next_back().is_some_and(|character| matches!(stop_of(character), Stop::Hard | Stop::Soft))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Vec<&str> {
        words(text).collect()
    }

    #[test]
    fn spaced_scripts_split_at_space_and_punctuation() {
        assert_eq!(
            list("Don't panic: state-of-the-art, 3.14!"),
            ["Don't", "panic", "state", "of", "the", "art", "3", "14"]
        );
        assert_eq!(list("let snake_case = _x__y;"), ["let", "snake_case", "x", "y"]);
        assert_eq!(list("Где  мои\tключи?"), ["Где", "мои", "ключи"]);
        assert_eq!(list("--- *** ..."), Vec::<&str>::new());
        assert_eq!(list("한국어 문장"), ["한국어", "문장"]);
    }

    #[test]
    fn marks_and_joiners_stay_inside_a_word() {
        assert_eq!(list("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert_eq!(list("e\u{301}te\u{301} col·laborar"), ["e\u{301}te\u{301}", "col·laborar"]);
        assert_eq!(list("می\u{200c}خواهم"), ["می\u{200c}خواهم"]);
        assert_eq!(list("'quoted' l’homme"), ["quoted", "l’homme"]);
    }

    #[test]
    fn each_character_of_an_unspaced_script_is_a_word() {
        assert_eq!(list("东京2024年，好！"), ["东", "京", "2024", "年", "好"]);
        assert_eq!(list("カタカナ・ひら"), ["カ", "タ", "カ", "ナ", "ひ", "ら"]);
        assert_eq!(list("ｶﾞ"), ["ｶﾞ"]);
        assert_eq!(list("น้ำ๑๒"), ["น้", "ำ", "๑๒"]);
        assert_eq!(list("𠀀𠀁"), ["𠀀", "𠀁"]);
        assert_eq!(list("ខ្មែរ"), ["ខ្", "មែ", "រ"]);
        assert!(spans("用Rust").map(|word| (word.start, word.single)).eq([(0, true), (3, false)]));
    }

    #[test]
    fn sentences_end_at_marks_or_line_ends() {
        assert_eq!(count_sentences("One. Two! Three? Four"), 4);
        assert_eq!(count_sentences("He said \"no.\" Then left."), 2);
        assert_eq!(count_sentences("J. Smith paid 3.50 at example.com... twice."), 2);
        assert_eq!(count_sentences("今天好。你呢？好！"), 3);
        assert_eq!(count_sentences("यह एक है। वह दो है।"), 2);
        assert_eq!(count_sentences("هل هذا صحيح؟ نعم."), 2);
        assert_eq!(count_sentences("1. 2. 3.\n---\n\n"), 0);
        assert_eq!(count_sentences("a line\nanother line."), 2);
        assert_eq!(count_sentences(""), 0);
    }

    #[test]
    fn a_line_ends_a_sentence() {
        for yes in ["So.", "So!)", "**So.**", "He said \"so\"", "好。", "好」", "क।", "so…  "] {
            assert!(ends_sentence(yes), "{yes}");
        }
        for no in ["", "So", "So,", "(so)", "好，", "fn main() {"] {
            assert!(!ends_sentence(no), "{no}");
        }
    }

    #[test]
    fn lines_and_paragraphs_skip_blank_lines() {
        assert!(lines("a\r\n\n  b \n \n").eq(["a", "b"]));
        assert!(paragraphs("\n a\nb\n \n\nc\r\n").eq(["a\nb", "c"]));
        assert_eq!(paragraphs(" \n").count(), 0);
    }

    proptest! {
        #[test]
        fn words_are_ordered_and_disjoint(text in "\\PC*|[a-c'_ 中ก\u{301}.\n]*") {
            let mut end = 0;
            for word in spans(&text) {
                prop_assert!(word.start >= end && !word.text.is_empty());
                prop_assert_eq!(text.get(word.start..word.start + word.text.len()), Some(word.text));
                prop_assert!(word.text.chars().next().is_some_and(char::is_alphanumeric));
                prop_assert!(!text[end..word.start].chars().any(|c| matches!(class_of(c), Class::Run | Class::Single)));
                end = word.start + word.text.len();
            }
            prop_assert!(!text[end..].chars().any(|c| matches!(class_of(c), Class::Run | Class::Single)));
        }

        #[test]
        fn sentences_and_paragraphs_never_panic(text in "\\PC*|[Aa1.!。\" \n]*") {
            prop_assert!(count_sentences(&text) <= text.chars().count());
            let kept: usize = paragraphs(&text).flat_map(lines).count();
            prop_assert_eq!(kept, lines(&text).count());
        }
    }
}
