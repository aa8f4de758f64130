//! Writes the superscripts and subscripts of a JATS article.
//!
//! A superscript that is only a link to a note or a reference is written in brackets, `[1]`; a longer text in small
//! print is written as it is. Whether a script needs braces or is part of a fraction follows from what comes after it,
//! so the script that was written last is changed once that is known.
//!
//! Invariant: positions are checked before they are used, and the work for one script is bounded.

use std::ops::Range;

use super::scripts::{Script, is_script, joins, script};
use super::white_space::tidy;

/// Maximum length of a script in bytes, with the white space in it.
const MAX_BYTES: usize = 256;

/// The scripts and links of the current line.
#[derive(Default)]
pub(crate) struct Scripts {
    open: Vec<OpenScript>,
    /// Where in the line each open link begins.
    links: Vec<usize>,
    last: Option<WrittenScript>,
}

struct OpenScript {
    kind: Script,
    /// Where in the line its text begins.
    start: usize,
    /// Number of links around it.
    links: usize,
    /// Whether it has letters or digits inside and outside of links.
    is_linked: bool,
    is_unlinked: bool,
}

/// The script that was written last, if it is still as it was written.
struct WrittenScript {
    kind: Script,
    place: Range<usize>,
    /// Its text without a mark.
    text: String,
}

impl Scripts {
    /// Forgets everything, since a new line begins.
    pub(crate) fn reset(&mut self) {
        self.open.clear();
        self.links.clear();
        self.last = None;
    }

    /// Begins a script at the end of a line of this length.
    pub(crate) fn begin(&mut self, kind: Script, start: usize) {
        self.open.push(OpenScript { kind, start, links: self.links.len(), is_linked: false, is_unlinked: false });
    }

    /// Begins a link at the end of a line of this length.
    pub(crate) fn begin_link(&mut self, start: usize) {
        self.links.push(start);
    }

    /// Writes text at the end of the line.
    pub(crate) fn text(&mut self, text: &str, line: &mut String) {
        let links = self.links.len();
        if let Some(script) = self.open.last_mut() {
            let has_words = text.contains(char::is_alphanumeric);
            script.is_linked |= has_words && links > script.links;
            script.is_unlinked |= has_words && links <= script.links;
        } else if let Some(next) = text.chars().next() {
            self.separate(next, line);
        }
        line.push_str(text);
    }

    /// Encloses the last script in braces if the next character would be read as part of it.
    fn separate(&mut self, next: char, line: &mut String) {
        let Some(last) = &mut self.last else { return };
        let is_last = last.place.end == line.len();
        if is_last && line.get(last.place.start..).is_some_and(|written| joins(written, &last.text, next)) {
            line.insert(last.place.start + 1, '{');
            line.push('}');
            last.place.end = line.len();
        }
    }

    /// Ends a script.
    pub(crate) fn end(&mut self, line: &mut String) {
        let Some(open) = self.open.pop() else { return };
        if let Some(around) = self.open.last_mut() {
            around.is_linked |= open.is_linked;
            around.is_unlinked |= open.is_unlinked;
        }
        self.last = self.last.take().filter(|last| last.place.end <= open.start);
        let Some(inside) = line.get(open.start..).filter(|inside| inside.len() <= MAX_BYTES) else { return };
        let is_spaced = inside.ends_with(char::is_whitespace);
        let text = tidy(inside);
        if !is_script(&text) {
            return;
        }
        line.truncate(open.start);
        if open.kind == Script::Sub && text.chars().all(char::is_numeric) {
            self.write_fraction(line);
        }
        let start = line.len();
        if open.kind == Script::Super && open.is_linked && !open.is_unlinked {
            line.push_str(&in_brackets(&text));
        } else {
            let written = script(open.kind, line, &text, None);
            line.push_str(&written);
        }
        self.last = Some(WrittenScript { kind: open.kind, place: start..line.len(), text });
        if is_spaced {
            line.push(' ');
        }
    }

    /// Removes the mark of the last superscript if it is the numerator of a fraction, whose stroke ends the line.
    fn write_fraction(&mut self, line: &mut String) {
        let Some(last) = self.last.take().filter(|last| last.kind == Script::Super) else { return };
        let is_stroke = line.get(last.place.end..).is_some_and(|stroke| matches!(stroke.trim(), "/" | "⁄"));
        let Some(before) = line.get(..last.place.start).filter(|_| is_stroke) else { return };
        if last.text.chars().all(char::is_numeric) {
            let space = if before.ends_with(char::is_alphanumeric) { " " } else { "" };
            line.replace_range(last.place, &format!("{space}{}", last.text));
        }
    }

    /// Ends a link. A superscript that is all of it is written in brackets.
    pub(crate) fn end_link(&mut self, line: &mut String) {
        let Some(start) = self.links.pop() else { return };
        let Some(last) = self.last.as_mut().filter(|last| last.kind == Script::Super) else { return };
        let is_whole = last.text.contains(char::is_alphanumeric)
            && line.get(start..last.place.start).is_some_and(|before| before.trim().is_empty())
            && line.get(last.place.end..).is_some_and(|after| after.trim().is_empty());
        if is_whole {
            let bracketed = in_brackets(&last.text);
            line.replace_range(last.place.clone(), &bracketed);
            last.place.end = last.place.start + bracketed.len();
        }
    }
}

fn in_brackets(text: &str) -> String {
    if text.starts_with(['[', '(']) { text.to_owned() } else { format!("[{text}]") }
}
