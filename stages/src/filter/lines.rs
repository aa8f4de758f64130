//! Cuts lines and citations from running text with the rules of C4.
//!
//! From Raffel et al. 2020 (C4), section 2.2, as in datatrove's `c4_filters.py`. Two differences: fenced code blocks
//! and Markdown headings are kept, and `[1]` is kept where it has a meaning in Markdown or code.
//!
//! Invariant: bytes of the input = bytes of the output + bytes of all cuts; the kept text keeps its order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fence::next_fence;
use crate::rule::{C4, DATATROVE, EditRule};
use crate::words;

/// Settings of the line cuts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LineCuts {
    /// Maximum word length in characters; lines with a longer word are cut (datatrove: 1000). Words are separated by
    /// white space, so in scripts without spaces a whole sentence is one word. Null: off.
    pub max_word_length: Option<u32>,
    /// Minimum number of words; lines with fewer are cut (datatrove: 3). Markdown headings are kept. Null: off.
    pub min_words: Option<u32>,
    /// Cut lines that end without sentence punctuation or with an ellipsis. Off by default, as in FineWeb (C4: true).
    pub terminal_punctuation: bool,
    /// Cut lines that mention JavaScript; most of them ask to enable it (C4: true).
    pub javascript: bool,
    /// Phrases in any case; lines that contain one are cut. The default has datatrove's six.
    pub policy_phrases: Vec<String>,
    /// Remove `[12]`, `[edit]` and `[citation needed]` from lines (C4: true).
    pub citations: bool,
}

const POLICY_PHRASES: [&str; 6] =
    ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];

impl Default for LineCuts {
    fn default() -> Self {
        Self {
            max_word_length: Some(1000),
            min_words: Some(3),
            terminal_punctuation: false,
            javascript: true,
            policy_phrases: POLICY_PHRASES.map(str::to_owned).into(),
            citations: true,
        }
    }
}

/// The amount that one rule cut from one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutSummary {
    /// Name of the rule, one of [`CUT_RULES`].
    pub rule: &'static str,
    /// Number of lines or citations cut.
    pub count: u64,
    /// Bytes cut, including line ends and blank lines cut with their neighbours.
    pub bytes: u64,
}

/// The rules, in the order in which [`cut_lines`] reports them.
pub const CUT_RULES: [EditRule; 6] = [
    CutReason::Citation.rule(),
    CutReason::LongWord.rule(),
    CutReason::FewWords.rule(),
    CutReason::NoEnd.rule(),
    CutReason::Javascript.rule(),
    CutReason::Policy.rule(),
];

/// Cuts lines and citations from `text`. Returns the kept text and the rules that cut something.
///
/// A blank line that would become the first line, or follow another blank line, is cut with the line between them.
/// Everything after an unclosed fence is kept. A line is checked without its citations; if it is cut, its bytes include
/// them.
pub fn cut_lines(text: &str, settings: &LineCuts) -> (String, Vec<CutSummary>) {
    let phrases: Vec<String> = settings.policy_phrases.iter().map(|phrase| phrase.to_lowercase()).collect();
    let mut cutter = LineCutter {
        kept: String::with_capacity(text.len()),
        cuts: CUT_RULES.map(|rule| CutSummary { rule: rule.name, count: 0, bytes: 0 }),
        blank: true,
    };
    let mut fence = None;
    let mut last_cut = None; // the rule that cut the previous line, if any
    for line in text.split_inclusive('\n') {
        let was_fenced = fence.is_some();
        fence = next_fence(fence, line);
        if was_fenced || fence.is_some() {
            cutter.keep(line);
            last_cut = None;
        } else if line.trim().is_empty() {
            if let Some(rule) = last_cut.filter(|_| cutter.blank) {
                cutter.record(rule, 0, line.len());
            } else {
                cutter.keep(line);
                last_cut = None;
            }
        } else {
            last_cut = cutter.line(line, settings, &phrases);
        }
    }
    (cutter.kept, cutter.cuts.into_iter().filter(|cut| cut.bytes > 0).collect())
}

/// Why a line or citation is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CutReason {
    Citation,
    LongWord,
    FewWords,
    NoEnd,
    Javascript,
    Policy,
}

