//! Links to notes: which superscripts are one, and links without a superscript, which are written as `[1]` too.
//!
//! Called by `superscript` and `render`.
//!
//! A link of a digit or two that touches the word before it would become part of that word: `note1`, or of a number,
//! `19902`. It is taken for a link to a note only if the fragment to which it leads has the name of a note, since a
//! link such as `Fig.<a href="#fig3">3</a>` is text.
//!
//! Invariant: time is constant, since only links of few nodes are read.

use crate::name_words::has_word;
use crate::render_context::RenderContext;
use crate::tree::Tree;
use crate::writer::Writer;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Maximum number of nodes of a superscript or a link to a note; larger elements are text in small print.
pub(super) const MAX_NODES: usize = 16;
/// Bytes of text that are read to see the length.
pub(super) const READ_BYTES: usize = 256;
/// Maximum length of the number of a note.
const MAX_NOTE_DIGITS: usize = 3;
/// Words in the fragments of notes, as word processors, Markdown, wikis and journals write them.
const NOTE_NAMES: [&str; 24] = [
    "bib",
    "bibr",
    "cite",
    "citeref",
    "cr",
    "edn",
    "ednref",
    "endnote",
    "endnotes",
    "endnoteref",
    "fn",
    "fnref",
    "foot",
    "footnote",
    "footnotes",
    "footnoteref",
    "ftn",
    "ftnref",
    "note",
    "noteref",
    "notes",
    "ref",
    "refs",
    "sdfootnote",
];

impl RenderContext<'_, '_> {
    /// Writes a link to a note that directly follows other text, in brackets; returns false for all other links.
    pub(super) fn note_link(&self, id: usize, writer: &mut Writer, render_inside: &dyn Fn(usize) -> String) -> bool {
        let tree = &self.page.tree;
        let touches = writer.last_character().is_some_and(|before| !sets_apart(before));
        // A superscript is written in brackets by itself.
        let is_plain = |at: usize| !matches!(tree.node(at).tag, Tag::Sup | Tag::Sub | Tag::Img | Tag::Math | Tag::Br);
        if !touches || tree.end(id) - id > MAX_NODES || !(id + 1..tree.end(id)).all(is_plain) {
            return false;
        }
        let Some((address, fragment)) =
            tree.raw_attribute(id, AttributeName::Href).and_then(|href| href.split_once('#'))
        else {
            return false;
        };
        let is_written_as_link = self.settings.links && self.markdown() && !address.is_empty();
        let is_note =
            tree.raw_attribute(id, AttributeName::Role) == Some("doc-noteref") || has_word(fragment, &NOTE_NAMES);
        if is_written_as_link || !is_note {
            return false;
        }
        let texts = || (id + 1..tree.end(id)).map(|at| decode_entities(tree.raw_text(at), false));
        let is_apart = texts().find(|text| !text.is_empty()).is_some_and(|text| text.starts_with(char::is_whitespace));
        let text = tree.collapsed_text(id, READ_BYTES);
        if is_apart || !(is_note_number(&text) || is_note_letter(&text)) {
            return false;
        }
        let label = render_inside(id);
        writer.verbatim(&if label.is_empty() { label } else { format!("[{label}]") });
        if texts().next_back().is_some_and(|text| text.ends_with(char::is_whitespace)) {
            writer.text(" ");
        }
        true
    }
}

/// Whether what follows this character does not belong to it, as its power, its index or its note.
pub(super) fn sets_apart(before: char) -> bool {
    "([{<«‹„“‘/⁄-‐‑–—".contains(before)
}

/// Whether a text is the number of a note; a longer number is a year.
///
/// ```
/// use corpusmill_extract::is_note_number;
///
/// assert!(is_note_number("12") && !is_note_number("1990") && !is_note_number("1a") && !is_note_number(""));
/// ```
#[must_use]
pub fn is_note_number(text: &str) -> bool {
    is_number(text) && text.chars().nth(MAX_NOTE_DIGITS).is_none()
}

/// Whether a text is the letter of a note.
#[must_use]
pub fn is_note_letter(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && text.chars().nth(1).is_none()
}

/// Whether a text is only digits.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(char::is_numeric)
}

/// The number or letter of a note in brackets, which it may have already.
///
/// ```
/// assert_eq!(corpusmill_extract::in_brackets("1"), "[1]");
/// assert_eq!(corpusmill_extract::in_brackets("(1)"), "(1)");
/// ```
#[must_use]
pub fn in_brackets(text: &str) -> String {
    if text.starts_with(['[', '(']) { text.to_owned() } else { format!("[{text}]") }
}

/// Whether a superscript is only a link to a note: a link to a fragment is around it and contains nothing else, or
/// contains all its letters and digits.
pub(super) fn is_note_link(tree: &Tree<'_>, id: usize) -> bool {
    let is_link = |at: usize| {
        tree.node(at).tag == Tag::A
            && tree.raw_attribute(at, AttributeName::Href).is_some_and(|href| href.contains('#'))
    };
    if tree.node(id).tag != Tag::Sup {
        return false;
    }
    let around = tree.ancestors(id).take(2).find(|above| is_link(*above));
    if around.is_some_and(|link| {
        tree.end(link) - link <= MAX_NODES
            && tree.collapsed_text(link, READ_BYTES) == tree.collapsed_text(id, READ_BYTES)
    }) {
        return true;
    }
    let mut link_end = id;
    for at in id + 1..tree.end(id) {
        if is_link(at) {
            link_end = link_end.max(tree.end(at));
        } else if at >= link_end && decode_entities(tree.raw_text(at), false).contains(char::is_alphanumeric) {
            return false;
        }
    }
    link_end > id
}
