//! Splits a text into the tokens of the toxicity model: pictographs, and words without case, accents and common
//! disguises.
//!
//! Undoes these disguises: `sh1t`, `a$$`, `f*ck` and `f u c k` (only if the result is a word of the lexicon, so code
//! and prose keep their identifiers), repeated letters, Cyrillic letters in a Latin word that look like Latin ones, and
//! invisible characters. Skips links, mentions and numbers: they identify people and places, not a tone.
//!
//! Invariant: one pass, with memory independent of the length of the text (a word is truncated to 64 bytes).

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::lexicon::{Lexicon, WordClass};

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word in lower case, and its class and entry in the lexicon, if it has one.
    Word(&'a str, Option<(WordClass, &'static str)>),
    /// A pictograph.
    Symbol(char),
    /// The end of a sentence or line.
    Boundary,
}

const MAX_WORD_BYTES: usize = 64;

/// Calls `sink` with each token of `text` in order.
pub(super) fn tokenize(text: &str, lexicon: &'static Lexicon, sink: impl FnMut(Token<'_>)) {
    let mut state = Tokenizer {
        lexicon,
        sink,
        word: String::with_capacity(MAX_WORD_BYTES),
        masked: false,
        spaced: String::new(),
        last_symbol: None,
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii() {
            at += state.ascii(byte, &bytes[at..]);
        } else {
            let Some(letter) = text[at..].chars().next() else { break };
            state.non_ascii(letter);
            at += letter.len_utf8();
        }
    }
    state.finish();
    state.flush_spaced();
}

struct Tokenizer<S> {
    lexicon: &'static Lexicon,
    sink: S,
    word: String,
    /// Whether the word contains characters other than letters.
    masked: bool,
    /// Consecutive single letters, which may be a word written with spaces.
    spaced: String,
    last_symbol: Option<char>,
}

