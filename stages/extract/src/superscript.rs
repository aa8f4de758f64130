//! Writes superscripts and subscripts, so that they do not fuse with the text before them: `10^6`, `x_i`, `x^{n+1}`.
//!
//! Called by `render`.
//!
//! Some are written without a mark: signs (`®`, `+`), ordinals and abbreviations (`2nd`, `XXe`, `No`), the parts of a
//! fraction (`1 1/2`), and what follows a space, a bracket or a dash, as in `(14C)`. A superscript that is only a link
//! to a note is written in brackets: `[1]`.
//!
//! Invariant: time is constant, since only elements of few nodes are read.

use crate::render_context::RenderContext;
use crate::tree::Tree;
use crate::writer::Writer;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Maximum number of nodes of a superscript; larger elements are text in small print.
const MAX_NODES: usize = 16;
/// Maximum length of a superscript in characters.
const MAX_CHARACTERS: usize = 24;
/// Bytes of text that are read to see the length.
const READ_BYTES: usize = 256;

/// Whether a text is raised or lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A superscript.
    Super,
    /// A subscript.
    Sub,
}

/// A superscript or subscript as it is written after the text `before`, of which only the last character is read.
///
/// ```
/// use corpusmill_extract::{Script, script_text};
///
/// assert_eq!(script_text(Script::Super, "10", "6"), "^6");
/// assert_eq!(script_text(Script::Sub, "x", "i, j"), "_{i, j}");
/// assert_eq!(script_text(Script::Super, "the 2", "nd"), "nd");
/// ```
#[must_use]
pub fn script_text(kind: Script, before: &str, text: &str) -> String {
    let is_set_apart = before.chars().next_back().is_none_or(|before| !is_marked(kind, before, text, true));
    if is_set_apart { text.to_owned() } else { marked(kind, text, is_one_token(text)) }
}

impl RenderContext<'_, '_> {
    /// Writes a superscript or subscript, whose inside `render_inside` renders; returns false for a longer text.
    pub(super) fn superscript(&self, id: usize, writer: &mut Writer, render_inside: &dyn Fn(usize) -> String) -> bool {
        let tree = &self.page.tree;
        if tree.end(id) - id > MAX_NODES {
            return false;
        }
        let length = tree.collapsed_text(id, READ_BYTES).chars().count();
        if !(1..=MAX_CHARACTERS).contains(&length) {
            return false;
        }
        // From here on, the inside must not be rendered again: the work would double with each level of nesting.
        let inside = render_inside(id).replace('\n', " ");
        let text = inside.trim();
        let before = writer.last_character();
        let kind = if tree.node(id).tag == Tag::Sup { Script::Super } else { Script::Sub };
        if is_note_link(tree, id) && text.contains(char::is_alphanumeric) {
            let is_bracketed = text.starts_with(['[', '(']);
            writer.verbatim(&if is_bracketed { text.to_owned() } else { format!("[{text}]") });
        } else if begins_fraction(tree, id) {
            if before.is_some_and(char::is_alphanumeric) {
                writer.text(" ");
            }
            writer.verbatim(text);
        } else if before.is_some_and(|before| is_marked(kind, before, text, tree.end(id) == id + 2)) {
            let is_bare = is_one_token(text) && !continues(text, next_character(tree, id));
            writer.verbatim(&marked(kind, text, is_bare));
        } else {
            writer.verbatim(text);
        }
        if decode_entities(tree.raw_text(tree.end(id) - 1), false).ends_with(char::is_whitespace) {
            writer.text(" ");
        }
        true
    }
}

/// Text after its mark, in braces unless it is `bare`.
fn marked(kind: Script, text: &str, is_bare: bool) -> String {
    let mark = if kind == Script::Super { '^' } else { '_' };
    if is_bare { format!("{mark}{text}") } else { format!("{mark}{{{text}}}") }
}

/// Whether a script needs a mark after the character `before`. Mathematics sets variables in italics, so that they are
/// not plain text.
fn is_marked(kind: Script, before: char, text: &str, is_plain: bool) -> bool {
    let is_sign = !text.contains(char::is_alphanumeric);
    let is_bracketed = text.starts_with('[') && text.ends_with(']');
    let is_ordinal = kind == Script::Super && is_plain && is_ordinal(before, text);
    let is_apart = "([{<«‹„“‘/⁄-‐‑–—".contains(before);
    !(is_sign || is_bracketed || is_ordinal || is_apart)
}

/// Whether raised letters end an ordinal or an abbreviation: several after a digit (`2nd`, `1er`), and those that French,
/// Spanish, Italian and English print so after a digit, a Roman numeral or a letter (`2e`, `XXe`, `1o`, `No`, `Mme`,
/// `nth`).
fn is_ordinal(before: char, text: &str) -> bool {
    match before {
        _ if before.is_numeric() => {
            matches!(text, "e" | "o" | "º") || text.chars().nth(1).is_some() && text.chars().all(char::is_alphabetic)
        }
        'N' | 'n' if matches!(text, "o" | "os") => true,
        'M' if matches!(text, "me" | "mes" | "lle" | "lles") => true,
        'C' | 'D' | 'I' | 'L' | 'M' | 'V' | 'X' => matches!(text, "e" | "er" | "ème"),
        _ => before.is_alphabetic() && text == "th",
    }
}

/// Whether a text is one number or word, which may have a plus or minus sign.
fn is_one_token(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-', '−', '–', '±']).unwrap_or(text);
    !unsigned.is_empty() && unsigned.chars().all(char::is_alphanumeric)
}

/// Whether the character after a token would be read as part of it.
fn continues(token: &str, next: Option<char>) -> bool {
    let Some((last, next)) = token.chars().next_back().zip(next) else { return false };
    (last.is_numeric() && next.is_numeric()) || (last.is_alphabetic() && next.is_alphabetic())
}

/// The first character of the text directly after an element; `None` if a line, a superscript or a subscript begins.
fn next_character(tree: &Tree<'_>, id: usize) -> Option<char> {
    let ends = |tag: Tag| tag.is_block() || matches!(tag, Tag::Text | Tag::Br | Tag::Sup | Tag::Sub);
    let next = (tree.end(id)..tree.nodes.len()).take(MAX_NODES).find(|at| ends(tree.node(*at).tag))?;
    decode_entities(tree.raw_text(next), false).chars().next()
}

/// Whether an element is the numerator of a fraction: digits, before a stroke and a subscript of digits.
fn begins_fraction(tree: &Tree<'_>, id: usize) -> bool {
    let is_number = |at: usize| {
        tree.end(at) - at <= MAX_NODES && {
            let text = tree.collapsed_text(at, READ_BYTES);
            !text.is_empty() && text.chars().all(char::is_numeric)
        }
    };
    let (stroke, denominator) = (tree.end(id), tree.end(id) + 1);
    denominator < tree.nodes.len()
        && tree.node(id).tag == Tag::Sup
        && tree.node(denominator).tag == Tag::Sub
        && matches!(decode_entities(tree.raw_text(stroke), false).trim(), "/" | "⁄")
        && is_number(id)
        && is_number(denominator)
}

/// Whether a superscript is only a link to a note: a link to a fragment is around it and contains nothing else, or
/// contains all its letters and digits.
fn is_note_link(tree: &Tree<'_>, id: usize) -> bool {
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
