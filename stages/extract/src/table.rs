//! Reads a data table as a grid of cells, each rendered as one line.
//!
//! Invariant: every cell that is not cut is in the grid, and text outside the cells is in [`Table::before`]; code of
//! several lines is never written in a cell.

use crate::code::code_text;
use crate::data_table::{TableKind, TableShape};
use crate::grid::{Grid, PlacedCells, Span};
use crate::page::Page;
use crate::prune::Pruned;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// A data table, with each cell as one line.
pub(crate) struct Table {
    /// Captions, and text outside the cells, which a browser shows before the table.
    pub(crate) before: Vec<String>,
    /// The cells with text by row, each with its column, in order; rows without text are omitted.
    pub(crate) rows: Vec<Vec<(usize, String)>>,
    pub(crate) columns: usize,
}

/// Reads the table `id`, or `None` if it lays out the page or contains code of several lines; `render_line` renders a
/// node as one line.
pub(crate) fn read_table(
    page: &Page<'_>,
    pruned: &Pruned,
    id: usize,
    render_line: &dyn Fn(usize) -> String,
) -> Option<Table> {
    let shape = TableShape::read(page, id)?;
    if shape.kind() == TableKind::Layout {
        return None;
    }
    let longest = shape.max_cell_bytes();
    if shape.code_blocks > 0 && has_lines_of_code(page, id) {
        return None;
    }
    let Source { grid, outside } = Source::read(&page.tree, pruned, id)?;
    let PlacedCells { rows, columns } = grid.place();
    let line = |id: usize| render_line(id).trim().replace(['\n', '\r'], " ");
    let mut written = Vec::new();
    for row in rows {
        let shown = row.into_iter().filter(|(_, cell)| !pruned.is_cut(*cell));
        let texts: Vec<(usize, String)> =
            shown.map(|(column, cell)| (column, line(cell))).filter(|(_, text)| !text.is_empty()).collect();
        if texts.iter().any(|(_, text)| text.len() > longest) {
            return None;
        }
        if !texts.is_empty() {
            written.push(texts);
        }
    }
    let before = outside.into_iter().map(line).filter(|text| !text.is_empty()).collect();
    (written.len() >= 2).then_some(Table { before, rows: written, columns })
}

/// Whether a table contains a code block of several lines, whose line breaks a cell would lose.
fn has_lines_of_code(page: &Page<'_>, id: usize) -> bool {
    (id + 1..page.tree.end(id)).any(|at| {
        matches!(page.tree.node(at).tag, Tag::Pre | Tag::Listing | Tag::Xmp | Tag::Plaintext)
            && code_text(page, at).contains('\n')
    })
}

/// The parts of a table in the order of the page.
struct Source {
    /// The nodes of the cells.
    grid: Grid<usize>,
    /// Captions, and text outside the cells.
    outside: Vec<usize>,
}

impl Source {
    /// Reads the table `id`; `None` if a cell is outside the rows.
    fn read(tree: &Tree<'_>, pruned: &Pruned, id: usize) -> Option<Self> {
        let (mut grid, mut outside) = (Grid::default(), Vec::new());
        let mut at = id + 1;
        while at < tree.end(id) {
            let node = tree.node(at);
            match node.tag {
                Tag::Tr => grid.begin_row(node.parent as usize),
                Tag::Td | Tag::Th if grid.is_empty() => return None,
                Tag::Td | Tag::Th => {
                    grid.push(at, span(tree, at));
                    at = tree.end(at);
                    continue;
                }
                tag if pruned.is_cut(at) && !matches!(tag, Tag::Tbody | Tag::Thead | Tag::Tfoot) => {
                    at = tree.end(at);
                    continue;
                }
                Tag::Caption => {
                    outside.push(at);
                    at = tree.end(at);
                    continue;
                }
                Tag::Text if !tree.raw_text(at).trim().is_empty() => outside.push(at),
                _ => {}
            }
            at += 1;
        }
        Some(Self { grid, outside })
    }
}

/// The columns and rows that a cell spans.
fn span(tree: &Tree<'_>, cell: usize) -> Span {
    let number = |name: AttributeName| tree.attribute(cell, name).and_then(|value| Span::number(&value));
    Span::new(number(AttributeName::Colspan), number(AttributeName::Rowspan))
}