impl CutReason {
    const fn rule(self) -> EditRule {
        let (name, setting, unit, description, source) = match self {
            Self::Citation => ("citation", "citations", "citations", "`[12]`, `[edit]` and `[citation needed]`", C4),
            Self::LongWord => {
                ("line-with-long-word", "max-word-length", "lines", "lines with a word longer than this", DATATROVE)
            }
            Self::FewWords => ("line-with-few-words", "min-words", "lines", "lines with fewer words", C4),
            Self::NoEnd => (
                "unterminated-line",
                "terminal-punctuation",
                "lines",
                "lines that end without sentence punctuation or with an ellipsis",
                C4,
            ),
            Self::Javascript => ("javascript-line", "javascript", "lines", "lines that mention JavaScript", C4),
            Self::Policy => ("policy-line", "policy-phrases", "lines", "lines that contain one of these phrases", C4),
        };
        EditRule { name, setting, unit, description, source }
    }
}

struct LineCutter {
    kept: String,
    cuts: [CutSummary; 6],
    /// Whether nothing is kept yet, or the last kept line is blank.
    blank: bool,
}

impl LineCutter {
    fn record(&mut self, reason: CutReason, count: u64, bytes: usize) {
        let name = reason.rule().name;
        let Some(cut) = self.cuts.iter_mut().find(|cut| cut.rule == name) else { return };
        cut.count += count;
        cut.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    fn keep(&mut self, line: &str) {
        self.blank = line.trim().is_empty();
        self.kept.push_str(line);
    }

    /// Keeps or cuts a line outside fences. Returns the reason for a cut.
    fn line(&mut self, line: &str, settings: &LineCuts, phrases: &[String]) -> Option<CutReason> {
        let stripped = if settings.citations { strip_citations(line) } else { None };
        let (clean, citations) = stripped.as_ref().map_or((line, 0), |(clean, number)| (clean.as_str(), *number));
        if let Some(reason) = cut_reason(clean, settings, phrases) {
            self.record(reason, 1, line.len());
            return Some(reason);
        }
        if citations > 0 {
            self.record(CutReason::Citation, citations, line.len() - clean.len());
        }
        self.keep(clean);
        None
    }
}

/// The reason to cut `line`, if any.
fn cut_reason(line: &str, settings: &LineCuts, phrases: &[String]) -> Option<CutReason> {
    let line = line.trim();
    let over =
        |limit: u32| move |piece: &str| piece.chars().nth(usize::try_from(limit).unwrap_or(usize::MAX)).is_some();
    let under = |minimum: u32| words::spans(line).take(usize::try_from(minimum).unwrap_or(usize::MAX)).count();
    if settings.max_word_length.is_some_and(|limit| line.split_whitespace().any(over(limit))) {
        return Some(CutReason::LongWord);
    }
    let heading = line.trim_start_matches('#').starts_with(' ') && line.starts_with('#');
    if settings
        .min_words
        .is_some_and(|minimum| !heading && u32::try_from(under(minimum)).is_ok_and(|found| found < minimum))
    {
        return Some(CutReason::FewWords);
    }
    let ellipsis = line.ends_with("...") || line.ends_with('…');
    if settings.terminal_punctuation && !heading && (ellipsis || !words::ends_sentence(line)) {
        return Some(CutReason::NoEnd);
    }
    if !settings.javascript && phrases.is_empty() {
        return None;
    }
    let lower = line.to_lowercase();
    if settings.javascript && lower.contains("javascript") {
        return Some(CutReason::Javascript);
    }
    phrases.iter().any(|phrase| lower.contains(phrase.as_str())).then_some(CutReason::Policy)
}

/// `line` without its citations, and their number; `None` if it has none.
///
/// Keeps code spans, `[1](link)`, `[1][label]`, `[1]: definition`, and `[1]` at the beginning of a line.
fn strip_citations(line: &str) -> Option<(String, u64)> {
    if !line.contains('[') {
        return None;
    }
    let (mut clean, mut number, mut code) = (String::with_capacity(line.len()), 0, false);
    let mut rest = line;
    while let Some(at) = rest.find(['[', '`']) {
        let (before, from) = rest.split_at(at);
        clean.push_str(before);
        if let Some(after) = from.strip_prefix('`') {
            code = !code && after.contains('`');
            clean.push('`');
            rest = after;
        } else if let Some(length) = citation_length(from).filter(|_| !code && !clean.trim().is_empty()) {
            number += 1;
            rest = &from[length..];
        } else {
            clean.push('[');
            rest = &from[1..];
        }
    }
    clean.push_str(rest);
    (number > 0).then_some((clean, number))
}

/// Length in bytes of the citation at the beginning of `from`.
fn citation_length(from: &str) -> Option<usize> {
    let length = bracket_length(from)?;
    let after = from.get(length..)?;
    let plain = match after.chars().next() {
        Some('(' | ':') => false,
        Some('[') => bracket_length(after).is_some(),
        _ => true,
    };
    plain.then_some(length)
}

/// Length in bytes of the bracket at the beginning of `from`, if it contains a citation.
fn bracket_length(from: &str) -> Option<usize> {
    const MAX_BYTES: usize = "[citation needed]".len();
    let end = from.bytes().take(MAX_BYTES).position(|byte| byte == b']')?;
    let inner = from.get(1..end)?;
    let number = (1..=3).contains(&inner.len()) && inner.bytes().all(|byte| byte.is_ascii_digit());
    let is_citation = number || inner.eq_ignore_ascii_case("edit") || inner.eq_ignore_ascii_case("citation needed");
    is_citation.then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> (String, Vec<(&'static str, u64, u64)>) {
        let (kept, cuts) = cut_lines(text, &LineCuts::default());
        (kept, cuts.into_iter().map(|cut| (cut.rule, cut.count, cut.bytes)).collect())
    }

    #[test]
    fn cut_lines_are_counted_by_rule() {
        let text = "A line that stays.\nMenu\nPlease enable JavaScript now.\nRead our Privacy Policy here.\n";
        let (kept, cuts) = cut(text);
        assert_eq!(kept, "A line that stays.\n");
        assert_eq!(cuts, [("line-with-few-words", 1, 5), ("javascript-line", 1, 30), ("policy-line", 1, 30)]);
        let long = format!("two words {}\n", "x".repeat(1001));
        assert_eq!(cut(&long), (String::new(), vec![("line-with-long-word", 1, 1012)]));
        assert_eq!(cut(&long[..long.len() - 2]).1, []);
    }

    #[test]
    fn unterminated_lines_are_cut_only_if_enabled() {
        let settings = LineCuts { terminal_punctuation: true, ..LineCuts::default() };
        let text = "No end of this\nThis one ends.\nThis one trails...\n这一行结束了。\n# A heading stays\n";
        let (kept, cuts) = cut_lines(text, &settings);
        assert_eq!(kept, "This one ends.\n这一行结束了。\n# A heading stays\n");
        assert_eq!(cuts, [CutSummary { rule: "unterminated-line", count: 2, bytes: 34 }]);
        assert_eq!(cut("No end of this\n").1, []);
    }

    #[test]
    fn citations_are_cut_and_other_brackets_kept() {
        let (kept, cuts) = cut("It is so.[1][23] And so[citation needed] on.[edit]\n");
        assert_eq!(kept, "It is so. And so on.\n");
        assert_eq!(cuts, [("citation", 4, 7 + 17 + 6)]);
        for same in [
            "See `a[0]` and [1](http://a.b) and [2][x] for more.\n",
            "[1]: http://a.b the first note\n",
            "A year [2024] and an empty [] stay here.\n",
        ] {
            assert_eq!(cut(same), (same.to_owned(), vec![]));
        }
    }

    #[test]
    fn fenced_code_and_headings_are_kept() {
        let text = "# Usage\n\n```js\nx\nvar javascript = a[1];\n````\n\n~~~\ny\n```\n~~~\n";
        assert_eq!(cut(text), (text.to_owned(), vec![]));
        let open = "    ``` \nz\n";
        assert_eq!(cut(open).0, open);
        assert_eq!(cut("``` a ` b\nz\n").0, "");
    }

    #[test]
    fn blank_lines_do_not_accumulate() {
        let (kept, cuts) = cut("The first line stays.\n\nMenu\n\nThe second line stays.\n\n\nHome\n");
        assert_eq!(kept, "The first line stays.\n\nThe second line stays.\n\n\n");
        assert_eq!(cuts, [("line-with-few-words", 2, 5 + 1 + 5)]);
        assert_eq!(cut("Menu\n\nThe first line stays.").0, "The first line stays.");
    }

    #[test]
    fn chinese_characters_are_words() {
        assert_eq!(cut("你好吗\n你好\n").0, "你好吗\n");
    }

    proptest! {
        #[test]
        fn bytes_are_accounted_for(
            text in "(([a ]{0,5}|# a|```|~~~~|\\[1\\]|`|a javascript b|use cookies x|中文字。| \\[edit\\]\\(){0,3}\r?\n){0,12}|\\PC*",
            terminal_punctuation: bool,
        ) {
            let settings = LineCuts { terminal_punctuation, ..LineCuts::default() };
            let (kept, cuts) = cut_lines(&text, &settings);
            let bytes: u64 = cuts.iter().map(|cut| cut.bytes).sum();
            prop_assert_eq!(text.len() as u64, kept.len() as u64 + bytes);
            let mut rest = text.chars();
            prop_assert!(kept.chars().all(|character| rest.any(|other| other == character)));
        }
    }
}
