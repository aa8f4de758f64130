//! The C4 document rules: placeholder text, curly brackets, too few sentences.
//!
//! From Raffel et al. 2020, *Exploring the Limits of Transfer Learning*, section 2.2, as in datatrove's
//! `c4_filters.py`. The rules that cut lines are in [`crate::filter::lines`]; run them first, as C4 does.
//!
//! Invariant: the curly-bracket rule is off by default, since it removes all code and much documentation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::count;
use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::rule;
use crate::words;

/// Settings of the C4 document rules. All of them are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct C4 {
    /// Maximum number of occurrences of "lorem ipsum" (C4: 0).
    pub max_lorem_ipsum: Option<f64>,
    /// Maximum number of `{`. Off by default, because it removes all code (C4: 0).
    pub max_curly_brackets: Option<f64>,
    /// Minimum number of sentences (C4: 5).
    pub min_sentences: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

impl Default for C4 {
    fn default() -> Self {
        Self {
            max_lorem_ipsum: Some(0.0),
            max_curly_brackets: None,
            min_sentences: Some(5.0),
            languages: LanguageThresholds::new(),
        }
    }
}

/// Counts "lorem ipsum" with one white space character between the words, in any case.
fn count_lorem_ipsum(text: &str) -> usize {
    const SECOND: &str = "ipsum";
    let bytes = text.as_bytes();
    let ends_lorem = |before: &[u8]| {
        let (lorem, space) = before.split_at(before.len().saturating_sub(1));
        space.first().is_some_and(u8::is_ascii_whitespace)
            && lorem.len() >= 5
            && lorem[lorem.len() - 5..].eq_ignore_ascii_case(b"lorem")
    };
    let second =
        |at: &usize| bytes[*at..].get(..SECOND.len()).is_some_and(|b| b.eq_ignore_ascii_case(SECOND.as_bytes()));
    text.match_indices(['i', 'I']).map(|(at, _)| at).filter(second).filter(|at| ends_lorem(&bytes[..*at])).count()
}

/// Whether most letters are Thai or Lao, whose sentences end with a space.
fn has_no_sentence_marks(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let (mut unmarked, mut letters) = (0_usize, 0_usize);
    for character in text.chars().filter(|character| character.is_alphabetic()) {
        letters += 1;
        unmarked += usize::from(matches!(character, '\u{0e00}'..='\u{0eff}'));
    }
    unmarked * 2 > letters
}

/// Counts of placeholders, brackets and sentences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placeholders {
    lorem_ipsum: f64,
    curly_brackets: f64,
    sentences: Option<f64>,
}

impl RuleTable for C4 {
    type Measurement = Placeholders;

    const NAME: &'static str = "c4";

    const ROWS: &'static [RuleRow<Self, Placeholders>] = &[
        RuleRow::max(
            "lorem-ipsum",
            "max-lorem-ipsum",
            "occurrences",
            "occurrences of \"lorem ipsum\", in any case",
            rule::C4,
            |m| Some(m.lorem_ipsum),
            |s| s.max_lorem_ipsum,
        ),
        RuleRow::max(
            "curly-brackets",
            "max-curly-brackets",
            "occurrences",
            "number of {",
            rule::C4,
            |m| Some(m.curly_brackets),
            |s| s.max_curly_brackets,
        ),
        RuleRow::min(
            "too-few-sentences",
            "min-sentences",
            "sentences",
            "sentences; each line end also ends a sentence; not for Thai and Lao",
            rule::C4,
            |m| m.sentences,
            |s| s.min_sentences,
        ),
    ];

    fn measurement(&self, document: &DocumentView<'_>) -> Placeholders {
        let text = document.text;
        Placeholders {
            lorem_ipsum: count(count_lorem_ipsum(text)),
            curly_brackets: count(text.matches('{').count()),
            sentences: (!has_no_sentence_marks(text)).then(|| count(words::count_sentences(text))),
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
    use crate::filter::rules::tests::{measure, value};

    #[test]
    fn counts_placeholders_brackets_and_sentences() {
        let text = "Lorem ipsum dolor. LOREM\nIPSUM { { }\nlorem  ipsum, loremipsum; ipsum";
        let values = measure(&C4::default(), &DocumentView { text, ..DocumentView::default() });
        assert_eq!(values["lorem-ipsum"], Some(2.0));
        assert_eq!(values["curly-brackets"], Some(2.0));
        assert_eq!(values["too-few-sentences"], Some(4.0));
    }

    #[test]
    fn sentences_of_other_scripts() {
        assert_eq!(value(&C4::default(), "too-few-sentences", "好。真的吗？是！"), Some(3.0));
        assert_eq!(value(&C4::default(), "too-few-sentences", "ภาษาไทยไม่มีเครื่องหมายจบประโยค"), None);
    }

    #[test]
    fn curly_brackets_reject_only_when_enabled() {
        let values = [Some(0.0), Some(9.0), Some(9.0)];
        assert_eq!(C4::default().apply_thresholds(None, &values), None);
        let strict = C4 { max_curly_brackets: Some(0.0), ..C4::default() };
        assert_eq!(strict.apply_thresholds(None, &values).map(|broken| broken.rule), Some("curly-brackets"));
    }
}
