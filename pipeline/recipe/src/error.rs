//! Errors in recipes, and how they are shown: the message, the line with a caret, and hints.
//!
//! Invariant: the caret is below the fault in terminal cells, whatever the width of the characters before it.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// An error in a recipe, with its position in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct RecipeError {
    /// The file's name as given.
    pub file: String,
    /// The position in the file, if it is known.
    pub span: Option<Box<SourceSpan>>,
    /// What is wrong.
    pub message: String,
    /// What to do; each is shown on a line of its own, after `hint: `.
    pub hints: Vec<String>,
    /// The key or name that is not allowed, if that is the error.
    pub unknown: Option<Box<UnknownName>>,
}

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpan {
    /// Line number, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// Number of characters to underline.
    pub width: usize,
    /// Text of the line.
    pub text: String,
}

/// A key or name that is not allowed where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// The key or name as given.
    pub name: String,
    /// The allowed keys or names.
    pub allowed: Vec<&'static str>,
}

impl RecipeError {
    /// An error about the file as a whole.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), span: None, message: message.into(), hints: Vec::new(), unknown: None }
    }

    /// Adds what to do about the error.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Sets or removes the position of the error.
    #[must_use]
    pub fn with_span(self, span: Option<SourceSpan>) -> Self {
        Self { span: span.map(Box::new), ..self }
    }

    fn render(&self) -> String {
        let mut out = self.message.clone();
        let place = self.span.as_ref().map_or_else(|| format!(" --> {}", self.file), |span| span.render(&self.file));
        let _ = write!(out, "\n{place}");
        for hint in &self.hints {
            let _ = write!(out, "\nhint: {hint}");
        }
        out
    }
}

impl SourceSpan {
    /// The underlined bytes of the line.
    fn bytes(&self) -> Range<usize> {
        let byte = |char| self.text.char_indices().nth(char).map_or(self.text.len(), |(byte, _)| byte);
        byte(self.column - 1)..byte(self.column - 1 + self.width)
    }

    /// The line with a caret, as rustc shows it.
    fn render(&self, file: &str) -> String {
        let annotation = AnnotationKind::Primary.span(self.bytes());
        let snippet = Snippet::source(&self.text).line_start(self.line).path(file).annotation(annotation);
        Renderer::plain().render(&[Group::with_level(Level::ERROR).element(snippet)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of terminal cells of a character: two for ideographs, as in Unicode's East Asian Width.
    fn cells(c: char) -> usize {
        if ('\u{4e00}'..='\u{9fff}').contains(&c) { 2 } else { 1 }
    }

    /// The number of terminal cells before `part` on the line that ends with it.
    fn cells_before(rendered: &str, part: &str) -> usize {
        let line = rendered.lines().find(|line| line.contains(part)).expect("a line with the part");
        line[..line.find(part).expect("found above")].chars().map(cells).sum()
    }

    fn rendered(text: &str, key: &str) -> String {
        let column = text[..text.find(key).expect("the key is in the text")].chars().count() + 1;
        let span = SourceSpan { line: 7, column, width: key.chars().count(), text: text.to_owned() };
        RecipeError::whole("r.yaml", "unknown key").with_span(Some(span)).to_string()
    }

    #[test]
    fn carets_are_below_the_key_behind_wide_characters_and_tabs() {
        for text in [
            "  - files: { paths: [docs], licenze: MIT }",
            "  - files: { paths: [\"茶叶茶叶\"], licenze: MIT }",
            "  - files: { paths:\t[docs],\tlicenze: MIT }",
            "  - files: { paths:\t[\"茶叶\"], licenze: MIT }",
            "licenze",
        ] {
            let shown = rendered(text, "licenze");
            assert!(!shown.contains('\t'), "a terminal expands a tab to a width that the text does not know: {shown}");
            assert_eq!(cells_before(&shown, "licenze"), cells_before(&shown, "^^^^^^^"), "{shown}");
            assert_eq!(shown.matches('^').count(), 7, "{shown}");
        }
    }

    #[test]
    fn the_caret_of_a_wide_key_is_as_wide_as_the_key() {
        let shown = rendered("a: { 茶叶: 1 }", "茶叶");
        assert_eq!(shown.matches('^').count(), 4, "{shown}");
        assert_eq!(cells_before(&shown, "茶叶"), cells_before(&shown, "^^^^"), "{shown}");
    }

    #[test]
    fn an_error_is_a_message_a_place_and_hints() {
        let error =
            RecipeError::whole("r.yaml", "the recipe is empty").with_hint("add a name").with_hint("or remove it");
        assert_eq!(error.to_string(), "the recipe is empty\n --> r.yaml\nhint: add a name\nhint: or remove it");
        let span = SourceSpan { line: 12, column: 6, width: 1, text: "name:".to_owned() };
        assert_eq!(
            RecipeError::whole("r.yaml", "nothing was given").with_span(Some(span)).to_string(),
            "nothing was given\n  --> r.yaml:12:6\n   |\n12 | name:\n   |      ^"
        );
    }
}
