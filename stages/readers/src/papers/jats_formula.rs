//! The formulas of a JATS article: TeX as it is written, or a translation of MathML.
//!
//! Elements of MathML are collected as markup without prefixes, with the characters of all entities, and translated by
//! HTML cleaning.
//!
//! Invariant: a formula is written once: from its TeX if it has any, and otherwise from its MathML.

use corpusmill_extract::mathml_to_tex;
use quick_xml::events::BytesStart;

/// The formula that is read.
#[derive(Default)]
pub(crate) struct Formula {
    /// The content of a `tex-math` that is open.
    source: String,
    /// The elements of a `math` that is open.
    markup: String,
    /// The content of all `tex-math`.
    tex: String,
    /// The translation of all `math`.
    translated: String,
}

impl Formula {
    /// Begins a formula.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds text inside a `tex-math`.
    pub(crate) fn tex_text(&mut self, text: &str) {
        self.source.push_str(text);
    }

    /// Ends a `tex-math`.
    pub(crate) fn end_tex(&mut self) {
        let source = std::mem::take(&mut self.source);
        append(&mut self.tex, tex_body(&source));
    }

    /// Adds the start of an element of MathML.
    pub(crate) fn open_element(&mut self, element: &BytesStart<'_>) {
        self.markup.extend(["<", element.local_name().as_ref(), element.attributes_raw(), ">"]);
    }

    /// Adds the end of an element of MathML.
    pub(crate) fn close_element(&mut self, name: &str) {
        self.markup.extend(["</", name, ">"]);
    }

    /// Adds text inside MathML.
    pub(crate) fn math_text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.markup.push_str("&amp;"),
                '<' => self.markup.push_str("&lt;"),
                other => self.markup.push(other),
            }
        }
    }

    /// Ends a `math`.
    pub(crate) fn end_math(&mut self) {
        let markup = std::mem::take(&mut self.markup);
        append(&mut self.translated, &mathml_to_tex(&markup));
    }

    /// Ends the formula, and returns it without delimiters; empty if there is none.
    pub(crate) fn take(&mut self) -> String {
        let Self { tex, translated, .. } = std::mem::take(self);
        if tex.is_empty() { translated } else { tex }
    }
}

/// Adds a part of a formula after the parts before it.
fn append(formula: &mut String, part: &str) {
    if !formula.is_empty() && !part.is_empty() {
        formula.push(' ');
    }
    formula.push_str(part);
}

/// Extracts the formula from a `tex-math`, which PubMed Central wraps in a complete LaTeX document.
fn tex_body(tex: &str) -> &str {
    let tex = tex.split_once("\\begin{document}").map_or(tex, |(_, body)| body);
    let tex = tex.split_once("\\end{document}").map_or(tex, |(body, _)| body).trim();
    for (open, close) in [("$$", "$$"), ("\\[", "\\]"), ("$", "$"), ("\\(", "\\)")] {
        if let Some(inner) = tex.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return inner.trim();
        }
    }
    tex
}
