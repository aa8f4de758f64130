//! Rules for source code: generated, minified and encoded files.
//!
//! Thresholds of StarCoder (Li et al. 2023, section 3.1; `bigcode-dataset/preprocessing/arguments.py`) and StarCoder 2
//! (Lozhkov et al. 2024, section 2.1). The share of minified lines is this project's own rule for minified files.
//!
//! Invariant: the comment rules apply only if the programming language is known; all other rules need only the text.

mod comments;
mod encoded;

use corpusmill_readers::code::CodeSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::{count, ratio, share};
use super::table::{DocumentView, LanguageThresholds, RuleRow, RuleTable};
use crate::rule::{NEMO_CURATOR, OWN, STARCODER, STARCODER_2};

/// Settings of the code rules. `generated-marks`, `generated-lines` and `min-minified-line-length` affect the
/// measurement; all others are thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Code {
    /// Phrases in lower case that mark a file as generated if a sentence outside quotes begins with them; `*` stands
    /// for other words (those of StarCoder 2 that speak of the file itself, and the marks of Go, Meta, Roslyn and
    /// prost).
    pub generated_marks: Vec<String>,
    /// Number of lines at the start of a file in which these phrases count (StarCoder 2: 5, too few for long headers).
    pub generated_lines: u32,
    /// Minimum length of a minified line, in characters (own measurement). A minified line is mostly ASCII, with less
    /// than one character of white space in twelve.
    pub min_minified_line_length: u32,
    /// Maximum length of a line, in characters (StarCoder: 1000).
    pub max_line_length: Option<f64>,
    /// Maximum mean line length, in characters (StarCoder: 100).
    pub max_mean_line_length: Option<f64>,
    /// Minimum share of letters and digits among the characters (StarCoder: 0.25).
    pub min_alphanumerics: Option<f64>,
    /// Minimum share of letters among the characters (StarCoder 2: 0.25).
    pub min_letters: Option<f64>,
    /// Maximum number of different phrases of generated files (StarCoder 2: 0).
    pub max_generated_marks: Option<f64>,
    /// Maximum share of characters in minified lines.
    pub max_minified: Option<f64>,
    /// Maximum share of characters in base64, hexadecimal bytes and escapes (StarCoder 2: 0.5).
    pub max_encoded: Option<f64>,
    /// Maximum length of one run of such data, in characters (StarCoder 2: 1024).
    pub max_encoded_run_length: Option<f64>,
    /// Minimum share of comments. Off by default (StarCoder: 0.01 for Python, Java and JavaScript).
    pub min_comments: Option<f64>,
    /// Maximum share of comments (StarCoder: 0.8).
    pub max_comments: Option<f64>,
    /// Minimum number of lines. Off by default (NeMo Curator: 5).
    pub min_lines: Option<f64>,
    /// Maximum number of lines (StarCoder 2: 100,000).
    pub max_lines: Option<f64>,
    /// Thresholds per language: ISO 639-3 code, then rule name, then the threshold, or null to turn the rule off.
    pub languages: LanguageThresholds,
}

impl Default for Code {
    fn default() -> Self {
        Self {
            generated_marks: CodeSettings::GENERATED_MARKS.map(str::to_owned).into(),
            generated_lines: 20,
            min_minified_line_length: 200,
            max_line_length: Some(1000.0),
            max_mean_line_length: Some(100.0),
            min_alphanumerics: Some(0.25),
            min_letters: Some(0.25),
            max_generated_marks: Some(0.0),
            max_minified: Some(0.5),
            max_encoded: Some(0.5),
            max_encoded_run_length: Some(1024.0),
            min_comments: None,
            max_comments: Some(0.8),
            min_lines: None,
            max_lines: Some(100_000.0),
            languages: LanguageThresholds::new(),
        }
    }
}

/// Counts from one pass over the lines, in characters without line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct LineCounts {
    lines: usize,
    characters: usize,
    longest: usize,
    minified: usize,
    letters: usize,
    digits: usize,
}

fn count_lines(text: &str, min_minified_line_length: usize) -> LineCounts {
    let mut counts = LineCounts::default();
    for line in text.lines() {
        let (mut length, mut spaces, mut ascii) = (0, 0, 0);
        for character in line.chars() {
            length += 1;
            spaces += usize::from(character.is_whitespace());
            ascii += usize::from(character.is_ascii());
            let letter = character.is_alphabetic();
            counts.letters += usize::from(letter);
            counts.digits += usize::from(!letter && character.is_numeric());
        }
        counts.lines += 1;
        counts.characters += length;
        counts.longest = counts.longest.max(length);
        if length >= min_minified_line_length && spaces * 12 < length && ascii * 2 > length {
            counts.minified += length;
        }
    }
    counts
}

