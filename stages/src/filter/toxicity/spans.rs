//! Splits a text into the spans that are scored: windows, sentences, or the whole text.
//!
//! Invariant: the spans follow each other without a gap, cover the text, and end at the boundaries of characters.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Minimum number of words after which a window ends with its sentence.
const WINDOW_WORDS: usize = 32;
/// Maximum number of words of a window.
const MAX_WINDOW_WORDS: usize = 64;
/// Minimum number of words of the last window; a shorter one is merged with the window before it.
const MIN_WINDOW_WORDS: usize = 12;
/// From this character on, each character counts as a word: Chinese, Japanese and Korean do not separate words.
const FIRST_UNSPACED: char = '\u{2e80}';

/// What one score is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Sentences joined to 32 to 64 words.
    #[default]
    Window,
    /// A sentence or a line.
    Sentence,
    /// The whole text.
    Document,
}

/// The spans of `text`; at least one, which is empty if the text is.
pub fn spans(text: &str, unit: Unit) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut open = OpenSpan::default();
    let max_words = match unit {
        Unit::Document => return std::iter::once(0..text.len()).collect(),
        Unit::Sentence => usize::MAX,
        Unit::Window => MAX_WINDOW_WORDS,
    };
    let min_words = if unit == Unit::Window { WINDOW_WORDS } else { 1 };
    let mut in_word = false;
    let mut ends_sentence = false;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() {
            in_word = false;
            if (ends_sentence || character == '\n') && open.words >= min_words {
                open.close(at + character.len_utf8(), &mut spans);
            }
            ends_sentence = false;
            continue;
        }
        let starts_word = !in_word || character >= FIRST_UNSPACED;
        if starts_word && open.words >= max_words {
            open.close(at, &mut spans);
        }
        open.words += usize::from(starts_word);
        in_word = true;
        ends_sentence = matches!(character, '.' | '!' | '?' | ';')
            // Quotation marks and brackets after the end of a sentence belong to it.
            || (ends_sentence && matches!(character, '"' | '\'' | ')' | ']' | '”' | '’'));
        if matches!(character, '。' | '！' | '？') && open.words >= min_words {
            open.close(at + character.len_utf8(), &mut spans);
        }
    }
    let short = if unit == Unit::Window { MIN_WINDOW_WORDS } else { 1 };
    match spans.last_mut() {
        Some(last) if open.words < short => last.end = text.len(),
        _ => open.close(text.len(), &mut spans),
    }
    spans
}

#[derive(Default)]
struct OpenSpan {
    start: usize,
    words: usize,
}

impl OpenSpan {
    fn close(&mut self, end: usize, spans: &mut Vec<Range<usize>>) {
        spans.push(self.start..end);
        *self = Self { start: end, words: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, unit: Unit) -> Vec<&str> {
        spans(text, unit).into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        let text = "One two. “Three?” four; e.g.5\n\n\nFive! 六。七八";
        assert_eq!(
            pieces(text, Unit::Sentence),
            ["One two. ", "“Three?” ", "four; ", "e.g.5\n", "\n\nFive! ", "六。", "七八"]
        );
        assert_eq!(pieces(text, Unit::Document), [text]);
        assert_eq!(pieces("", Unit::Window), [""]);
        assert_eq!(pieces("\n\n", Unit::Sentence), ["\n\n"]);
    }

    #[test]
    fn windows_join_sentences() {
        let sentence = "one two three four five six seven eight nine ten. ";
        let words =
            |text: &str| pieces(text, Unit::Window).iter().map(|w| w.split_whitespace().count()).collect::<Vec<_>>();
        assert_eq!(words(&sentence.repeat(9)), [40, 50]);
        assert_eq!(words(&sentence.repeat(10)), [40, 40, 20]);
        assert_eq!(words(&"word ".repeat(150)), [64, 64, 22]);
    }

    #[test]
    fn spans_cover_the_text() {
        proptest::proptest!(|(text in "[a .!?\n。\"é]{0,300}")| {
            for unit in [Unit::Window, Unit::Sentence, Unit::Document] {
                proptest::prop_assert_eq!(pieces(&text, unit).concat(), text.clone());
            }
        });
    }
}
