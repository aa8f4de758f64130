//! Reads a data table as a grid of cells, each rendered as one line.
//!
//! A cell stands in the row and column in which a browser shows it (HTML standard, 4.9.12.1). A cell that spans several
//! rows or columns is written once, in the first of them, and the other places are empty, so that no text is repeated.
//! A column in which no cell begins is not written, as a browser shows it without width.
//!
//! Invariant: every cell that is not cut is in the grid, and text outside the cells is in [`Table::before`]; a grid has
//! at most [`MAX_COLUMNS`] times as many places as the table has cells; code of several lines is never written in a
//! cell.

use std::collections::BTreeSet;

use crate::code::code_text;
use crate::data_table::{MAX_COLUMNS, TableKind, TableShape};
use crate::page::Page;
use crate::prune::Pruned;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Maximum number of columns and of rows that a cell spans (HTML standard, 4.9.11).
const MAX_COLUMN_SPAN: usize = 1000;
const MAX_ROW_SPAN: usize = 65534;
/// Maximum column in which a cell begins, which bounds the work for tables that are made of spans.
const MAX_FIRST_COLUMN: usize = 4 * MAX_COLUMN_SPAN;

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
    let Source { mut rows, outside } = Source::read(&page.tree, pruned, id)?;
    let columns = place_cells(&mut rows).unwrap_or_else(|| place_in_order(&mut rows));
    let line = |id: usize| render_line(id).trim().replace(['\n', '\r'], " ");
    let mut written = Vec::new();
    for row in rows {
        let shown = row.cells.iter().filter(|cell| !pruned.is_cut(cell.id));
        let texts: Vec<(usize, String)> =
            shown.map(|cell| (cell.column, line(cell.id))).filter(|(_, text)| !text.is_empty()).collect();
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

/// A cell as the page contains it.
struct Cell {
    id: usize,
    /// The columns and rows that it spans.
    columns: usize,
    rows: usize,
    /// The column in which it begins.
    column: usize,
}

/// A row as the page contains it.
struct Row {
    /// The row group: no cell spans rows of two groups.
    group: usize,
    cells: Vec<Cell>,
}

/// The parts of a table in the order of the page.
struct Source {
    rows: Vec<Row>,
    /// Captions, and text outside the cells.
    outside: Vec<usize>,
}

impl Source {
    /// Reads the table `id`; `None` if a cell is outside the rows.
    fn read(tree: &Tree<'_>, pruned: &Pruned, id: usize) -> Option<Self> {
        let (mut rows, mut outside): (Vec<Row>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut at = id + 1;
        while at < tree.end(id) {
            let node = tree.node(at);
            match node.tag {
                Tag::Tr => rows.push(Row { group: node.parent as usize, cells: Vec::new() }),
                Tag::Td | Tag::Th => {
                    rows.last_mut()?.cells.push(Cell::read(tree, at));
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
        Some(Self { rows, outside })
    }
}

impl Cell {
    fn read(tree: &Tree<'_>, id: usize) -> Self {
        let columns = span(tree, id, AttributeName::Colspan, MAX_COLUMN_SPAN).unwrap_or(1).max(1);
        let rows = match span(tree, id, AttributeName::Rowspan, MAX_ROW_SPAN) {
            // All rows to the end of the group.
            Some(0) => usize::MAX,
            rows => rows.unwrap_or(1),
        };
        Self { id, columns, rows, column: 0 }
    }
}

/// The value of a span, at most `most`, parsed as in the standard: white space and a plus sign before the digits are
/// skipped, and what follows them is ignored.
fn span(tree: &Tree<'_>, id: usize, name: AttributeName, most: usize) -> Option<usize> {
    let value = tree.attribute(id, name)?;
    let value = value.trim_ascii_start();
    let value = value.strip_prefix('+').unwrap_or(value);
    let digits = &value[..value.bytes().take_while(u8::is_ascii_digit).count()];
    (!digits.is_empty()).then(|| digits.parse().map_or(most, |number: usize| number.min(most)))
}

/// A place that a cell of an earlier row covers.
#[derive(Clone, Copy, Default)]
struct Cover {
    /// One past the last row and the last column of the cell.
    row_end: usize,
    column_end: usize,
}

/// Sets the column of each cell, as a browser does, and returns the number of columns in which cells begin; `None` if
/// the spans give more columns than a data table has.
fn place_cells(rows: &mut [Row]) -> Option<usize> {
    let mut covers: Vec<Cover> = Vec::new();
    let mut begun = BTreeSet::new();
    let mut group = None;
    for (at, row) in rows.iter_mut().enumerate() {
        if group != Some(row.group) {
            covers.clear();
            group = Some(row.group);
        }
        let mut column = 0;
        for cell in &mut row.cells {
            while let Some(cover) = covers.get(column).filter(|cover| cover.row_end > at) {
                column = cover.column_end;
            }
            begun.insert(column);
            if begun.len() > MAX_COLUMNS || column >= MAX_FIRST_COLUMN {
                return None;
            }
            cell.column = column;
            column += cell.columns;
            if cell.rows > 1 {
                mark_covered(
                    &mut covers,
                    cell.column,
                    Cover { row_end: at.saturating_add(cell.rows), column_end: column },
                );
            }
        }
    }
    let begun: Vec<usize> = begun.into_iter().collect();
    for cell in rows.iter_mut().flat_map(|row| &mut row.cells) {
        cell.column = begun.partition_point(|column| *column < cell.column);
    }
    Some(begun.len())
}

/// Marks the places of a cell from `column` on; a place that two cells cover is that of the one that reaches further
/// down.
fn mark_covered(covers: &mut Vec<Cover>, column: usize, cell: Cover) {
    if covers.len() < cell.column_end {
        covers.resize(cell.column_end, Cover::default());
    }
    for place in &mut covers[column..cell.column_end] {
        if place.row_end < cell.row_end {
            *place = cell;
        }
    }
}

/// Sets the column of each cell to its position in its row, and returns the number of columns.
fn place_in_order(rows: &mut [Row]) -> usize {
    for row in rows.iter_mut() {
        for (column, cell) in row.cells.iter_mut().enumerate() {
            cell.column = column;
        }
    }
    rows.iter().map(|row| row.cells.len()).max().unwrap_or(0)
}
