//! The length rules: characters, bytes, words.
//!
//! Invariant: every rule applies to every document, with or without a known language, and always has a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::count;
use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::rule::{DOLMA_3, OWN};
use crate::words;

/// Settings of the length rules. All of them are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Length {
    /// Minimum number of characters (Dolma 3 code: 32).
    pub min_characters: Option<f64>,
    /// Maximum number of characters. Off by default (Dolma 3 code: 262,144).
    pub max_characters: Option<f64>,
    /// Minimum number of bytes in UTF-8. Off by default.
    pub min_bytes: Option<f64>,
    /// Maximum number of bytes in UTF-8. Off by default.
    pub max_bytes: Option<f64>,
    /// Minimum number of words. Off by default; the Gopher quality rules have their own minimum.
    pub min_words: Option<f64>,
    /// Maximum number of words. Off by default.
    pub max_words: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

impl Default for Length {
    fn default() -> Self {
        Self {
            min_characters: Some(32.0),
            max_characters: None,
            min_bytes: None,
            max_bytes: None,
            min_words: None,
            max_words: None,
            languages: LanguageThresholds::new(),
        }
    }
}

/// The sizes of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    characters: f64,
    bytes: f64,
    words: f64,
}

impl RuleTable for Length {
    type Measurement = Sizes;

    const NAME: &'static str = "length";

    const ROWS: &'static [RuleRow<Self, Sizes>] = &[
        RuleRow::min(
            "too-few-characters",
            "min-characters",
            "characters",
            "number of characters",
            DOLMA_3,
            |m| Some(m.characters),
            |s| s.min_characters,
        ),
        RuleRow::max(
            "too-many-characters",
            "max-characters",
            "characters",
            "number of characters",
            DOLMA_3,
            |m| Some(m.characters),
            |s| s.max_characters,
        ),
        RuleRow::min(
            "too-few-bytes",
            "min-bytes",
            "bytes",
            "number of bytes in UTF-8",
            OWN,
            |m| Some(m.bytes),
            |s| s.min_bytes,
        ),
        RuleRow::max(
            "too-many-bytes",
            "max-bytes",
            "bytes",
            "number of bytes in UTF-8",
            OWN,
            |m| Some(m.bytes),
            |s| s.max_bytes,
        ),
        RuleRow::min(
            "length-too-few-words",
            "min-words",
            "words",
            "number of words",
            OWN,
            |m| Some(m.words),
            |s| s.min_words,
        ),
        RuleRow::max(
            "length-too-many-words",
            "max-words",
            "words",
            "number of words",
            OWN,
            |m| Some(m.words),
            |s| s.max_words,
        ),
    ];

    fn measurement(&self, document: &DocumentView<'_>) -> Sizes {
        Sizes {
            characters: count(document.text.chars().count()),
            bytes: count(document.text.len()),
            words: count(words::spans(document.text).count()),
        }
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::table::RuleGroup;
    use crate::filter::rules::tests::value;

    #[test]
    fn counts_characters_bytes_and_words() {
        let text = "añ 中文!";
        assert_eq!(value(&Length::default(), "too-few-characters", text), Some(6.0));
        assert_eq!(value(&Length::default(), "too-many-bytes", text), Some(11.0));
        assert_eq!(value(&Length::default(), "length-too-few-words", text), Some(3.0));
        let rejected_by =
            |values: [Option<f64>; 6]| Length::default().apply_thresholds(None, &values).map(|broken| broken.rule);
        assert_eq!(rejected_by([Some(31.0), Some(31.0), None, None, None, None]), Some("too-few-characters"));
        assert_eq!(rejected_by([Some(32.0), Some(32.0), None, None, None, None]), None);
    }
}
