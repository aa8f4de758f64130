//! The lists and tables of LaTeX source, as Markdown.
//!
//! Invariant: every item and every cell with text is written.

use super::latex::{Writer, one_line, paragraphs, render};
use super::latex_parts::{cells, columns, items, rows};
use super::latex_text::Cursor;

/// Maximum number of columns up to which a cell that spans several is followed by empty ones.
const MAX_COLUMNS: usize = 64;

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
        let mut lines: Vec<String> = Vec::new();
        for row in rows(cursor.rest()) {
            let cells = row_cells(row, depth);
            if cells.iter().all(String::is_empty) {
                continue;
            }
            lines.push(line(&cells));
            if lines.len() == 1 {
                lines.push(format!("| {} |", vec!["---"; cells.len()].join(" | ")));
            }
        }
        if !lines.is_empty() {
            self.block(&lines.join("\n"));
        }
    }
}

/// The cells of a row as text, with empty ones in the other columns that a cell spans.
fn row_cells(row: &str, depth: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for cell in cells(row) {
        texts.push(one_line(cell, depth).replace('|', "\\|"));
        let empty = (columns(cell) - 1).min(MAX_COLUMNS.saturating_sub(texts.len()));
        texts.extend(std::iter::repeat_n(String::new(), empty));
    }
    texts
}

/// A row as a line of Markdown.
fn line(cells: &[String]) -> String {
    let mut line = String::from("|");
    for cell in cells {
        if !cell.is_empty() {
            line.push(' ');
            line.push_str(cell);
        }
        line.push_str(" |");
    }
    line
}
