//! The lists and tables of LaTeX source, as Markdown.
//!
//! Invariant: every item and every cell with text is written.

use corpusmill_extract::{Grid, Span};

use super::latex::{Writer, one_line, render};
use super::latex_paragraphs::paragraphs;
use super::latex_parts::{cells, columns, items, rows};
use super::latex_text::Cursor;

impl Writer {
    /// Writes the body of a list.
    pub(super) fn list(&mut self, body: &str, numbered: bool, depth: usize) {
        let items = items(body);
        if items.is_empty() {
            // The items have a command of the author's, which is not known.
            return self.paragraph(body, depth);
        }
        let mut lines = String::new();
        for (index, item) in items.into_iter().enumerate() {
            let mut cursor = Cursor::new(item);
            let label = cursor.optional().map(|label| format!("**{}** ", one_line(label, depth))).unwrap_or_default();
            let text = paragraphs(&render(cursor.rest(), depth + 1));
            let mark = if numbered { format!("{}. ", index + 1) } else { "- ".to_owned() };
            let indent = " ".repeat(mark.len());
            for (line_index, line) in text.lines().filter(|line| !line.is_empty()).enumerate() {
                let before = if line_index == 0 { format!("{mark}{label}") } else { indent.clone() };
                lines.extend([before.as_str(), line, "\n"]);
            }
        }
        if !lines.is_empty() {
            self.block(lines.trim_end());
        }
    }

    /// Writes the body of a table, which begins with this many arguments.
    pub(super) fn table(&mut self, body: &str, arguments: usize, depth: usize) {
        let mut cursor = Cursor::new(body);
        cursor.optional();
        for _ in 0..arguments {
            cursor.braced();
            cursor.optional();
        }
        let mut grid = Grid::default();
        for row in rows(cursor.rest()) {
            grid.begin_row(0);
            for cell in cells(row) {
                // Below a cell of several rows, LaTeX has empty cells.
                grid.push(one_line(cell, depth), Span::new(Some(columns(cell)), None));
            }
        }
        if let Some(table) = grid.place().markdown() {
            self.block(&table);
        }
    }
}
