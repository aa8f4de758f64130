//! Writes the superscripts and subscripts of a JATS article.
//!
//! A superscript that is only a link to a note or a reference is written in brackets, `[1]`, and so is the number of a
//! note that is printed close to a word; a longer text in small print is written as it is. Whether a script needs a
//! mark or braces follows from what comes after it, so the script that was written last is changed once that is known.
//!
//! Invariant: positions are checked before they are used, and the work for one script is bounded.

use std::ops::Range;

use corpusmill_extract::{in_brackets, is_note_letter, is_note_number, is_proper_fraction};

use super::scripts::{Script, base, is_script, script_text};
use super::white_space::tidy;

/// Maximum length in bytes of a script with the white space in it, and of what is compared at the end of a link.
const MAX_BYTES: usize = 256;
/// Maximum length in bytes of what separates the links of a list: `, `.
const MAX_SEPARATOR_BYTES: usize = 8;

/// To what a link leads, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// A reference, or anything.
    Reference,
    Footnote,
    /// A table, figure, formula or section.
    Part,
}

impl Link {
    /// The meaning of the attribute `ref-type`.
    pub(crate) fn of(kind: Option<&str>) -> Self {
        match kind {
            None | Some("bibr") => Self::Reference,
            Some("fn" | "table-fn" | "author-notes") => Self::Footnote,
            Some(_) => Self::Part,
        }
    }
}

/// The scripts and links of the current line.
#[derive(Default)]
pub(crate) struct Scripts {
    open: Vec<OpenScript>,
    links: Vec<OpenLink>,
    last: Option<WrittenScript>,
    /// Where in the line the last link to a note ends, and whether it is in brackets.
    last_link: Option<(usize, bool)>,
}

struct OpenLink {
    target: Link,
    /// Where in the line its text begins.
    start: usize,
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
    /// Whether it has no elements.
    is_plain: bool,
}

/// The script that was written last, if it is still as it was written.
struct WrittenScript {
    kind: Script,
    place: Range<usize>,
    /// The character before it.
    before: Option<char>,
    /// Its text without a mark.
    text: String,
    is_plain: bool,
    is_bracketed: bool,
}

impl WrittenScript {
    /// Writes the script anew if what comes next changes it.
    fn rewrite(&mut self, next: char, line: &mut String) {
        if self.is_bracketed || self.place.end != line.len() {
            return;
        }
        let written = script_text(self.kind, self.before, &self.text, Some(next), self.is_plain);
        line.truncate(self.place.start);
        line.push_str(&written);
        self.place.end = line.len();
    }
}

impl Scripts {
    /// Forgets everything, since a new line begins.
    pub(crate) fn reset(&mut self) {
        self.open.clear();
        self.links.clear();
        self.last = None;
        self.last_link = None;
    }

    /// Begins any element.
    pub(crate) fn open_element(&mut self) {
        if let Some(script) = self.open.last_mut() {
            script.is_plain = false;
        }
    }

    /// Begins a script at the end of a line of this length.
    pub(crate) fn begin(&mut self, kind: Script, start: usize) {
        let links = self.links.len();
        self.open.push(OpenScript { kind, start, links, is_linked: false, is_unlinked: false, is_plain: true });
    }

    /// Begins a link at the end of a line of this length.
    pub(crate) fn begin_link(&mut self, target: Link, start: usize) {
        self.links.push(OpenLink { target, start });
    }

    /// Writes text at the end of the line.
    pub(crate) fn text(&mut self, text: &str, line: &mut String) {
        let links = self.links.len();
        if let Some(script) = self.open.last_mut() {
            let has_words = text.contains(char::is_alphanumeric);
            script.is_linked |= has_words && links > script.links;
            script.is_unlinked |= has_words && links <= script.links;
        } else if let Some((next, last)) = text.chars().next().zip(self.last.as_mut()) {
            last.rewrite(next, line);
        }
        line.push_str(text);
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
        if open.kind == Script::Sub {
            self.write_fraction(&text, line);
        }
        let (start, before) = (line.len(), base(line));
        let is_bracketed = open.kind == Script::Super && open.is_linked && !open.is_unlinked;
        let written =
            if is_bracketed { in_brackets(&text) } else { script_text(open.kind, before, &text, None, open.is_plain) };
        line.push_str(&written);
        let place = start..line.len();
        self.last = Some(WrittenScript { kind: open.kind, place, before, text, is_plain: open.is_plain, is_bracketed });
        if is_spaced {
            line.push(' ');
        }
    }

    /// Writes the last superscript as the numerator of a fraction that is less than one and follows a number, if its
    /// stroke ends the line. Anything else has a power, as in `m^2/3`.
    fn write_fraction(&mut self, denominator: &str, line: &mut String) {
        let Some(last) = self.last.take().filter(|last| last.kind == Script::Super && !last.is_bracketed) else {
            return;
        };
        let stroke = line.get(last.place.end..).filter(|stroke| stroke.len() <= MAX_BYTES).unwrap_or_default();
        if last.before.is_some_and(char::is_numeric) && is_proper_fraction(&last.text, stroke, denominator) {
            line.replace_range(last.place, &format!(" {}", last.text));
        }
    }

    /// Ends a link. A superscript that is all of it is written in brackets, and so is the number of a note that would
    /// fuse with the text before it: `rise[1]`.
    pub(crate) fn end_link(&mut self, line: &mut String) {
        let Some(link) = self.links.pop() else { return };
        let last_link = self.last_link.take();
        let near = |range: Range<usize>, line: &str| {
            line.get(range).is_some_and(|text| text.len() <= MAX_BYTES && text.trim().is_empty())
        };
        if let Some(last) = self.last.as_mut().filter(|last| last.kind == Script::Super) {
            let is_whole = last.text.contains(char::is_alphanumeric)
                && near(link.start..last.place.start, line)
                && near(last.place.end..line.len(), line);
            if is_whole {
                let bracketed = in_brackets(&last.text);
                line.replace_range(last.place.clone(), &bracketed);
                last.place.end = last.place.start + bracketed.len();
                last.is_bracketed = true;
                self.last_link = Some((line.len(), true));
                return;
            }
        }
        let Some((before, text)) = line.split_at_checked(link.start) else { return };
        if !self.open.is_empty() || !is_note(link.target, text) {
            return;
        }
        let is_next = |end: usize| before.get(end..).is_some_and(is_separator);
        let is_bracketed = match last_link.filter(|(end, _)| is_next(*end)) {
            Some((_, is_bracketed)) => is_bracketed,
            None => base(before).is_some_and(|before| before.is_alphanumeric() || ".,;:!?)]”’\"'%°".contains(before)),
        };
        if is_bracketed {
            line.insert(link.start, '[');
            line.push(']');
        }
        self.last_link = Some((line.len(), is_bracketed));
    }
}

/// Whether the text of a link is that of a note: numbers, or the letter of a footnote.
fn is_note(target: Link, text: &str) -> bool {
    let are_numbers = |text: &str| {
        text.starts_with(char::is_numeric)
            && text.split([',', ';', '-', '–', '—', ' ']).all(|number| number.is_empty() || is_note_number(number))
    };
    text.len() <= MAX_BYTES
        && target != Link::Part
        && (are_numbers(text.trim()) || target == Link::Footnote && is_note_letter(text.trim()))
}

/// Whether a text is only what separates the links of a list.
fn is_separator(text: &str) -> bool {
    text.len() <= MAX_SEPARATOR_BYTES
        && text.contains([',', ';', '-', '–', '—'])
        && text.chars().all(|character| ",;-–— ".contains(character))
}
