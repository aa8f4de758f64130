//! Renders elements that are written as one block or span: code, formulas, images, data tables.
//!
//! Invariant: code keeps every character, inside fences longer than any run of backticks in it.

use crate::code::{code_text, fenced, is_number_column, language, longest_run};
use crate::math::tex;
use crate::render_context::RenderContext;
use crate::table::{Table, read_table};
use crate::writer::Writer;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

impl RenderContext<'_, '_> {
    /// Writes a code block.
    pub(super) fn code_block(&self, id: usize, writer: &mut Writer) {
        let code = code_text(self.page, id);
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

    /// Writes inline code; returns false for code that contains blocks.
    pub(super) fn inline_code(&self, id: usize, writer: &mut Writer) -> bool {
        let inside = id + 1..self.page.tree.end(id);
        let blocks = inside.clone().any(|at| {
            self.page.tree.node(at).tag.is_block() || matches!(self.page.tree.node(at).tag, Tag::Math | Tag::Img)
        });
        if blocks || !self.markdown() {
            return false;
        }
        let text: String = inside.map(|at| decode_entities(self.page.tree.raw_text(at), false)).collect();
        let squashed = text.split_whitespace().collect::<Vec<_>>().join(" ");
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
        } else if squashed.contains('`') {
            let fence = "`".repeat(longest_run(&squashed) + 1);
            writer.verbatim(&format!("{fence} {squashed} {fence}"));
        } else {
            writer.verbatim(&format!("`{squashed}`"));
        }
        if text.ends_with(char::is_whitespace) {
            writer.text(" ");
        }
        true
    }

    /// Writes a formula from its TeX source; returns false if it has none.
    pub(super) fn formula(&self, id: usize, writer: &mut Writer) -> bool {
        match tex(&self.page.tree, id) {
            Some(formula) if formula.starts_with("$$") => {
                writer.break_lines(2);
                writer.verbatim(&formula);
                writer.break_lines(2);
                true
            }
            Some(formula) => {
                writer.verbatim(&formula);
                true
            }
            None => self.page.tree.node(id).tag == Tag::Script,
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

    /// Writes a data table, whose cells `render_cell` renders; returns false for a table that only lays out the page.
    pub(super) fn table(&self, id: usize, writer: &mut Writer, render_cell: &dyn Fn(usize) -> String) -> bool {
        let table = read_table(&self.page.tree, self.pruned, id, render_cell);
        let Some(Table { rows, columns }) = table else { return false };
        writer.break_lines(2);
        for (at, row) in rows.iter().enumerate() {
            if self.markdown() {
                let mut line = String::from("|");
                for column in 0..columns {
                    line.push(' ');
                    line.push_str(&row.get(column).map_or(String::new(), |cell| cell.replace('|', "\\|")));
                    line.push_str(" |");
                }
                writer.verbatim(&line);
                if at == 0 {
                    writer.break_lines(1);
                    writer.verbatim(&format!("|{}", " --- |".repeat(columns)));
                }
            } else {
                writer.verbatim(row.join("\t").trim_end());
            }
            writer.break_lines(1);
        }
        writer.break_lines(2);
        true
    }
}