impl Code {
    /// Number of different marks in the first lines.
    fn count_generated_marks(&self, text: &str) -> usize {
        let lines = usize::try_from(self.generated_lines).unwrap_or(usize::MAX);
        let head: String = text.split_inclusive('\n').take(lines).flat_map(|line| line.chars().take(1000)).collect();
        let head = head.to_lowercase();
        self.generated_marks.iter().filter(|mark| CodeSettings::find_generated_mark(&head, mark).is_some()).count()
    }
}

/// Lengths, counts and shares of a source file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceShape {
    longest_line: f64,
    mean_line: Option<f64>,
    alphanumerics: Option<f64>,
    letters: Option<f64>,
    generated_marks: f64,
    minified: f64,
    encoded: f64,
    longest_encoded_run: f64,
    comments: Option<f64>,
    lines: f64,
}

impl RuleTable for Code {
    type Measurement = SourceShape;

    const NAME: &'static str = "code";

    const ROWS: &'static [RuleRow<Self, SourceShape>] = &[
        RuleRow::max(
            "longest-line-too-long",
            "max-line-length",
            "characters",
            "length of the longest line",
            STARCODER,
            |m| Some(m.longest_line),
            |s| s.max_line_length,
        ),
        RuleRow::max(
            "mean-line-too-long",
            "max-mean-line-length",
            "characters",
            "mean length of the lines, including blank lines",
            STARCODER,
            |m| m.mean_line,
            |s| s.max_mean_line_length,
        ),
        RuleRow::min(
            "too-few-alphanumerics",
            "min-alphanumerics",
            "share",
            "letters and digits among the characters",
            STARCODER,
            |m| m.alphanumerics,
            |s| s.min_alphanumerics,
        ),
        RuleRow::min(
            "too-few-letters",
            "min-letters",
            "share",
            "letters among the characters",
            STARCODER_2,
            |m| m.letters,
            |s| s.min_letters,
        ),
        RuleRow::max(
            "generated-file",
            "max-generated-marks",
            "phrases",
            "different phrases of generated files in the first lines",
            STARCODER_2,
            |m| Some(m.generated_marks),
            |s| s.max_generated_marks,
        ),
        RuleRow::max(
            "minified",
            "max-minified",
            "share",
            "characters in long lines with almost no white space",
            OWN,
            |m| Some(m.minified),
            |s| s.max_minified,
        ),
        RuleRow::max(
            "too-much-encoded-data",
            "max-encoded",
            "share",
            "characters in base64, hexadecimal bytes and escapes",
            STARCODER_2,
            |m| Some(m.encoded),
            |s| s.max_encoded,
        ),
        RuleRow::max(
            "encoded-run-too-long",
            "max-encoded-run-length",
            "characters",
            "longest run of base64, hexadecimal bytes or escapes",
            STARCODER_2,
            |m| Some(m.longest_encoded_run),
            |s| s.max_encoded_run_length,
        ),
        RuleRow::min(
            "too-few-comments",
            "min-comments",
            "share",
            "characters in comments, without white space",
            STARCODER,
            |m| m.comments,
            |s| s.min_comments,
        ),
        RuleRow::max(
            "too-many-comments",
            "max-comments",
            "share",
            "characters in comments, without white space",
            STARCODER,
            |m| m.comments,
            |s| s.max_comments,
        ),
        RuleRow::min(
            "too-few-lines",
            "min-lines",
            "lines",
            "number of lines",
            NEMO_CURATOR,
            |m| Some(m.lines),
            |s| s.min_lines,
        ),
        RuleRow::max(
            "too-many-lines",
            "max-lines",
            "lines",
            "number of lines",
            STARCODER_2,
            |m| Some(m.lines),
            |s| s.max_lines,
        ),
    ];

    fn measurement(&self, document: &DocumentView<'_>) -> SourceShape {
        let text = document.text;
        let lines = count_lines(text, usize::try_from(self.min_minified_line_length).unwrap_or(usize::MAX));
        let all = text.chars().count();
        let data = encoded::find(text);
        SourceShape {
            longest_line: count(lines.longest),
            mean_line: ratio(lines.characters, lines.lines),
            alphanumerics: ratio(lines.letters + lines.digits, all),
            letters: ratio(lines.letters, all),
            generated_marks: count(self.count_generated_marks(text)),
            minified: share(lines.minified, lines.characters),
            encoded: share(data.total, all),
            longest_encoded_run: count(data.longest),
            comments: comments::count(document).and_then(|found| ratio(found.comment, found.all)),
            lines: count(lines.lines),
        }
    }

    fn language_thresholds(&self) -> &LanguageThresholds {
        &self.languages
    }

    fn measurement_settings(&self) -> Self {
        Self {
            generated_marks: self.generated_marks.clone(),
            generated_lines: self.generated_lines,
            min_minified_line_length: self.min_minified_line_length,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::tests::{measure, value};

    #[test]
    fn measures_lines_letters_and_comments() {
        // Lines of 9, 0 and 6 characters; 17 characters with the two line ends; letters 3 + 4, digits 1 + 1.
        let text = "let x = 1\n\n// é 2中";
        let values = measure(&Code::default(), &DocumentView { text, origin: Some("x.rs"), ..DocumentView::default() });
        assert_eq!(values["longest-line-too-long"], Some(9.0));
        assert_eq!(values["mean-line-too-long"], Some(16.0 / 3.0));
        assert_eq!(values["too-few-letters"], Some(6.0 / 18.0));
        assert_eq!(values["too-few-alphanumerics"], Some(8.0 / 18.0));
        assert_eq!(values["too-many-lines"], Some(3.0));
        assert_eq!(values["too-few-comments"], Some(5.0 / 11.0));
        assert_eq!(values["generated-file"], Some(0.0));
    }

    #[test]
    fn generated_marks_count_only_in_the_first_lines() {
        let code = Code::default();
        assert_eq!(value(&code, "generated-file", "// Code generated by protoc-gen-go. DO NOT EDIT.\n"), Some(1.0));
        assert_eq!(value(&code, "generated-file", "/* Automatically generated by rust-bindgen */"), Some(1.0));
        let twice = "# This file is generated. It is not read.\n# @generated\n";
        assert_eq!(value(&code, "generated-file", twice), Some(2.0));
        let late = format!("{}// @generated", "\n".repeat(20));
        assert_eq!(value(&code, "generated-file", &late), Some(0.0));
    }

    #[test]
    fn a_mention_of_generated_files_is_no_mark() {
        for text in [
            "// Do not edit generated files directly; edit the templates and run the generator.\nfn f() {}\n",
            "/// Writes the header \"Code generated by clockgen\" into the output file of the build.\nfn header() {}\n",
            "fn f() { println!(\"// Code generated by x. DO NOT EDIT.\"); }\n",
        ] {
            assert_eq!(value(&Code::default(), "generated-file", text), Some(0.0), "{text}");
        }
        let own = Code { generated_marks: vec!["do not edit".to_owned()], ..Code::default() };
        assert_eq!(value(&own, "generated-file", "# DO NOT EDIT\n"), Some(1.0));
    }

    #[test]
    fn minified_lines_have_almost_no_white_space() {
        let minified = "function(a,b){return a+b};".repeat(10); // 260 characters, 10 spaces
        assert_eq!(value(&Code::default(), "minified", &minified), Some(1.0));
        assert_eq!(value(&Code::default(), "minified", &"some words here ".repeat(20)), Some(0.0));
        assert_eq!(value(&Code::default(), "minified", &"中文没有空格".repeat(50)), Some(0.0));
    }

    #[test]
    fn an_empty_file_has_no_shares() {
        let values =
            measure(&Code::default(), &DocumentView { text: "", origin: Some("x.c"), ..DocumentView::default() });
        assert_eq!(values["too-few-letters"], None);
        assert_eq!(values["mean-line-too-long"], None);
        assert_eq!(values["too-few-comments"], None);
        assert_eq!(values["minified"], Some(0.0));
    }

    #[test]
    fn measuring_keeps_measurement_settings() {
        let code = Code { min_minified_line_length: 9, max_lines: Some(1.0), ..Code::default() };
        assert_eq!(code.measurement_settings(), Code { min_minified_line_length: 9, ..Code::default() });
    }
}
