//! Writes the formulas of a JATS article, and the text that is between their parts.
//!
//! Called by `jats_writer`.
//!
//! Invariant: the parts of a formula and the text in it are in the order of the article.

use super::jats_elements::Role;
use super::jats_writer::Writer;

impl Writer {
    /// Separates a formula on a line of its own, which may be written as text, from the text around it.
    fn separate_display(&mut self, display: bool) {
        if display && !self.line.is_empty() {
            self.line.push(' ');
        }
    }

    /// Begins a formula, or a formula inside another.
    pub(super) fn begin_formula(&mut self, display: bool) {
        if self.inside.formula > 0 {
            self.write_formula_parts();
        } else {
            self.formula.clear();
            self.is_mixed = false;
        }
        self.separate_display(display);
    }

    /// Keeps the space between the parts of a formula, if there is text before or after it.
    pub(super) fn space_in_formula(&mut self) {
        if self.formula.is_empty() {
            if self.is_mixed && self.inside.formula > 0 {
                self.line.push(' ');
            }
        } else {
            self.formula.add_space();
        }
    }

    /// Writes the TeX of a formula so far, as text or other elements follow.
    pub(super) fn write_formula_parts(&mut self) {
        self.is_mixed = true;
        let parts = self.formula.take();
        if !parts.tex.is_empty() {
            self.line.extend(["$", &parts.tex, "$", &parts.after]);
        }
    }

    /// Ends the alternatives of a formula.
    pub(super) fn end_alternatives(&mut self) {
        self.formula.end_group(true);
        if self.inside.formula == 0 {
            self.end_formula(false);
        }
    }

    /// Ends a `tex-math` or `math`, which is a formula of its own if no element of JATS says so.
    pub(super) fn end_formula_part(&mut self, role: Role) {
        if role == Role::Tex {
            self.formula.end_tex();
        } else {
            self.formula.end_math();
        }
        if self.inside.formula == 0 && self.stack.last() != Some(&Role::Alternatives) {
            self.end_formula(false);
        }
    }

    /// Ends a formula: a display formula without text in it is a block.
    pub(super) fn end_formula(&mut self, display: bool) {
        self.formula.end_space();
        if !display || self.is_mixed || self.inside.formula > 0 || self.formula.is_empty() {
            self.write_formula_parts();
            return self.separate_display(display);
        }
        let parts = self.formula.take();
        self.flush();
        self.block(&format!("$$\n{}{}\n$$", parts.tex, parts.after));
    }
}