impl<S: FnMut(Token<'_>)> Tokenizer<S> {
    /// Reads one ASCII byte, the first of `rest`. Returns the number of bytes read.
    fn ascii(&mut self, byte: u8, rest: &[u8]) -> usize {
        let next = rest.get(1).copied().unwrap_or(b' ');
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => self.push(char::from(byte.to_ascii_lowercase())),
            b'0'..=b'9' => self.push_masked(byte),
            b'\'' if !self.word.is_empty() && next.is_ascii_alphabetic() => {}
            b'*' | b'!' if !self.word.is_empty() && (next.is_ascii_alphabetic() || (byte == b'*' && next == b'*')) => {
                self.push_masked(byte);
            }
            b'$' if !self.word.is_empty() || next.is_ascii_alphabetic() => self.push_masked(byte),
            b'@' if !self.word.is_empty() && next.is_ascii_alphabetic() => self.push_masked(byte),
            b'@' => {
                self.finish();
                return 1 + rest[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            }
            b':' if matches!(self.word.as_str(), "http" | "https") && next == b'/' => return self.skip_link(rest),
            b'.' if self.word == "www" => return self.skip_link(rest),
            b'&' => return self.entity(rest),
            // Control characters other than white space are invisible.
            0..=8 | 0x0e..=0x1f | 0x7f => {}
            b'\n' => self.boundary(),
            b'.' | b'!' | b'?' | b';' if next.is_ascii_whitespace() => self.boundary(),
            _ => self.finish(),
        }
        1
    }

    /// Reads one non-ASCII character.
    fn non_ascii(&mut self, letter: char) {
        match letter {
            // The two lightest skin tones are the most common and carry no meaning, while the others count as the name of
            // a group.
            '\u{1f3fb}' | '\u{1f3fc}' => {}
            _ if is_invisible(letter) => {}
            '’' => {}
            _ if is_group_symbol(letter) => self.emit_identity(),
            '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' => {
                self.finish();
                self.flush_spaced();
                if self.last_symbol.replace(letter) != Some(letter) {
                    (self.sink)(Token::Symbol(letter));
                }
            }
            _ if letter.is_alphabetic() || is_combining_mark(letter) => {
                let mut plain = ['\0'; 4];
                let mut count = 0;
                decompose_compatible(letter, |part| {
                    if !is_combining_mark(part) && count < plain.len() {
                        plain[count] = part;
                        count += 1;
                    }
                });
                for part in &plain[..count] {
                    for lower in part.to_lowercase() {
                        self.push(latin_lookalike(lower, self.word.is_ascii() && !self.word.is_empty()));
                    }
                }
            }
            _ => self.finish(),
        }
    }

    fn push(&mut self, letter: char) {
        if self.word.len() + letter.len_utf8() <= MAX_WORD_BYTES {
            self.word.push(letter);
        }
    }

    fn push_masked(&mut self, byte: u8) {
        self.push(char::from(byte));
        self.masked = true;
    }

    fn skip_link(&mut self, rest: &[u8]) -> usize {
        self.word.clear();
        self.masked = false;
        rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count()
    }

    /// Reads an HTML character reference, which scraped posts may contain, or else a separator. A letter by its number
    /// belongs to the word around it, as browsers show it.
    fn entity(&mut self, rest: &[u8]) -> usize {
        let Some(length) = rest.iter().take(10).position(|byte| *byte == b';') else {
            self.finish();
            return 1;
        };
        let name = &rest[1..length];
        let Some(number) = name.strip_prefix(b"#") else {
            self.finish();
            return if matches!(name, b"amp" | b"lt" | b"gt" | b"quot" | b"nbsp" | b"apos") { length + 1 } else { 1 };
        };
        match referenced(number) {
            Some(letter @ ('a'..='z' | 'A'..='Z')) => self.push(letter.to_ascii_lowercase()),
            Some(letter) if !letter.is_ascii() => self.non_ascii(letter),
            Some('\'') => {}
            Some(_) => self.finish(),
            None => {
                self.finish();
                return 1;
            }
        }
        length + 1
    }

    fn boundary(&mut self) {
        self.finish();
        self.flush_spaced();
        (self.sink)(Token::Boundary);
    }

    fn emit_identity(&mut self) {
        self.finish();
        self.flush_spaced();
        // A pictograph of a person often has several characters.
        if self.last_symbol.replace('👪') == Some('👪') {
            return;
        }
        (self.sink)(Token::Word("people", Some((WordClass::Identity, "people"))));
    }

    /// Ends the current word.
    fn finish(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.last_symbol = None;
        let mut word = std::mem::take(&mut self.word);
        if word.len() == 1 && !self.masked {
            self.spaced.push_str(&word);
            if self.spaced.len() >= MAX_WORD_BYTES {
                self.flush_spaced();
            }
        } else {
            self.flush_spaced();
            if self.masked { self.finish_masked(&word) } else { self.emit(&mut word) }
        }
        self.masked = false;
        word.clear();
        self.word = word;
    }

    fn finish_masked(&mut self, word: &str) {
        let known = |known: &(WordClass, _)| known.0 != WordClass::Identity;
        let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
        if letters >= 2 && word.len() >= 3 {
            let plain: String = word.chars().map(unmask).collect();
            if let Some(found) = self.lexicon.find(&plain).filter(known) {
                (self.sink)(Token::Word(&plain, Some(found)));
                return;
            }
            if let Some(found) = word.contains('*').then(|| self.lexicon.find_starred(word)).flatten() {
                (self.sink)(Token::Word(found, self.lexicon.find(found)));
                return;
            }
        }
        for piece in word.split(|letter: char| !letter.is_alphabetic()).filter(|piece| piece.len() > 1) {
            self.emit(&mut piece.to_owned());
        }
    }

    fn emit(&mut self, word: &mut String) {
        let mut known = self.lexicon.find(word);
        if known.is_none() && limit_repeats(word, 2) {
            known = self.lexicon.find(word);
            if known.is_none() {
                let mut single = word.clone();
                limit_repeats(&mut single, 1);
                known = self.lexicon.find(&single);
                if known.is_some() {
                    *word = single;
                }
            }
        }
        (self.sink)(Token::Word(word, known));
    }

    fn flush_spaced(&mut self) {
        if self.spaced.is_empty() {
            return;
        }
        let spaced = std::mem::take(&mut self.spaced);
        match self.lexicon.find(&spaced) {
            Some(found) if spaced.len() > 3 => (self.sink)(Token::Word(&spaced, Some(found))),
            _ => {
                let mut buffer = [0; 4];
                for letter in spaced.chars() {
                    (self.sink)(Token::Word(letter.encode_utf8(&mut buffer), None));
                }
            }
        }
    }
}

