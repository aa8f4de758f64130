//! The Gopher quality rules, which keep documents that look like running text.
//!
//! From Rae et al. 2021, *Scaling Language Models: Methods, Analysis & Insights from Training Gopher*, appendix A1.1;
//! thresholds as in datatrove's `gopher_quality_filter.py`, which FineWeb used.
//!
//! Invariant: the stop-word rule applies only if the document's language is known and has a list; the word-length
//! rules apply only if at least half of the words are in scripts with spaces. Otherwise the value is `None`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::{count, ratio};
use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::rule::GOPHER;
use crate::words;

/// Settings of the Gopher quality rules. `stop-words` affects the measurement; all others are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GopherQuality {
    /// Stop words in lower case, by ISO 639-3 code. English has Gopher's list; each other language has eight words of
    /// the same function.
    pub stop_words: BTreeMap<String, Vec<String>>,
    /// Minimum number of words (Gopher: 50).
    pub min_words: Option<f64>,
    /// Maximum number of words (Gopher: 100,000).
    pub max_words: Option<f64>,
    /// Minimum mean word length, in characters (Gopher: 3).
    pub min_mean_word_length: Option<f64>,
    /// Maximum mean word length, in characters (Gopher: 10).
    pub max_mean_word_length: Option<f64>,
    /// Maximum number of `#` per word (Gopher: 0.1).
    pub max_hash_signs: Option<f64>,
    /// Maximum number of ellipses per word (Gopher: 0.1).
    pub max_ellipses: Option<f64>,
    /// Maximum share of lines that begin with a bullet (Gopher: 0.9).
    pub max_bullet_lines: Option<f64>,
    /// Maximum share of lines that end with an ellipsis (Gopher: 0.3).
    pub max_ellipsis_lines: Option<f64>,
    /// Minimum share of words that contain a letter (Gopher: 0.8).
    pub min_alphabetic_words: Option<f64>,
    /// Minimum number of different stop words (Gopher: 2).
    pub min_stop_words: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

/// Gopher's English words, and words of the same function in the languages most used on the web.
const STOP_WORDS: [(&str, &str); 12] = [
    ("eng", "the be to of and that have with"),
    ("deu", "der die und in den von zu das"),
    ("fra", "le la de et les des en un"),
    ("spa", "de la que el en y los se"),
    ("ita", "di che e la il un per non"),
    ("por", "de a o que e do da em"),
    ("nld", "de van het een en in is dat"),
    ("pol", "w i na z się do nie że"),
    ("rus", "и в не на что с по как"),
    ("tur", "ve bir bu da de için ile olarak"),
    ("cmn", "的 是 在 了 不 有 和 我"),
    ("jpn", "の に は を た が で て"),
];

impl Default for GopherQuality {
    fn default() -> Self {
        let list = |words: &str| words.split(' ').map(str::to_owned).collect();
        Self {
            stop_words: STOP_WORDS.iter().map(|(code, words)| ((*code).to_owned(), list(words))).collect(),
            min_words: Some(50.0),
            max_words: Some(100_000.0),
            min_mean_word_length: Some(3.0),
            max_mean_word_length: Some(10.0),
            max_hash_signs: Some(0.1),
            max_ellipses: Some(0.1),
            max_bullet_lines: Some(0.9),
            max_ellipsis_lines: Some(0.3),
            min_alphabetic_words: Some(0.8),
            min_stop_words: Some(2.0),
            languages: LanguageThresholds::new(),
        }
    }
}

/// Counts from one pass over the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct WordCounts {
    words: usize,
    alphabetic: usize,
    spaced: usize,
    spaced_characters: usize,
}

fn count_words(text: &str) -> WordCounts {
    let mut counts = WordCounts::default();
    for word in words::spans(text) {
        counts.words += 1;
        counts.alphabetic += usize::from(word.single || word.text.chars().any(char::is_alphabetic));
        if !word.single {
            counts.spaced += 1;
            counts.spaced_characters += word.text.chars().count();
        }
    }
    counts
}

fn begins_with_bullet(line: &str) -> bool {
    line.starts_with(['-', '•', '‣', '◦', '▪', '●', '∙']) || line.starts_with("* ") || line.starts_with("+ ")
}

