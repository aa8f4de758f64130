//! Renders elements that are written as one block or span: code, formulas, images, data tables.
//!
//! Invariant: code keeps every character, inside fences longer than any run of backticks in it; a row of a table is one
//! line.

use crate::code::{code_text, fenced, is_number_column, language, longest_run};
use crate::grid::{markdown_row, markdown_rule};
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
        if code.trim().is_empty() || self.numbers_lines(id, &code) {
            writer.break_lines(1);
        } else if self.markdown() {
            writer.block(&fenced(&code, language(&self.page.tree, id).as_deref()));
        } else {
            writer.block(&code);
        }
    }

    /// Whether code consists of the numbers of the lines of other code: it is alone in its cell, and the next cell has
    /// code of as many lines. Any other number is text, such as the output of the command before it.
    fn numbers_lines(&self, id: usize, code: &str) -> bool {
        let tree = &self.page.tree;
        let is_cell = |at: usize| matches!(tree.node(at).tag, Tag::Td | Tag::Th);
        let cell = tree.ancestors(id).take(3).find(|above| is_cell(*above));
        let Some(cell) = cell.filter(|_| is_number_column(code)) else { return false };
        let is_filled = |at: usize| !tree.raw_text(at).trim().is_empty();
        if (cell + 1..id).chain(tree.end(id)..tree.end(cell)).take(MAX_CODE_NODES).any(is_filled) {
            return false;
        }
        // Only white space is between two cells of a row.
        let is_beside = |at: &usize| is_cell(*at) && tree.node(*at).parent == tree.node(cell).parent;
        let next = (tree.end(cell)..tree.nodes.len()).take(2).find(is_beside);
        let is_code = |at: usize| tree.node(at).tag == Tag::Code || tree.node(at).tag.is_preformatted();
        let beside = next.and_then(|next| (next + 1..tree.end(next)).take(MAX_CODE_NODES).find(|at| is_code(*at)));
        let lines = |code: &str| code.lines().filter(|line| !line.trim().is_empty()).count();
        beside.is_some_and(|beside| {
            // Blank lines may have no number, and the last one may have one.
            let (numbers, beside) = (lines(code), code_text(self.page, beside));
            (lines(&beside)..=beside.lines().count() + 1).contains(&numbers) && (numbers > 1 || code.trim() == "1")
        })
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
        let is_raised = |at: usize| matches!(self.page.tree.node(at).tag, Tag::Sup | Tag::Sub);
        let is_raised = inside.len() <= MAX_CODE_NODES && inside.clone().any(is_raised);
        let text = self.text_of_code(id);
        let has_lines = !is_raised && text.trim().contains('\n') && inside.clone().any(|at| self.is_break(at));
        if has_lines && !writer.is_inline() && self.is_alone(id) {
            writer.block(&fenced(text.trim_start_matches('\n').trim_end(), language(&self.page.tree, id).as_deref()));
            return true;
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
        } else if has_lines && writer.is_inline() {
            writer.verbatim(&spans_of_lines(&text));
        } else {
            writer.verbatim(&code_span(&squashed));
        }
        if text.ends_with(char::is_whitespace) {
            writer.text(" ");
        }
        true
    }

    fn is_break(&self, id: usize) -> bool {
        self.page.tree.node(id).tag == Tag::Br
    }

    /// The characters of inline code that are shown; the line break in the source after a `<br>` is not a second one.
    fn text_of_code(&self, id: usize) -> String {
        let tree = &self.page.tree;
        let mut text = String::new();
        let mut is_after_break = false;
        for at in (id + 1..tree.end(id)).filter(|at| !self.page.hidden.contains(tree, *at)) {
            let part = decode_entities(tree.raw_text(at), false).replace("\r\n", "\n");
            text.push_str(part.strip_prefix('\n').filter(|_| is_after_break).unwrap_or(&part));
            if self.is_break(at) {
                text.push('\n');
            }
            is_after_break = self.is_break(at) || is_after_break && part.is_empty();
        }
        text
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
                    writer.verbatim(&markdown_rule(columns));
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

/// Each line of code between backticks, all in one line: joined, they would be other code.
fn spans_of_lines(code: &str) -> String {
    let lines = code.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(code_span).collect::<Vec<_>>().join(" ")
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