/// Whether a pictograph represents people: dark skin tones, persons, couples, religious symbols, flags, wheelchairs.
fn is_group_symbol(letter: char) -> bool {
    matches!(letter, '\u{1f3fd}'..='\u{1f3ff}' | '🏳' | '🌈' | '🕌' | '🕍' | '🕋' | '🛕' | '✡' | '☪' | '✝' | '👳' | '🧕' | '👲' | '♿' | '🦽' | '🦼' | '🦯' | '🧏' | '👬' | '👭' | '👫' | '👪' | '👩' | '👧' | '👵' | '👰' | '👨' | '👦' | '👴' | '🧔' | '⚢' | '⚣' | '⚧' | '\u{1f1e6}'..='\u{1f1ff}')
}

/// The character of a numeric reference without `&#` and `;`: decimal, or hexadecimal after `x`.
fn referenced(number: &[u8]) -> Option<char> {
    let number = std::str::from_utf8(number).ok()?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

/// Whether a character takes no place on a screen: soft hyphen, zero-width characters and fillers, marks of direction,
/// variation selectors, tags.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Shortens runs of equal letters to `limit`. Returns whether there was a longer run.
fn limit_repeats(word: &mut String, limit: usize) -> bool {
    let mut run = 0;
    let mut last = None;
    let before = word.len();
    word.retain(|letter| {
        run = if last == Some(letter) { run + 1 } else { 1 };
        last = Some(letter);
        run <= limit
    });
    word.len() < before
}

/// The letter that a digit or sign replaces in a disguised word.
fn unmask(sign: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '9' => 'g',
        other => other,
    }
}

/// The Latin letter that looks like a Cyrillic one, in a word that begins in Latin.
fn latin_lookalike(letter: char, in_latin: bool) -> char {
    match letter {
        'а' if in_latin => 'a',
        'е' if in_latin => 'e',
        'о' if in_latin => 'o',
        'р' if in_latin => 'p',
        'с' if in_latin => 'c',
        'у' if in_latin => 'y',
        'х' if in_latin => 'x',
        'і' if in_latin => 'i',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        tokenize(text, Lexicon::embedded(), |token| match token {
            Token::Word(word, _) => words.push(word.to_owned()),
            Token::Symbol(symbol) => words.push(symbol.to_string()),
            Token::Boundary => words.push("|".to_owned()),
        });
        words
    }

    #[test]
    fn plain_words() {
        assert_eq!(words("Don't PANIC, Zoë. Next line\n"), ["dont", "panic", "zoe", "|", "next", "line", "|"]);
        assert_eq!(words("see https://a.example/x?y and www.b.example @bob 42 now"), ["see", "and", "now"]);
        assert_eq!(words("x &amp; y &#128514; &copy"), ["x", "y", "😂", "copy"]);
    }

    #[test]
    fn disguises() {
        for text in [
            "id1ot",
            "1d1ot",
            "idi0t",
            "i d i o t",
            "IDIIIIOT",
            "id*ot",
            "idi\u{200b}ot",
            "idiоt",
            "id\u{202e}iot",
            "id\u{7}iot",
            "i&#100;iot",
            "id&#x69;ot",
            "id&#8203;iot",
        ] {
            assert_eq!(words(text), ["idiot"], "{text}");
        }
        assert_eq!(words("let a5 = b*c, foo_bar utf8"), ["let", "foo", "bar", "utf"]);
    }

    #[test]
    fn pictographs_are_symbols_and_groups_are_neutral() {
        assert_eq!(words("no 🐍🐍🐍 here"), ["no", "🐍", "here"]);
        assert_eq!(words("👋🏿"), ["👋", "people"]);
    }

    #[test]
    fn any_text_is_accepted() {
        proptest::proptest!(|(text in "\\PC*")| { words(&text); });
    }
}