fn ends_with_ellipsis(line: &str) -> bool {
    line.ends_with("...") || line.ends_with('…')
}

/// Number of different words of `list` (lower case) that `text` contains.
fn count_stop_words(text: &str, list: &[String]) -> usize {
    let mut missing: Vec<&str> = list.iter().map(String::as_str).collect();
    for word in words::words(text) {
        missing.retain(|stop| !same_word(word, stop));
        if missing.is_empty() {
            break;
        }
    }
    list.len() - missing.len()
}

/// Whether `word` in lower case equals `stop`.
fn same_word(word: &str, stop: &str) -> bool {
    if word.is_ascii() {
        word.eq_ignore_ascii_case(stop)
    } else {
        word.chars().flat_map(char::to_lowercase).eq(stop.chars())
    }
}

/// Counts and shares of words, signs and lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextShape {
    words: f64,
    mean_word_length: Option<f64>,
    hash_signs: Option<f64>,
    ellipses: Option<f64>,
    bullet_lines: Option<f64>,
    ellipsis_lines: Option<f64>,
    alphabetic_words: Option<f64>,
    stop_words: Option<f64>,
}

impl RuleTable for GopherQuality {
    type Measurement = TextShape;

    const NAME: &'static str = "gopher-quality";

    const ROWS: &'static [RuleRow<Self, TextShape>] = &[
        RuleRow::min(
            "too-few-words",
            "min-words",
            "words",
            "number of words",
            GOPHER,
            |m| Some(m.words),
            |s| s.min_words,
        ),
        RuleRow::max(
            "too-many-words",
            "max-words",
            "words",
            "number of words",
            GOPHER,
            |m| Some(m.words),
            |s| s.max_words,
        ),
        RuleRow::min(
            "mean-word-too-short",
            "min-mean-word-length",
            "characters",
            "mean length of the words of scripts with spaces",
            GOPHER,
            |m| m.mean_word_length,
            |s| s.min_mean_word_length,
        ),
        RuleRow::max(
            "mean-word-too-long",
            "max-mean-word-length",
            "characters",
            "mean length of the words of scripts with spaces",
            GOPHER,
            |m| m.mean_word_length,
            |s| s.max_mean_word_length,
        ),
        RuleRow::max(
            "too-many-hash-signs",
            "max-hash-signs",
            "per word",
            "number of # divided by the number of words",
            GOPHER,
            |m| m.hash_signs,
            |s| s.max_hash_signs,
        ),
        RuleRow::max(
            "too-many-ellipses",
            "max-ellipses",
            "per word",
            "number of ... and … divided by the number of words",
            GOPHER,
            |m| m.ellipses,
            |s| s.max_ellipses,
        ),
        RuleRow::max(
            "too-many-bullet-lines",
            "max-bullet-lines",
            "share",
            "lines that begin with a bullet, of the non-blank lines",
            GOPHER,
            |m| m.bullet_lines,
            |s| s.max_bullet_lines,
        ),
        RuleRow::max(
            "too-many-ellipsis-lines",
            "max-ellipsis-lines",
            "share",
            "lines that end with an ellipsis, of the non-blank lines",
            GOPHER,
            |m| m.ellipsis_lines,
            |s| s.max_ellipsis_lines,
        ),
        RuleRow::min(
            "too-few-alphabetic-words",
            "min-alphabetic-words",
            "share",
            "words that contain a letter, of all words and isolated symbols",
            GOPHER,
            |m| m.alphabetic_words,
            |s| s.min_alphabetic_words,
        ),
        RuleRow::min(
            "too-few-stop-words",
            "min-stop-words",
            "words",
            "different stop words of the document's language",
            GOPHER,
            |m| m.stop_words,
            |s| s.min_stop_words,
        ),
    ];

    fn measurement(&self, document: &DocumentView<'_>) -> TextShape {
        let text = document.text;
        let counts = count_words(text);
        let lone_symbols = text.split_whitespace().filter(|piece| !piece.chars().any(char::is_alphanumeric)).count();
        let ellipses = text.matches("...").count() + text.matches('…').count();
        let (mut lines, mut bullets, mut ellipsis_ends) = (0, 0, 0);
        for line in words::lines(text) {
            lines += 1;
            bullets += usize::from(begins_with_bullet(line));
            ellipsis_ends += usize::from(ends_with_ellipsis(line));
        }
        let stop_words = document.language.and_then(|code| self.stop_words.get(code));
        TextShape {
            words: count(counts.words),
            mean_word_length: if counts.spaced * 2 >= counts.words {
                ratio(counts.spaced_characters, counts.spaced)
            } else {
                None
            },
            hash_signs: ratio(text.matches('#').count(), counts.words),
            ellipses: ratio(ellipses, counts.words),
            bullet_lines: ratio(bullets, lines),
            ellipsis_lines: ratio(ellipsis_ends, lines),
            alphabetic_words: ratio(counts.alphabetic, counts.words + lone_symbols),
            stop_words: stop_words.map(|list| count(count_stop_words(text, list))),
        }
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }

    fn measurement_settings(&self) -> Self {
        Self { stop_words: self.stop_words.clone(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::table::RuleGroup;
    use crate::filter::rules::tests::{measure, value};

    #[test]
    fn measures_known_counts() {
        // Words: The cat sat on 3 mats and the dog # … — nine words, two isolated symbols.
        let text = "- The cat sat on 3 mats\n\n• and the dog # …\n";
        let values = measure(
            &GopherQuality::default(),
            &DocumentView { text, language: Some("eng"), ..DocumentView::default() },
        );
        assert_eq!(values["too-few-words"], Some(9.0));
        assert_eq!(values["mean-word-too-short"], Some(25.0 / 9.0));
        assert_eq!(values["too-many-hash-signs"], Some(1.0 / 9.0));
        assert_eq!(values["too-many-ellipses"], Some(1.0 / 9.0));
        assert_eq!(values["too-many-bullet-lines"], Some(1.0));
        assert_eq!(values["too-many-ellipsis-lines"], Some(0.5));
        // The isolated symbols are "-", "•", "#" and "…"; "3" has no letter.
        assert_eq!(values["too-few-alphabetic-words"], Some(8.0 / 13.0));
        assert_eq!(values["too-few-stop-words"], Some(2.0));
    }

    #[test]
    fn chinese_words_are_characters_without_word_length() {
        let text = "我们在用 Rust 写的东西是好的。";
        let values = measure(
            &GopherQuality::default(),
            &DocumentView { text, language: Some("cmn"), ..DocumentView::default() },
        );
        assert_eq!(values["too-few-words"], Some(12.0));
        assert_eq!(values["mean-word-too-short"], None);
        assert_eq!(values["too-few-alphabetic-words"], Some(1.0));
        assert_eq!(values["too-few-stop-words"], Some(4.0)); // 我 在 的 是
    }

    #[test]
    fn rules_that_do_not_apply_are_none() {
        let values = measure(&GopherQuality::default(), &DocumentView { text: "the of", ..DocumentView::default() });
        assert_eq!(values["too-few-stop-words"], None);
        let values = measure(&GopherQuality::default(), &DocumentView::default());
        assert_eq!(values.values().flatten().count(), 2);
        assert_eq!(values["too-many-words"], Some(0.0));
    }

    #[test]
    fn a_language_may_have_its_own_threshold() {
        let overrides = [("cmn".to_owned(), [("too-few-words".to_owned(), Some(10.0))].into())].into();
        let group = GopherQuality { languages: overrides, ..GopherQuality::default() };
        let values: Vec<_> = std::iter::once(Some(20.0)).chain(std::iter::repeat_n(None, 9)).collect();
        assert_eq!(group.apply_thresholds(Some("cmn"), &values), None);
        let broken = group.apply_thresholds(Some("eng"), &values).unwrap();
        assert_eq!((broken.rule, broken.value, broken.threshold), ("too-few-words", 20.0, 50.0));
        assert_eq!(value(&group, "too-few-words", "one two"), Some(2.0));
        assert_eq!(group.check(), Ok(()));
    }
}
