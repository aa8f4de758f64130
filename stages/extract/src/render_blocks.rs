//! Renders elements that are written as one block or span: code, formulas, images, data tables.
//!
//! Invariant: code keeps every character, inside fences longer than any run of backticks in it; a row of a table is one
//! line.

use crate::code::{code_text, fenced, is_number_column, language, longest_run};
use crate::math::tex;
use crate::render_context::RenderContext;
use crate::table::{Table, read_table};
use crate::writer::Writer;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Maximum number of nodes of inline code whose superscripts are marked.
const MAX_CODE_NODES: usize = 64;

impl RenderContext<'_, '_> {
    /// Writes a code block; in a cell, which has code of one line only, as inline code.
    pub(super) fn code_block(&self, id: usize, writer: &mut Writer) {
        let code = code_text(self.page, id);
        if writer.is_inline() {
            let code = code.trim();
            writer.break_lines(1);
            writer.verbatim(&if self.markdown() { code_span(code) } else { code.to_owned() });
            writer.break_lines(1);
            return;
        }
        let in_cell = self
            .page
            .tree
            .ancestors(id)
            .take(3)
            .any(|above| matches!(self.page.tree.node(above).tag, Tag::Td | Tag::Th));
        if code.trim().is_empty() || (in_cell && is_number_column(&code)) {
            writer.break_lines(1);
        } else if self.markdown() {
            writer.block(&fenced(&code, language(&self.page.tree, id).as_deref()));
        } else {
            writer.block(&code);
        }
    }

    /// Writes inline code, of which `render_inside` renders the inside if it has superscripts; returns false for code
    /// that contains blocks.
    pub(super) fn inline_code(&self, id: usize, writer: &mut Writer, render_inside: &dyn Fn(usize) -> String) -> bool {
        let inside = id + 1..self.page.tree.end(id);
        let blocks = inside.clone().any(|at| {
            self.page.tree.node(at).tag.is_block() || matches!(self.page.tree.node(at).tag, Tag::Math | Tag::Img)
        });
        if blocks || !self.markdown() {
            return false;
        }
        let is_short = inside.len() <= MAX_CODE_NODES;
        let is_raised = |at: usize| matches!(self.page.tree.node(at).tag, Tag::Sup | Tag::Sub);
        let is_raised = is_short && inside.clone().any(is_raised);
        let shown = inside.filter(|at| !self.page.hidden.contains(&self.page.tree, *at));
        let mut text = String::new();
        let mut has_lines = false;
        for at in shown {
            if self.page.tree.node(at).tag == Tag::Br {
                has_lines |= !text.trim().is_empty();
                text.push('\n');
            }
            text.push_str(&decode_entities(self.page.tree.raw_text(at), false));
        }
        if has_lines && self.is_alone(id) {
            let code = code_text(self.page, id);
            if code.contains('\n') {
                writer.block(&fenced(&code, language(&self.page.tree, id).as_deref()));
                return true;
            }
        }
        let squashed =
            if is_raised { render_inside(id) } else { text.split_whitespace().collect::<Vec<_>>().join(" ") };
        if squashed.is_empty() {
            return true;
        }
        if text.starts_with(char::is_whitespace) {
            writer.text(" ");
        }
        let nested = self
            .page
            .tree
            .ancestors(id)
            .take(2)
            .any(|above| matches!(self.page.tree.node(above).tag, Tag::Code | Tag::Kbd | Tag::Samp | Tag::Tt));
        if nested {
            writer.text(&squashed);
        } else {
            writer.verbatim(&code_span(&squashed));
        }
        if text.ends_with(char::is_whitespace) {
            writer.text(" ");
        }
        true
    }

    /// Whether an element is all that is in the block around it.
    fn is_alone(&self, id: usize) -> bool {
        let tree = &self.page.tree;
        let is_other = |at: usize| {
            at != id && (tree.node(at).tag != Tag::Text || !decode_entities(tree.raw_text(at), false).trim().is_empty())
        };
        let around = tree.ancestors(id).next();
        around.is_some_and(|block| tree.node(block).tag.is_block() && !tree.children(block).any(is_other))
    }

    /// Writes a formula of MathML, or of a script that contains TeX.
    pub(super) fn formula(&self, id: usize, writer: &mut Writer) {
        let Some(formula) = tex(&self.page.tree, id) else { return };
        let is_display = formula.starts_with("$$");
        if is_display {
            writer.break_lines(2);
        }
        writer.verbatim(&formula);
        if is_display {
            writer.break_lines(2);
        }
    }

    /// Writes an image, if the settings ask for images.
    pub(super) fn image(&self, id: usize, writer: &mut Writer) {
        let Some(source) = self.page.tree.attribute(id, AttributeName::Src).filter(|_| self.settings.images) else {
            return;
        };
        let alt = self.page.tree.attribute(id, AttributeName::Alt).unwrap_or_default();
        let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.markdown() && !source.starts_with("data:") {
            writer.verbatim(&format!("![{alt}]({})", self.resolve(&source)));
        } else {
            writer.text(&alt);
        }
    }

    /// Writes a data table, whose cells `render_line` renders; returns false for a table that only lays out the page.
    pub(super) fn table(&self, id: usize, writer: &mut Writer, render_line: &dyn Fn(usize) -> String) -> bool {
        let table = read_table(self.page, self.pruned, id, render_line);
        let Some(Table { before, rows, columns }) = table else { return false };
        for line in &before {
            writer.break_lines(2);
            writer.verbatim(line);
        }
        writer.break_lines(2);
        for (at, row) in rows.iter().enumerate() {
            if self.markdown() {
                writer.verbatim(&markdown_row(row, columns));
                if at == 0 {
                    writer.break_lines(1);
                    writer.verbatim(&format!("|{}", " --- |".repeat(columns)));
                }
            } else {
                writer.verbatim(&tab_separated_row(row));
            }
            writer.break_lines(1);
        }
        writer.break_lines(2);
        true
    }
}

/// Code between backticks, more of them than any run of backticks in it has; nothing for no code.
fn code_span(code: &str) -> String {
    if code.is_empty() {
        String::new()
    } else if code.contains('`') {
        let fence = "`".repeat(longest_run(code) + 1);
        format!("{fence} {code} {fence}")
    } else {
        format!("`{code}`")
    }
}

/// A row as a line of Markdown; `cells` have their columns, in order.
fn markdown_row(cells: &[(usize, String)], columns: usize) -> String {
    let mut line = String::from("|");
    let mut rest = cells.iter().peekable();
    for column in 0..columns {
        line.push(' ');
        if let Some((_, cell)) = rest.next_if(|(at, _)| *at == column) {
            line.push_str(&cell.replace('|', "\\|"));
        }
        line.push_str(" |");
    }
    line
}

/// A row with tabs between its columns and none at its end; `cells` have their columns, in order.
fn tab_separated_row(cells: &[(usize, String)]) -> String {
    let (mut line, mut column) = (String::new(), 0);
    for (at, cell) in cells {
        line.extend(std::iter::repeat_n('\t', at - column));
        line.push_str(&cell.replace('\t', " "));
        column = *at;
    }
    line
}
