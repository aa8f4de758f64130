//! Writes superscripts and subscripts, so that they do not fuse with the text before them: `10^6`, `x_i`, `x^{n+1}`.
//!
//! Called by `render`.
//!
//! Some are written without a mark: signs (`®`, `+`), the known endings of ordinals and abbreviations (`2nd`, `XXe`,
//! `No`), the parts of a fraction (`1 1/2`), and what follows a space, a bracket or a dash, as in `(14C)`. A
//! superscript that is only a link to a note is written in brackets: `[1]`.
//!
//! Invariant: time is constant, since only elements of few nodes are read.

use std::borrow::Cow;

use crate::note_link::{MAX_NODES, READ_BYTES, in_brackets, is_note_link, is_number, sets_apart};
use crate::render_context::RenderContext;
use crate::tree::Tree;
use crate::writer::Writer;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Maximum length of a superscript in characters.
const MAX_CHARACTERS: usize = 24;

/// Whether a text is raised or lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A superscript.
    Super,
    /// A subscript.
    Sub,
}

/// Whether a raised or lowered text is short enough to be joined to the text before it; longer ones are text in small
/// print.
///
/// ```
/// use corpusmill_extract::is_script;
///
/// assert!(is_script("n+1"));
/// assert!(!is_script("") && !is_script("a remark that was printed in small letters"));
/// ```
#[must_use]
pub fn is_script(text: &str) -> bool {
    (1..=MAX_CHARACTERS).contains(&text.chars().take(MAX_CHARACTERS + 1).count())
}

/// Whether three texts are a fraction of two numbers, with its stroke between them.
///
/// ```
/// use corpusmill_extract::is_fraction;
///
/// assert!(is_fraction("1", " / ", "2") && is_fraction("3", "⁄", "2"));
/// assert!(!is_fraction("1", "+", "2") && !is_fraction("a", "/", "2") && !is_fraction("", "/", "2"));
/// ```
#[must_use]
pub fn is_fraction(numerator: &str, stroke: &str, denominator: &str) -> bool {
    matches!(stroke.trim(), "/" | "⁄") && is_number(numerator) && is_number(denominator)
}

/// Whether three texts are a fraction of two numbers that is less than one.
///
/// ```
/// use corpusmill_extract::is_proper_fraction;
///
/// assert!(is_proper_fraction("9", "/", "16") && !is_proper_fraction("3", "/", "2"));
/// ```
#[must_use]
pub fn is_proper_fraction(numerator: &str, stroke: &str, denominator: &str) -> bool {
    is_fraction(numerator, stroke, denominator) && (numerator.len(), numerator) < (denominator.len(), denominator)
}

/// A superscript or subscript as it is written between its neighbours: the character directly before it, `None` after a
/// space, and the character directly after it, `None` if that is not known. Text that is not plain, such as a variable
/// in italics, never ends an ordinal.
///
/// ```
/// use corpusmill_extract::{Script, script_text};
///
/// assert_eq!(script_text(Script::Super, Some('0'), "6", None, true), "^6");
/// assert_eq!(script_text(Script::Super, Some('0'), "6", Some('5'), true), "^{6}");
/// assert_eq!(script_text(Script::Sub, Some('x'), "i, j", Some(' '), true), "_{i, j}");
/// assert_eq!(script_text(Script::Super, Some('2'), "nd", Some(' '), true), "nd");
/// assert_eq!(script_text(Script::Super, Some('2'), "kn", Some(' '), true), "^kn");
/// ```
#[must_use]
pub fn script_text(kind: Script, before: Option<char>, text: &str, next: Option<char>, is_plain: bool) -> String {
    let is_ordinal = |before: char| kind == Script::Super && is_plain && is_ordinal(before, text, next);
    let is_bracketed = text.starts_with('[') && text.ends_with(']');
    let is_joined = is_bracketed || !text.contains(char::is_alphanumeric);
    if is_joined || before.is_none_or(|before| sets_apart(before) || is_ordinal(before)) {
        return text.to_owned();
    }
    let mark = if kind == Script::Super { '^' } else { '_' };
    if is_one_token(text) && !continues(text, next) { format!("{mark}{text}") } else { format!("{mark}{{{text}}}") }
}

