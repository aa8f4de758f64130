//! The formulas of a JATS article: TeX as it is written, or a translation of MathML.
//!
//! Elements of MathML are collected as markup without prefixes, with the characters of all entities, and translated by
//! HTML cleaning.
//!
//! Invariant: every part of a formula is written once, in the order of the article: from its TeX if it has any, and
//! otherwise from its MathML.

use corpusmill_extract::mathml_to_tex;
use quick_xml::events::BytesStart;

/// The formula that is read.
#[derive(Default)]
pub(crate) struct Formula {
    /// The content of a `tex-math` that is open.
    source: String,
    /// The elements of a `math` that is open.
    markup: String,
    /// The content of each `tex-math` of the current group, which says the same as its `math`.
    tex: Vec<String>,
    /// The translation of each `math` of the current group.
    translated: Vec<String>,
    /// The groups before, and what follows them.
    parts: Parts,
}

/// A part of a formula without other text in it.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Its TeX without delimiters; empty if there is none.
    pub(crate) tex: String,
    /// The punctuation and space after it.
    pub(crate) after: String,
}

impl Formula {
    /// Begins a formula.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there is nothing that is not taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.tex.is_empty() && self.translated.is_empty() && self.parts.tex.is_empty()
    }

    /// Adds text inside a `tex-math`.
    pub(crate) fn tex_text(&mut self, text: &str) {
        self.source.push_str(text);
    }

    /// Ends a `tex-math`.
    pub(crate) fn end_tex(&mut self) {
        let source = std::mem::take(&mut self.source);
        let source = tex_body(&source);
        if !source.is_empty() {
            self.end_punctuation();
            self.tex.push(source.to_owned());
        }
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
        let tex = mathml_to_tex(&markup);
        if !tex.is_empty() {
            self.end_punctuation();
            self.translated.push(tex);
        }
    }

    /// Ends representations that say the same. Elements that are not declared to be `alternatives` are taken for such
    /// if there is as much TeX as MathML.
    pub(crate) fn end_group(&mut self, is_declared: bool) {
        let (tex, translated) = (std::mem::take(&mut self.tex), std::mem::take(&mut self.translated));
        let has_tex = !tex.is_empty() && (is_declared || tex.len() >= translated.len());
        for part in if has_tex { tex } else { translated } {
            append(&mut self.parts.tex, &part);
        }
    }

    /// Adds punctuation after the formula; returns false if the text is none, or there is no formula before it.
    pub(crate) fn punctuate(&mut self, text: &str) -> bool {
        let is_punctuation = !self.is_empty() && text.chars().all(|character| ",.;:".contains(character));
        if is_punctuation {
            self.parts.after.push_str(text);
        }
        is_punctuation
    }

    /// Adds a space after the formula.
    pub(crate) fn add_space(&mut self) {
        self.parts.after.push(' ');
    }

    /// Removes the space at the end of the formula.
    pub(crate) fn end_space(&mut self) {
        self.parts.after.truncate(self.parts.after.trim_end().len());
    }

    /// Moves punctuation into the formula, which goes on after it.
    fn end_punctuation(&mut self) {
        self.end_space();
        if !self.parts.after.is_empty() {
            self.end_group(false);
            let after = std::mem::take(&mut self.parts.after);
            self.parts.tex.push_str(&after);
        }
    }

    /// Takes the part of the formula that is read.
    pub(crate) fn take(&mut self) -> Parts {
        self.end_group(false);
        std::mem::take(&mut self.parts)
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
