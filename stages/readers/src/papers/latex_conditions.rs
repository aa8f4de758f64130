//! Removes the text of LaTeX source that a condition hides: between `\iffalse` and `\fi`, and the second branch of
//! `\iftrue`.
//!
//! The conditions of `\newif` are known, too: false, until the file sets them. One that is set inside braces or inside
//! another condition is unknown from there on. Both branches of an unknown condition are text.
//!
//! Invariant: the source is read once. Text is removed only between marks that belong together and have the same depth
//! of braces, so that a mark inside a definition hides nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::latex_comments::{command_name, escape};

/// Returns the source without hidden text.
pub(crate) fn without_hidden_text(source: &str) -> Cow<'_, str> {
    let mut scanner = Scanner { source, ..Scanner::default() };
    scanner.run();
    let mut hidden = scanner.hidden;
    if hidden.is_empty() {
        return Cow::Borrowed(source);
    }
    hidden.sort_by_key(|range| range.start);
    let mut text = String::with_capacity(source.len());
    let mut at = 0;
    for range in hidden {
        // A range inside another is nothing.
        text.push_str(source.get(at..range.start).unwrap_or_default());
        at = at.max(range.end);
    }
    text.push_str(&source[at..]);
    Cow::Owned(text)
}

/// A condition that is open.
struct Condition {
    /// Its command, with the space after it.
    mark: Range<usize>,
    depth: usize,
    value: Option<bool>,
    /// The `\else`.
    otherwise: Option<Range<usize>>,
}

#[derive(Default)]
struct Scanner<'a> {
    source: &'a str,
    /// Number of open braces.
    depth: usize,
    open: Vec<Condition>,
    /// The conditions of `\newif`; `None` if unknown.
    switches: BTreeMap<&'a str, Option<bool>>,
    hidden: Vec<Range<usize>>,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        let source = self.source;
        // Verbatim environments that do not end.
        let mut unclosed = Vec::new();
        let mut at = 0;
        while let Some(found) = source[at..].find(['\\', '{', '}']) {
            at += found;
            let rest = &source[at..];
            at += match rest.as_bytes()[0] {
                b'{' => {
                    self.depth += 1;
                    1
                }
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    1
                }
                _ => {
                    let length = escape(rest, &mut unclosed);
                    let name = command_name(rest);
                    // Of verbatim text, nothing is a command.
                    if length == 1 + name.len() { self.command(name, at) } else { length }
                }
            };
        }
    }

    /// Reads a command that begins at `at`; returns its length.
    fn command(&mut self, name: &'a str, at: usize) -> usize {
        let source = self.source;
        let length = 1 + name.len();
        let after = &source[at + length..];
        let mark = at..at + length + space_after_command(after);
        match name {
            "fi" => self.close(mark),
            "else" => {
                if let Some(condition) = self.open.last_mut() {
                    condition.otherwise.get_or_insert(mark);
                }
            }
            "newif" => {
                let next = after.trim_start();
                if next.starts_with("\\if") {
                    let condition = command_name(next);
                    self.switches.insert(&condition["if".len()..], Some(false));
                    return length + (after.len() - next.len()) + 1 + condition.len();
                }
            }
            _ if is_condition(name) => {
                let value = self.value(name);
                self.open.push(Condition { mark, depth: self.depth, value, otherwise: None });
            }
            _ => self.set(name),
        }
        length
    }

    fn value(&self, name: &str) -> Option<bool> {
        match name {
            "iftrue" => Some(true),
            "iffalse" => Some(false),
            _ => name.strip_prefix("if").and_then(|switch| self.switches.get(switch).copied().flatten()),
        }
    }

    /// Sets a switch, if the command does that.
    fn set(&mut self, name: &str) {
        for (suffix, value) in [("true", true), ("false", false)] {
            if let Some(switch) = name.strip_suffix(suffix).and_then(|switch| self.switches.get_mut(switch)) {
                *switch = (self.depth == 0 && self.open.is_empty()).then_some(value);
            }
        }
    }

    /// Ends the last condition at its `\fi`.
    fn close(&mut self, end: Range<usize>) {
        let Some(condition) = self.open.pop().filter(|condition| condition.depth == self.depth) else { return };
        let Condition { mark, otherwise, .. } = condition;
        match (condition.value, otherwise) {
            (Some(true), None) => self.hidden.extend([mark, end]),
            (Some(true), Some(otherwise)) => self.hidden.extend([mark, otherwise.start..end.end]),
            (Some(false), None) => self.hidden.push(mark.start..end.end),
            (Some(false), Some(otherwise)) => self.hidden.extend([mark.start..otherwise.end, end]),
            (None, _) => {}
        }
    }
}

/// Whether a command begins a condition that `\fi` ends. Some commands of packages have branches in braces instead.
fn is_condition(name: &str) -> bool {
    let has_braces = matches!(name, "iff" | "ifthenelse" | "ifdef" | "ifundef" | "ifbool" | "iftoggle" | "ifblank");
    name.starts_with("if") && !has_braces
}

/// The length of the white space that a command ends with; an empty line is no part of it.
fn space_after_command(after: &str) -> usize {
    let space = &after[..after.len() - after.trim_start().len()];
    if space.matches('\n').count() < 2 { space.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> String {
        without_hidden_text(source).into_owned()
    }

    #[test]
    fn hidden_branches_are_removed() {
        for (source, expected) in [
            ("A \\iffalse hidden \\fi B", "A B"),
            ("A \\iffalse x \\ifx\\a\\b y \\else z \\fi w \\fi B", "A B"),
            ("A \\iffalse x \\else y \\fi B", "A y B"),
            ("A \\iftrue x \\else y \\fi B", "A x B"),
            ("A \\iftrue x \\iffalse z \\fi w \\fi B", "A x w B"),
            ("A \\iffalse x \\iftrue z \\fi w \\fi B", "A B"),
            ("A \\iffalse $x \\iff y$ \\{ \\fi\n\nB", "A \n\nB"),
        ] {
            assert_eq!(shown(source), expected, "{source}");
        }
    }

    #[test]
    fn switches_have_the_value_that_was_set_last() {
        for (source, expected) in [
            ("\\newif\\ifdraft A \\ifdraft x \\else y \\fi B", "\\newif\\ifdraft A y B"),
            ("\\newif\\ifdraft\\drafttrue A \\ifdraft x \\else y \\fi B", "\\newif\\ifdraft\\drafttrue A x B"),
            ("\\newif \\ifdraft {\\drafttrue} \\ifdraft x \\fi", "\\newif \\ifdraft {\\drafttrue} \\ifdraft x \\fi"),
        ] {
            assert_eq!(shown(source), expected, "{source}");
        }
        let nested = "\\newif\\ifdraft\\ifpdf\\drafttrue\\fi \\ifdraft x \\fi";
        assert_eq!(shown(nested), nested);
    }

    #[test]
    fn what_is_not_known_to_be_hidden_is_kept() {
        for source in [
            "A \\ifpdf x \\else y \\fi B",
            "A \\iffalse open",
            "A \\fi \\else B",
            "\\newcommand{\\hide}{\\iffalse} \\hide x \\fi B",
            "\\verb|\\iffalse| A \\fi B",
            "\\begin{verbatim}\\iffalse\\end{verbatim} A \\fi B",
            "\\iffalsetto x \\fi",
        ] {
            assert_eq!(shown(source), source);
        }
        let many = "\\iffalse {".repeat(50_000);
        assert_eq!(shown(&many), many);
    }
}
