//! Splits a text into the spans that are scored: windows, sentences, or the whole text.
//!
//! Invariant: the spans follow each other without a gap, cover the text, and end at the boundaries of characters.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::{self, sentence_ends};

/// Minimum number of words after which a window ends with its sentence.
const WINDOW_WORDS: usize = 32;
/// Maximum number of words of a window.
const MAX_WINDOW_WORDS: usize = 64;
/// Minimum number of words of the last window; a shorter one is merged with the window before it.
const MIN_WINDOW_WORDS: usize = 12;
/// The parts of a document that are scored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScoredUnit {
    /// Sentences joined to 32 to 64 words.
    #[default]
    Window,
    /// A sentence or a line.
    Sentence,
    /// The whole text.
    Document,
}

/// The spans of `text`; at least one, which is empty if the text is. Words and the ends of sentences are those of
/// [`crate::words`].
pub fn spans(text: &str, unit: ScoredUnit) -> Vec<Range<usize>> {
    let (min_words, max_words, min_last) = match unit {
        ScoredUnit::Document => return std::iter::once(0..text.len()).collect(),
        ScoredUnit::Sentence => (1, usize::MAX, 1),
        ScoredUnit::Window => (WINDOW_WORDS, MAX_WINDOW_WORDS, MIN_WINDOW_WORDS),
    };
    let mut ends = Vec::new();
    sentence_ends(text, |end| ends.push(end));
    let mut ends = ends.into_iter().peekable();
    let mut spans = Vec::new();
    let mut open = OpenSpan::default();
    for word in words::spans(text) {
        while let Some(end) = ends.next_if(|end| *end <= word.start) {
            if open.words >= min_words {
                open.close(end, &mut spans);
            }
        }
        if open.words >= max_words {
            open.close(word.start, &mut spans);
        }
        open.words += 1;
    }
    match spans.last_mut() {
        Some(last) if open.words < min_last => last.end = text.len(),
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

    fn pieces(text: &str, unit: ScoredUnit) -> Vec<&str> {
        spans(text, unit).into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        let text = "One two. “Three?” four; J. 5.5\n\n\nFive! 六。七八";
        assert_eq!(
            pieces(text, ScoredUnit::Sentence),
            ["One two. ", "“Three?” ", "four; J. 5.5\n", "\n\nFive! ", "六。", "七八"]
        );
        assert_eq!(pieces(text, ScoredUnit::Document), [text]);
        assert_eq!(pieces("", ScoredUnit::Window), [""]);
        assert_eq!(pieces("\n\n", ScoredUnit::Sentence), ["\n\n"]);
    }

    #[test]
    fn windows_join_sentences() {
        let sentence = "one two three four five six seven eight nine ten. ";
        let words = |text: &str| {
            pieces(text, ScoredUnit::Window).iter().map(|w| w.split_whitespace().count()).collect::<Vec<_>>()
        };
        assert_eq!(words(&sentence.repeat(9)), [40, 50]);
        assert_eq!(words(&sentence.repeat(10)), [40, 40, 20]);
        assert_eq!(words(&"word ".repeat(150)), [64, 64, 22]);
        assert_eq!(pieces(&"字".repeat(150), ScoredUnit::Window).len(), 3, "each Han character counts as a word");
    }

    #[test]
    fn spans_cover_the_text() {
        proptest::proptest!(|(text in "[a .!?\n。\"é]{0,300}")| {
            for unit in [ScoredUnit::Window, ScoredUnit::Sentence, ScoredUnit::Document] {
                proptest::prop_assert_eq!(pieces(&text, unit).concat(), text.clone());
            }
        });
    }
}
