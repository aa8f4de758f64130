//! Writes the tokens of MathML as TeX: identifiers, numbers, operators, words.
//!
//! Called by `mathml`, which writes what joins them.
//!
//! Invariant: a letter never continues the control word before it, and characters with a meaning in TeX are escaped.

use crate::tex_names::{function, variant};
use crate::tex_symbols::symbol;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// The operator between the factors of `2x`.
const INVISIBLE_TIMES: char = '\u{2062}';

/// Builds a formula in TeX.
#[derive(Debug, Default)]
pub(crate) struct TexWriter {
    out: String,
    /// Whether the output ends in a control word, which a letter after it would continue.
    is_in_command: bool,
    /// Whether the output ends in a digit and an invisible multiplication sign, which another digit would join.
    is_multiplied: bool,
}

/// Whether an element is a token, which contains characters and no structure.
pub(crate) fn is_token(tag: Tag) -> bool {
    matches!(tag, Tag::Mi | Tag::Mn | Tag::Mo | Tag::Ms | Tag::Mspace | Tag::Mtext | Tag::Text)
}

/// Whether a text is the name of a function in several words, such as `arg max` and `ess sup.`.
fn is_phrase(text: &str) -> bool {
    text.contains(' ')
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.'))
}

/// Whether a token writes nothing: it is empty, or has only characters that are not seen, such as an invisible
/// multiplication sign.
pub(crate) fn writes_nothing(tree: &Tree<'_>, id: usize) -> bool {
    tree.node(id).tag != Tag::Mspace && token_text(tree, id).chars().all(|character| symbol(character) == Some(""))
}

/// The text of a token, with white space collapsed.
pub(crate) fn token_text(tree: &Tree<'_>, id: usize) -> String {
    let mut text = String::new();
    for at in id..tree.end(id) {
        text.push_str(&decode_entities(tree.raw_text(at), false));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl TexWriter {
    /// Returns the formula.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// Appends TeX.
    pub(crate) fn push(&mut self, tex: &str) {
        let Some(first) = tex.chars().next() else { return };
        if std::mem::take(&mut self.is_multiplied) && first.is_ascii_digit() {
            self.out.push_str("\\cdot");
        }
        if self.is_in_command && first.is_ascii_alphabetic() {
            self.out.push(' ');
        }
        self.out.push_str(tex);
        let word = tex.rsplit('\\').next().unwrap_or_default();
        self.is_in_command =
            word.len() < tex.len() && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    }

    /// Writes a token.
    pub(crate) fn token(&mut self, tree: &Tree<'_>, id: usize) {
        let text = token_text(tree, id);
        match tree.node(id).tag {
            Tag::Mi | Tag::Mn => self.identifier(tree, id, &text),
            Tag::Mspace => self.push("\\,"),
            Tag::Mtext | Tag::Ms => self.words(tree, id, &text),
            // Text that is not in a token, as in damaged markup.
            Tag::Text if text.contains(' ') => self.quote(&format!(" {text} ")),
            _ => self.operator(&text),
        }
    }

    /// Writes an operator: a symbol, several, or a word.
    pub(crate) fn operator(&mut self, text: &str) {
        let is_word = text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_name = function(text).is_some() || is_phrase(text);
        match text {
            "->" => self.push("\\to"),
            "..." => self.push("\\ldots"),
            _ if is_name => self.name(text),
            _ if is_word => self.wrapped("\\operatorname", text),
            _ => self.characters(text),
        }
    }

    /// Writes a variable, the name of a function, or a number.
    fn identifier(&mut self, tree: &Tree<'_>, id: usize, text: &str) {
        let is_number = tree.node(id).tag == Tag::Mn;
        let is_latin = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_upright = is_number || !is_latin || function(text).is_some();
        let style = tree.raw_attribute(id, AttributeName::Mathvariant).and_then(variant);
        match style.filter(|command| !(is_upright && *command == "\\mathrm")) {
            Some(command) => self.wrapped(command, text),
            None if is_number || text.chars().nth(1).is_none() => self.characters(text),
            None => self.name(text),
        }
    }

    /// Writes a name of several letters.
    fn name(&mut self, text: &str) {
        if let Some(function) = function(text) {
            return self.push(&format!("\\{function}"));
        }
        if is_phrase(text) {
            self.push("\\operatorname{");
            self.push(&text.replace(' ', "\\,"));
            return self.push("}");
        }
        let is_foreign =
            |character: char| !character.is_ascii() && character.is_alphabetic() && symbol(character).is_none();
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.wrapped("\\mathrm", text);
        } else if text.contains(is_foreign) {
            self.quote(text);
        } else {
            self.characters(text);
        }
    }

    /// Writes characters as the argument of a command.
    fn wrapped(&mut self, command: &str, text: &str) {
        self.push(command);
        self.push("{");
        self.characters(text);
        self.push("}");
    }

    /// Writes the characters of a formula, each by its command.
    fn characters(&mut self, text: &str) {
        for character in text.chars().filter(|character| !character.is_whitespace()) {
            self.is_multiplied |=
                character == INVISIBLE_TIMES && self.out.ends_with(|last: char| last.is_ascii_digit());
            match symbol(character) {
                Some(tex) => self.push(tex),
                None => self.push(character.encode_utf8(&mut [0; 4])),
            }
        }
    }

    /// Writes the words of a formula, with the spaces around them.
    fn words(&mut self, tree: &Tree<'_>, id: usize, text: &str) {
        if text.is_empty() {
            if tree.end(id) > id + 1 {
                self.push("\\;");
            }
            return;
        }
        let raw = decode_entities(tree.raw_text(id + 1), false);
        let space = |is_there: bool| if is_there { " " } else { "" };
        let before = space(raw.starts_with(char::is_whitespace));
        let after = space(raw.ends_with(char::is_whitespace));
        self.quote(&format!("{before}{text}{after}"));
    }

    /// Writes words that are not part of the formula's notation.
    fn quote(&mut self, text: &str) {
        self.push("\\text{");
        for character in text.chars() {
            match character {
                '\\' => self.push("\\textbackslash{}"),
                '^' => self.push("\\textasciicircum{}"),
                '~' => self.push("\\textasciitilde{}"),
                '{' | '}' | '$' | '%' | '#' | '&' | '_' => self.push(&format!("\\{character}")),
                _ => self.push(character.encode_utf8(&mut [0; 4])),
            }
        }
        self.push("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_after_a_control_word_needs_a_space() {
        let mut writer = TexWriter::default();
        for tex in ["\\alpha", "x", "\\beta", "2", "\\gamma", "\\{", "a", "", "\\pi", "", "r"] {
            writer.push(tex);
        }
        assert_eq!(writer.finish(), "\\alpha x\\beta2\\gamma\\{a\\pi r");
    }

    #[test]
    fn operators_and_words_are_escaped() {
        let mut writer = TexWriter::default();
        for operator in ["%", "lim", "mod", "->", "{", ":="] {
            writer.operator(operator);
        }
        writer.quote("50 % of $x_1");
        assert_eq!(writer.finish(), "\\%\\lim\\operatorname{mod}\\to\\{:=\\text{50 \\% of \\$x\\_1}");
    }
}