impl RenderContext<'_, '_> {
    /// Writes a superscript or subscript, whose inside `render_inside` renders; returns false for a longer text.
    pub(super) fn superscript(&self, id: usize, writer: &mut Writer, render_inside: &dyn Fn(usize) -> String) -> bool {
        let tree = &self.page.tree;
        if tree.end(id) - id > MAX_NODES {
            return false;
        }
        if !is_script(&tree.collapsed_text(id, READ_BYTES)) {
            return false;
        }
        // From here on, the inside must not be rendered again: the work would double with each level of nesting.
        let inside = render_inside(id).replace('\n', " ");
        let text = inside.trim();
        let before = writer.last_character();
        let kind = if tree.node(id).tag == Tag::Sup { Script::Super } else { Script::Sub };
        if is_note_link(tree, id) && text.contains(char::is_alphanumeric) {
            writer.verbatim(&in_brackets(text));
        } else if is_numerator(tree, id, before) {
            if before.is_some_and(char::is_numeric) {
                writer.text(" ");
            }
            writer.verbatim(text);
        } else {
            let is_plain = tree.end(id) == id + 2;
            writer.verbatim(&script_text(kind, before, text, next_character(tree, id), is_plain));
        }
        if decode_entities(tree.raw_text(tree.end(id) - 1), false).ends_with(char::is_whitespace) {
            writer.text(" ");
        }
        true
    }
}

/// Whether raised letters end an ordinal or an abbreviation, as English, French, Spanish, Italian, Portuguese and Dutch
/// print them: after a digit (`2nd`, `1er`), a Roman numeral (`XXe`) or a letter (`No`, `Mme`, `nth`).
fn is_ordinal(before: char, text: &str, next: Option<char>) -> bool {
    match before {
        _ if before.is_numeric() => ends_number(before, text) && !continues_number(text, next),
        'N' | 'n' if matches!(text, "o" | "os") => true,
        'M' if matches!(text, "me" | "mes" | "lle" | "lles") => true,
        'C' | 'D' | 'I' | 'L' | 'M' | 'V' | 'X' => matches!(text, "e" | "er" | "ère" | "re" | "ème" | "ième"),
        _ => before.is_alphabetic() && text == "th",
    }
}

/// Whether letters are the ending of an ordinal number whose last digit is `digit`. Only known endings are: any others
/// are an exponent, and without its mark `2^kn` would be another number.
fn ends_number(digit: char, text: &str) -> bool {
    let is_shouted = text.chars().nth(1).is_some() && text.chars().all(char::is_uppercase);
    let ending = if is_shouted { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) };
    match &*ending {
        "th" | "e" | "ème" | "eme" | "ième" | "o" | "º" | "ª" | "de" | "ste" => true,
        "st" | "ère" | "ères" | "re" | "ers" => digit == '1',
        "er" | "ro" | "ra" => matches!(digit, '1' | '3'),
        "nd" | "nde" | "do" | "da" => digit == '2',
        "rd" => digit == '3',
        "to" | "ta" => matches!(digit, '4'..='6'),
        "mo" | "ma" => matches!(digit, '7' | '0'),
        "vo" | "va" => digit == '8',
        "no" | "na" => digit == '9',
        _ => false,
    }
}

/// Whether the character after an ending shows that it ends no ordinal: `2^{e}x` is a formula.
fn continues_number(ending: &str, next: Option<char>) -> bool {
    let is_letter = ending.chars().nth(1).is_none();
    next.is_some_and(|next| next.is_numeric() || is_letter && next.is_alphabetic())
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

/// Whether an element is the numerator of a fraction: digits, before a stroke and a subscript of digits. After a
/// number, a fraction is less than one (`1 1/2`); after a letter or a bracket, the digits are a power (`m^2/3`).
fn is_numerator(tree: &Tree<'_>, id: usize, before: Option<char>) -> bool {
    let (stroke, denominator) = (tree.end(id), tree.end(id) + 1);
    let is_short = |at: usize| tree.end(at) - at <= MAX_NODES;
    if denominator >= tree.nodes.len()
        || (tree.node(id).tag, tree.node(denominator).tag) != (Tag::Sup, Tag::Sub)
        || !(is_short(id) && is_short(denominator))
    {
        return false;
    }
    let [above, below] = [id, denominator].map(|at| tree.collapsed_text(at, READ_BYTES));
    let stroke = decode_entities(tree.raw_text(stroke), false);
    match before {
        Some(before) if before.is_numeric() => is_proper_fraction(&above, &stroke, &below),
        _ => before.is_none_or(sets_apart) && is_fraction(&above, &stroke, &below),
    }
}
