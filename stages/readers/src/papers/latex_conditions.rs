//! Removes the text of LaTeX source that a condition hides: between `\iffalse` and `\fi`, and the second branch of
//! `\iftrue`.
//!
//! The conditions of `\newif` are known, too: false, until the file sets them. `\let` gives a condition, `\else` or
//! `\fi` another name. What is set inside braces or inside another condition is unknown from there on. Both branches of
//! an unknown condition are text.
//!
//! Invariant: the source is read once. Text is removed only between marks that belong together and are in the same pair
//! of braces, so that a mark inside a definition hides nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::latex_comments::{command_name, escape};

/// Maximum length of the name of a command, which bounds the work for each condition.
const MAX_NAME_BYTES: usize = 64;

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
        // What follows must not become part of the name of a command.
        if source[at..].starts_with(|next: char| next.is_ascii_alphabetic()) && ends_with_command(&text) {
            text.push(' ');
        }
    }
    text.push_str(&source[at..]);
    Cow::Owned(text)
}

/// Whether a source ends with the name of a command.
fn ends_with_command(source: &str) -> bool {
    let letters = source.bytes().rev().take(MAX_NAME_BYTES).take_while(u8::is_ascii_alphabetic).count();
    let before = source.bytes().rev().skip(letters).take(MAX_NAME_BYTES);
    letters > 0 && before.take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// What a command means for conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// It begins a condition, whose value may be known.
    If(Option<bool>),
    Else,
    Fi,
}

/// A condition that is open.
struct Condition {
    /// Its command, with the space after it.
    mark: Range<usize>,
    value: Option<bool>,
    /// The `\else`.
    otherwise: Option<Range<usize>>,
}

#[derive(Default)]
struct Scanner<'a> {
    source: &'a str,
    /// The conditions that are open in the current braces.
    open: Vec<Condition>,
    /// The same for each pair of braces around them.
    around: Vec<Vec<Condition>>,
    /// The names that the file gives to conditions, without a backslash.
    names: BTreeMap<&'a str, Meaning>,
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
                    self.around.push(std::mem::take(&mut self.open));
                    1
                }
                b'}' => {
                    self.open = self.around.pop().unwrap_or_else(|| std::mem::take(&mut self.open));
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

    /// Reads a command that begins at `at`; returns its length, with the commands that it takes.
    fn command(&mut self, name: &'a str, at: usize) -> usize {
        let length = 1 + name.len();
        let after = &self.source[at + length..];
        match name {
            "newif" => {
                if let Some((condition, rest)) = next_command(after).filter(|(name, _)| name.starts_with("if")) {
                    self.names.insert(condition, Meaning::If(Some(false)));
                    return length + after.len() - rest.len();
                }
            }
            "let" => {
                if let Some((alias, rest)) = next_command(after) {
                    let value = rest.trim_start();
                    let value = value.strip_prefix('=').unwrap_or(value);
                    if let Some((original, rest)) = next_command(value) {
                        self.let_name(alias, original);
                        return length + after.len() - rest.len();
                    }
                }
            }
            "unless" => {
                let next = next_command(after).and_then(|(name, rest)| Some((self.meaning(name)?, rest)));
                if let Some((Meaning::If(value), rest)) = next {
                    let length = length + after.len() - rest.len();
                    self.begin(at..at + length, value.map(|value| !value));
                    return length;
                }
            }
            _ => self.mark(name, at..at + length),
        }
        length
    }

    /// Reads a command that may be the mark of a condition.
    fn mark(&mut self, name: &'a str, place: Range<usize>) {
        let end = place.end + space_after_command(&self.source[place.end..]);
        match self.meaning(name) {
            Some(Meaning::If(value)) => self.begin(place, value),
            Some(Meaning::Else) => {
                if let Some(condition) = self.open.last_mut() {
                    condition.otherwise.get_or_insert(place.start..end);
                }
            }
            Some(Meaning::Fi) => self.close(place.start..end),
            None => self.set(name),
        }
    }

    fn meaning(&self, name: &str) -> Option<Meaning> {
        self.names.get(name).copied().or_else(|| primitive(name))
    }

    /// Whether what a command sets is certain from here on.
    fn is_certain(&self) -> bool {
        self.open.is_empty() && self.around.is_empty()
    }

    /// Gives a command a second name.
    fn let_name(&mut self, alias: &'a str, original: &str) {
        let is_certain = self.is_certain();
        match self.meaning(original) {
            Some(Meaning::If(value)) => {
                self.names.insert(alias, Meaning::If(value.filter(|_| is_certain)));
            }
            Some(meaning) if is_certain => {
                self.names.insert(alias, meaning);
            }
            // It is some other command now.
            None if is_certain => {
                self.names.remove(alias);
            }
            _ => {}
        }
    }

    /// Sets a condition of `\newif`, if the command does that: `\drafttrue` sets `\ifdraft`.
    fn set(&mut self, name: &str) {
        let is_certain = self.is_certain();
        for (suffix, value) in [("true", true), ("false", false)] {
            let condition = name.strip_suffix(suffix).map(|switch| format!("if{switch}"));
            if let Some(Meaning::If(known)) = condition.and_then(|name| self.names.get_mut(name.as_str())) {
                *known = is_certain.then_some(value);
            }
        }
    }

    /// Begins a condition at its command.
    fn begin(&mut self, command: Range<usize>, value: Option<bool>) {
        let mark = command.start..command.end + space_after_command(&self.source[command.end..]);
        self.open.push(Condition { mark, value, otherwise: None });
    }

    /// Ends the last condition at its `\fi`.
    fn close(&mut self, end: Range<usize>) {
        let Some(Condition { mark, value, otherwise }) = self.open.pop() else { return };
        match (value, otherwise) {
            (Some(true), None) => self.hidden.extend([mark, end]),
            (Some(true), Some(otherwise)) => self.hidden.extend([mark, otherwise.start..end.end]),
            (Some(false), None) => self.hidden.push(mark.start..end.end),
            (Some(false), Some(otherwise)) => self.hidden.extend([mark.start..otherwise.end, end]),
            (None, _) => {}
        }
    }
}

/// The meaning of a command that the file does not define.
fn primitive(name: &str) -> Option<Meaning> {
    Some(match name {
        "iftrue" => Meaning::If(Some(true)),
        "iffalse" => Meaning::If(Some(false)),
        "else" => Meaning::Else,
        "fi" => Meaning::Fi,
        _ if is_condition(name) => Meaning::If(None),
        _ => return None,
    })
}

/// The name of the command that comes next, and what follows it.
fn next_command(source: &str) -> Option<(&str, &str)> {
    let next = source.trim_start();
    let name = command_name(next.starts_with('\\').then_some(next)?);
    (!name.is_empty()).then(|| (name, &next[1 + name.len()..]))
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
mod tests;
