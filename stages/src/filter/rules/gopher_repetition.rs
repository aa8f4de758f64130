//! The Gopher repetition rules: the share of a document that repeats earlier text.
//!
//! From Rae et al. 2021 (Gopher), appendix A1.1, table A1; thresholds as in datatrove's `gopher_repetition_filter.py`.
//! Two choices where implementations differ: only characters of words count (as in Dolma), each once, so shares stay
//! in 0..=1; and a line, paragraph or n-gram is a duplicate from its second occurrence on (as in datatrove), so the
//! most frequent n-gram of a text without repetition covers 0.
//!
//! In scripts without spaces, where a word is a character, an n-gram has 2n characters.
//!
//! Invariant: time is linear in the text; equal texts give equal values, regardless of hash values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duplicates::Duplicates;
use super::ngrams::NGrams;
use super::numbers::CHARACTERS_PER_WORD;
use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::rule::GOPHER;
use crate::words;

/// Settings of the Gopher repetition rules. All of them are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GopherRepetition {
    /// Maximum share of lines that repeat an earlier line (Gopher: 0.3).
    pub max_duplicate_lines: Option<f64>,
    /// Maximum share of paragraphs that repeat an earlier paragraph (Gopher: 0.3).
    pub max_duplicate_paragraphs: Option<f64>,
    /// Maximum share of characters in lines that repeat an earlier line (Gopher: 0.2).
    pub max_duplicate_line_characters: Option<f64>,
    /// Maximum share of characters in paragraphs that repeat an earlier paragraph (Gopher: 0.2).
    pub max_duplicate_paragraph_characters: Option<f64>,
    /// Maximum share of characters in the most frequent 2-gram (Gopher: 0.2).
    pub max_top_2_gram: Option<f64>,
    /// Maximum share of characters in the most frequent 3-gram (Gopher: 0.18).
    pub max_top_3_gram: Option<f64>,
    /// Maximum share of characters in the most frequent 4-gram (Gopher: 0.16).
    pub max_top_4_gram: Option<f64>,
    /// Maximum share of characters in repeated 5-grams (Gopher: 0.15).
    pub max_duplicate_5_grams: Option<f64>,
    /// Maximum share of characters in repeated 6-grams (Gopher: 0.14).
    pub max_duplicate_6_grams: Option<f64>,
    /// Maximum share of characters in repeated 7-grams (Gopher: 0.13).
    pub max_duplicate_7_grams: Option<f64>,
    /// Maximum share of characters in repeated 8-grams (Gopher: 0.12).
    pub max_duplicate_8_grams: Option<f64>,
    /// Maximum share of characters in repeated 9-grams (Gopher: 0.11).
    pub max_duplicate_9_grams: Option<f64>,
    /// Maximum share of characters in repeated 10-grams (Gopher: 0.1).
    pub max_duplicate_10_grams: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

impl Default for GopherRepetition {
    fn default() -> Self {
        Self {
            max_duplicate_lines: Some(0.3),
            max_duplicate_paragraphs: Some(0.3),
            max_duplicate_line_characters: Some(0.2),
            max_duplicate_paragraph_characters: Some(0.2),
            max_top_2_gram: Some(0.2),
            max_top_3_gram: Some(0.18),
            max_top_4_gram: Some(0.16),
            max_duplicate_5_grams: Some(0.15),
            max_duplicate_6_grams: Some(0.14),
            max_duplicate_7_grams: Some(0.13),
            max_duplicate_8_grams: Some(0.12),
            max_duplicate_9_grams: Some(0.11),
            max_duplicate_10_grams: Some(0.1),
            languages: LanguageThresholds::new(),
        }
    }
}

/// The repetition in a text: of lines, of paragraphs, and of 2- to 10-grams.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repetition {
    lines: Duplicates,
    paragraphs: Duplicates,
    /// Shares of the most frequent 2- to 4-gram.
    top_grams: [f64; 3],
    /// Shares of the repeated 5- to 10-grams.
    duplicate_grams: [f64; 6],
}

impl RuleTable for GopherRepetition {
    type Measurement = Repetition;

    const NAME: &'static str = "gopher-repetition";

