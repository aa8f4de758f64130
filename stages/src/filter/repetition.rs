//! The Gopher repetition rules: the share of a document that repeats earlier text.
//!
//! From Rae et al. 2021 (Gopher), appendix A1.1, table A1; thresholds as in datatrove's `gopher_repetition_filter.py`.
//! Two choices where implementations differ: only characters of words count (as in Dolma), each once, so shares stay
//! in 0..=1; and a line, paragraph or n-gram is a duplicate from its second occurrence on (as in datatrove), so the
//! most frequent n-gram of a text without repetition covers 0.
//!
//! In scripts without spaces, where a word is a character, an n-gram has 2n characters.
//!
//! *Invariant*: time is linear in the text; equal texts give equal values, regardless of hash values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ngrams::{NGrams, Set};
use super::{
    CHARACTERS_PER_WORD, DocumentView, FilterRule, LanguageThresholds, RuleGroup, is_mostly_unspaced, ratio, share,
};
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

const RULES: [FilterRule; 13] = [
    FilterRule::max("duplicate-lines", "share", "lines that repeat an earlier line"),
    FilterRule::max("duplicate-paragraphs", "share", "paragraphs that repeat an earlier paragraph"),
    FilterRule::max("duplicate-line-characters", "share", "characters in lines that repeat an earlier line"),
    FilterRule::max("duplicate-paragraph-characters", "share", "characters in paragraphs that repeat an earlier one"),
    FilterRule::max("top-2-gram", "share", "characters in the most frequent 2-gram"),
    FilterRule::max("top-3-gram", "share", "characters in the most frequent 3-gram"),
    FilterRule::max("top-4-gram", "share", "characters in the most frequent 4-gram"),
    FilterRule::max("duplicate-5-grams", "share", "characters in 5-grams that occur earlier"),
    FilterRule::max("duplicate-6-grams", "share", "characters in 6-grams that occur earlier"),
    FilterRule::max("duplicate-7-grams", "share", "characters in 7-grams that occur earlier"),
    FilterRule::max("duplicate-8-grams", "share", "characters in 8-grams that occur earlier"),
    FilterRule::max("duplicate-9-grams", "share", "characters in 9-grams that occur earlier"),
    FilterRule::max("duplicate-10-grams", "share", "characters in 10-grams that occur earlier"),
];

/// Duplicate counts among the pieces of a text: lines or paragraphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Duplicates {
    pieces: usize,
    repeated: usize,
    characters: usize,
    repeated_characters: usize,
}

impl Duplicates {
    pub(super) fn count<'a>(pieces: impl Iterator<Item = &'a str>) -> Self {
        let mut seen: Set<&str> = Set::default();
        let mut found = Self::default();
        for piece in pieces {
            let characters = piece.chars().count();
            found.pieces += 1;
            found.characters += characters;
            if !seen.insert(piece) {
                found.repeated += 1;
                found.repeated_characters += characters;
            }
        }
        found
    }

    /// Share of pieces that repeat an earlier one, or `None` if there are no pieces.
    pub(super) fn piece_share(&self) -> Option<f64> {
        ratio(self.repeated, self.pieces)
    }

    /// Share of characters in repeated pieces, or `None` if there are no pieces.
    pub(super) fn character_share(&self) -> Option<f64> {
        (self.pieces > 0).then(|| share(self.repeated_characters, self.characters))
    }
}

impl RuleGroup for GopherRepetition {
    fn name(&self) -> &'static str {
        "gopher-repetition"
    }

    fn rules(&self) -> &'static [FilterRule] {
        &RULES
    }

    fn measure(&self, document: &DocumentView<'_>, values: &mut Vec<Option<f64>>) {
        let lines = Duplicates::count(words::lines(document.text));
        let paragraphs = Duplicates::count(words::paragraphs(document.text));
        values.extend([
            lines.piece_share(),
            paragraphs.piece_share(),
            lines.character_share(),
            paragraphs.character_share(),
        ]);
        let scale = if is_mostly_unspaced(document.text) { CHARACTERS_PER_WORD } else { 1 };
        let mut grams = NGrams::new(document.text);
        for length in 2..=10 {
            while grams.length() < length * scale {
                grams.grow();
            }
            values.push(Some(if length < 5 { grams.top_share() } else { grams.repeated_share() }));
        }
    }

    fn base_threshold(&self, index: usize) -> Option<f64> {
        let thresholds = [
            self.max_duplicate_lines,
            self.max_duplicate_paragraphs,
            self.max_duplicate_line_characters,
            self.max_duplicate_paragraph_characters,
            self.max_top_2_gram,
            self.max_top_3_gram,
            self.max_top_4_gram,
            self.max_duplicate_5_grams,
            self.max_duplicate_6_grams,
            self.max_duplicate_7_grams,
            self.max_duplicate_8_grams,
            self.max_duplicate_9_grams,
            self.max_duplicate_10_grams,
        ];
        thresholds.get(index).copied().flatten()
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }

    fn measurement_settings(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{measure, value};

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
