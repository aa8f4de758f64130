//! The FineWeb rules: lists, menus and broken extraction that the other groups accept.
//!
//! From Penedo et al. 2024, *The FineWeb Datasets*, section 3.6; thresholds as in datatrove's
//! `fineweb_quality_filter.py`.
//!
//! Invariant: in scripts without spaces the length limit of short lines is halved, and two characters count as one
//! word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::{CHARACTERS_PER_WORD, ratio};
use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::rule::FINEWEB;
use crate::words;

/// Settings of the FineWeb rules. `short-line` affects the measurement; all others are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FineWeb {
    /// Maximum length of a short line, in characters (FineWeb: 30). Halved in scripts without spaces.
    pub short_line: u32,
    /// Minimum share of lines that end with sentence punctuation (FineWeb: 0.12).
    pub min_terminated_lines: Option<f64>,
    /// Maximum share of short lines (FineWeb: 0.67).
    pub max_short_lines: Option<f64>,
    /// Maximum share of characters in lines that repeat an earlier line (FineWeb: 0.01).
    pub max_duplicate_line_characters: Option<f64>,
    /// Maximum number of line ends per word (FineWeb: 0.3).
    pub max_newlines: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

impl Default for FineWeb {
    fn default() -> Self {
        Self {
            short_line: 30,
            min_terminated_lines: Some(0.12),
            max_short_lines: Some(0.67),
            max_duplicate_line_characters: Some(0.01),
            max_newlines: Some(0.3),
            languages: LanguageThresholds::new(),
        }
    }
}

/// Shares of lines and of line ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineShape {
    terminated_lines: Option<f64>,
    short_lines: Option<f64>,
    duplicate_line_characters: Option<f64>,
    newlines: Option<f64>,
}

impl RuleTable for FineWeb {
    type Measurement = LineShape;

    const NAME: &'static str = "fineweb";

    const ROWS: &'static [RuleRow<Self, LineShape>] = &[
        RuleRow::min(
            "too-few-terminated-lines",
            "min-terminated-lines",
            "share",
            "lines that end with sentence punctuation, of the non-blank lines",
            FINEWEB,
            |m| m.terminated_lines,
            |s| s.min_terminated_lines,
        ),
        RuleRow::max(
            "too-many-short-lines",
            "max-short-lines",
            "share",
            "short lines, of the non-blank lines",
            FINEWEB,
            |m| m.short_lines,
            |s| s.max_short_lines,
        ),
        RuleRow::max(
            "fineweb-duplicate-line-characters",
            "max-duplicate-line-characters",
            "share",
            "characters in lines that repeat an earlier line",
            FINEWEB,
            |m| m.duplicate_line_characters,
            |s| s.max_duplicate_line_characters,
        ),
        RuleRow::max(
            "too-many-newlines",
            "max-newlines",
            "per word",
            "line ends divided by the number of words",
            FINEWEB,
            |m| m.newlines,
            |s| s.max_newlines,
        ),
    ];

    fn measurement(&self, document: &DocumentView<'_>) -> LineShape {
        let text = document.text;
        let scale = if document.is_mostly_unspaced() { CHARACTERS_PER_WORD } else { 1 };
        let longest_short = usize::try_from(self.short_line).unwrap_or(usize::MAX) / scale;
        let (mut lines, mut terminated, mut short) = (0, 0, 0);
        for line in words::lines(text) {
            lines += 1;
            terminated += usize::from(words::ends_sentence(line));
            short += usize::from(line.chars().nth(longest_short).is_none());
        }
        LineShape {
            terminated_lines: ratio(terminated, lines),
            short_lines: ratio(short, lines),
            duplicate_line_characters: document.duplicate_lines().character_share(),
            newlines: ratio(text.matches('\n').count() * scale, words::spans(text).count()),
        }
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }

    fn measurement_settings(&self) -> Self {
        Self { short_line: self.short_line, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::tests::measure;

    #[test]
    fn measures_line_shares() {
        // Four lines: 7, 31, 7 and 30 characters; two end in a mark; 7 of 75 characters repeat; 4 line ends, 19 words.
        let text = format!("Home ok\n{}.\n\nHome ok\n{}x ab cd!", "a".repeat(30), "b ".repeat(11));
        let values = measure(&FineWeb::default(), &DocumentView { text: &text, ..DocumentView::default() });
        assert_eq!(values["too-few-terminated-lines"], Some(0.5));
        assert_eq!(values["too-many-short-lines"], Some(0.75));
        assert_eq!(values["fineweb-duplicate-line-characters"], Some(7.0 / 75.0));
        assert_eq!(values["too-many-newlines"], Some(4.0 / 19.0));
    }

    #[test]
    fn chinese_lines_are_short_at_half_the_length() {
        let text = format!("{}\n{}。", "好".repeat(15), "好".repeat(15));
        let values = measure(&FineWeb::default(), &DocumentView { text: &text, ..DocumentView::default() });
        assert_eq!(values["too-many-short-lines"], Some(0.5));
        assert_eq!(values["too-few-terminated-lines"], Some(0.5));
        assert_eq!(values["too-many-newlines"], Some(2.0 / 30.0));
    }

    #[test]
    fn measuring_keeps_measurement_settings() {
        let settings = FineWeb { short_line: 9, max_newlines: None, ..FineWeb::default() };
        assert_eq!(settings.measurement_settings(), FineWeb { short_line: 9, ..FineWeb::default() });
    }
}