    const ROWS: &'static [RuleRow<Self, Repetition>] = &[
        RuleRow::max(
            "duplicate-lines",
            "max-duplicate-lines",
            "share",
            "lines that repeat an earlier line",
            GOPHER,
            |m| m.lines.piece_share(),
            |s| s.max_duplicate_lines,
        ),
        RuleRow::max(
            "duplicate-paragraphs",
            "max-duplicate-paragraphs",
            "share",
            "paragraphs that repeat an earlier paragraph",
            GOPHER,
            |m| m.paragraphs.piece_share(),
            |s| s.max_duplicate_paragraphs,
        ),
        RuleRow::max(
            "duplicate-line-characters",
            "max-duplicate-line-characters",
            "share",
            "characters in lines that repeat an earlier line",
            GOPHER,
            |m| m.lines.character_share(),
            |s| s.max_duplicate_line_characters,
        ),
        RuleRow::max(
            "duplicate-paragraph-characters",
            "max-duplicate-paragraph-characters",
            "share",
            "characters in paragraphs that repeat an earlier one",
            GOPHER,
            |m| m.paragraphs.character_share(),
            |s| s.max_duplicate_paragraph_characters,
        ),
        RuleRow::max(
            "top-2-gram",
            "max-top-2-gram",
            "share",
            "characters in the most frequent 2-gram",
            GOPHER,
            |m| Some(m.top_grams[0]),
            |s| s.max_top_2_gram,
        ),
        RuleRow::max(
            "top-3-gram",
            "max-top-3-gram",
            "share",
            "characters in the most frequent 3-gram",
            GOPHER,
            |m| Some(m.top_grams[1]),
            |s| s.max_top_3_gram,
        ),
        RuleRow::max(
            "top-4-gram",
            "max-top-4-gram",
            "share",
            "characters in the most frequent 4-gram",
            GOPHER,
            |m| Some(m.top_grams[2]),
            |s| s.max_top_4_gram,
        ),
        RuleRow::max(
            "duplicate-5-grams",
            "max-duplicate-5-grams",
            "share",
            "characters in 5-grams that occur earlier",
            GOPHER,
            |m| Some(m.duplicate_grams[0]),
            |s| s.max_duplicate_5_grams,
        ),
        RuleRow::max(
            "duplicate-6-grams",
            "max-duplicate-6-grams",
            "share",
            "characters in 6-grams that occur earlier",
            GOPHER,
            |m| Some(m.duplicate_grams[1]),
            |s| s.max_duplicate_6_grams,
        ),
        RuleRow::max(
            "duplicate-7-grams",
            "max-duplicate-7-grams",
            "share",
            "characters in 7-grams that occur earlier",
            GOPHER,
            |m| Some(m.duplicate_grams[2]),
            |s| s.max_duplicate_7_grams,
        ),
        RuleRow::max(
            "duplicate-8-grams",
            "max-duplicate-8-grams",
            "share",
            "characters in 8-grams that occur earlier",
            GOPHER,
            |m| Some(m.duplicate_grams[3]),
            |s| s.max_duplicate_8_grams,
        ),
        RuleRow::max(
            "duplicate-9-grams",
            "max-duplicate-9-grams",
            "share",
            "characters in 9-grams that occur earlier",
            GOPHER,
            |m| Some(m.duplicate_grams[4]),
            |s| s.max_duplicate_9_grams,
        ),
        RuleRow::max(
            "duplicate-10-grams",
            "max-duplicate-10-grams",
            "share",
            "characters in 10-grams that occur earlier",
            GOPHER,
            |m| Some(m.duplicate_grams[5]),
            |s| s.max_duplicate_10_grams,
        ),
    ];

    fn measurement(&self, document: &DocumentView<'_>) -> Repetition {
        let scale = if document.is_mostly_unspaced() { CHARACTERS_PER_WORD } else { 1 };
        let mut grams = NGrams::new(document.text);
        let mut advance = |length: usize| {
            while grams.length() < length * scale {
                grams.grow();
            }
            if length < 5 { grams.top_share() } else { grams.repeated_share() }
        };
        Repetition {
            lines: document.duplicate_lines(),
            paragraphs: Duplicates::count(words::paragraphs(document.text)),
            top_grams: [2, 3, 4].map(&mut advance),
            duplicate_grams: [5, 6, 7, 8, 9, 10].map(advance),
        }
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::tests::{measure, value};

    #[test]
    fn duplicate_lines_and_paragraphs() {
        // Lines: ab, cd, ab, ab, xyz — two of five repeat, 4 of 11 characters. Paragraphs: "ab\ncd", ab, ab, xyz.
        let text = "ab\ncd\n\nab \n\n\nab\n\nxyz\n";
        let values = measure(&GopherRepetition::default(), &DocumentView { text, ..DocumentView::default() });
        assert_eq!(values["duplicate-lines"], Some(0.4));
        assert_eq!(values["duplicate-line-characters"], Some(4.0 / 11.0));
        assert_eq!(values["duplicate-paragraphs"], Some(0.25));
        assert_eq!(values["duplicate-paragraph-characters"], Some(2.0 / 12.0));
    }

    #[test]
    fn duplicate_n_grams() {
        // 12 words of one character; the six of the second half repeat the first half.
        let text = "a b c d e f a b c d e f";
        let values = measure(&GopherRepetition::default(), &DocumentView { text, ..DocumentView::default() });
        assert_eq!(values["top-2-gram"], Some(4.0 / 12.0));
        assert_eq!(values["top-4-gram"], Some(8.0 / 12.0));
        assert_eq!(values["duplicate-5-grams"], Some(0.5));
        assert_eq!(values["duplicate-6-grams"], Some(0.5));
        assert_eq!(values["duplicate-7-grams"], Some(0.0));
    }

    #[test]
    fn chinese_n_grams_have_two_characters_per_word() {
        // "今天天气" (4 characters = a 2-gram) occurs twice in 10 characters.
        let text = "今天天气好。今天天气坏。";
        assert_eq!(value(&GopherRepetition::default(), "top-2-gram", text), Some(0.8));
        assert_eq!(value(&GopherRepetition::default(), "top-3-gram", text), Some(0.0));
    }

    #[test]
    fn a_text_without_lines_has_no_line_shares() {
        assert_eq!(value(&GopherRepetition::default(), "duplicate-lines", " \n"), None);
        assert_eq!(value(&GopherRepetition::default(), "top-2-gram", ""), Some(0.0));
    }
}
