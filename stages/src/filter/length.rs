//! The length rules: characters, bytes, words.
//!
//! *Invariant*: every rule applies to every document, with or without a known language, and always has a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DocumentView, FilterRule, LanguageThresholds, RuleGroup, count};
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

const RULES: [FilterRule; 6] = [
    FilterRule::min("fewer-characters", "characters", "number of characters"),
    FilterRule::max("more-characters", "characters", "number of characters"),
    FilterRule::min("fewer-bytes", "bytes", "number of bytes in UTF-8"),
    FilterRule::max("more-bytes", "bytes", "number of bytes in UTF-8"),
    FilterRule::min("fewer-words", "words", "number of words"),
    FilterRule::max("more-words", "words", "number of words"),
];

impl RuleGroup for Length {
    fn name(&self) -> &'static str {
        "length"
    }

    fn rules(&self) -> &'static [FilterRule] {
        &RULES
    }

    fn measure(&self, document: &DocumentView<'_>, values: &mut Vec<Option<f64>>) {
        let characters = Some(count(document.text.chars().count()));
        let bytes = Some(count(document.text.len()));
        let word_count = Some(count(words::spans(document.text).count()));
        values.extend([characters, characters, bytes, bytes, word_count, word_count]);
    }

    fn base_threshold(&self, index: usize) -> Option<f64> {
        let thresholds =
            [self.min_characters, self.max_characters, self.min_bytes, self.max_bytes, self.min_words, self.max_words];
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
    use crate::filter::tests::value;

    #[test]
    fn counts_characters_bytes_and_words() {
        let text = "añ 中文!";
        assert_eq!(value(&Length::default(), "fewer-characters", text), Some(6.0));
        assert_eq!(value(&Length::default(), "more-bytes", text), Some(11.0));
        assert_eq!(value(&Length::default(), "fewer-words", text), Some(3.0));
        let rejected_by =
            |values: [Option<f64>; 6]| Length::default().apply_thresholds(None, &values).map(|broken| broken.rule);
        assert_eq!(rejected_by([Some(31.0), Some(31.0), None, None, None, None]), Some("fewer-characters"));
        assert_eq!(rejected_by([Some(32.0), Some(32.0), None, None, None, None]), None);
    }
}
