//! The cells of a table in the columns in which a reader sees them, and rows of Markdown.
//!
//! Read by `table`, and by the readers of papers.
//!
//! A cell is in the row and column in which a browser shows it (HTML standard, 4.9.12.1). A cell that spans several
//! rows or columns is in the first of them, and the other places are empty, so that no text is repeated. A column in
//! which no cell begins has no place, as a browser shows it without width.
//!
//! Invariant: every cell is placed once; a grid has at most [`MAX_COLUMNS`] times as many places as it has cells, and
//! the work for one cell is bounded.

use std::collections::BTreeSet;

use crate::data_table::MAX_COLUMNS;

/// Maximum number of columns and of rows that a cell spans (HTML standard, 4.9.11).
const MAX_COLUMN_SPAN: usize = 1000;
const MAX_ROW_SPAN: usize = 65534;
/// Maximum column in which a cell begins, which bounds the work for tables that are made of spans.
const MAX_FIRST_COLUMN: usize = 4 * MAX_COLUMN_SPAN;

/// The columns and rows that a cell spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    columns: usize,
    rows: usize,
}

impl Default for Span {
    fn default() -> Self {
        Self { columns: 1, rows: 1 }
    }
}

impl Span {
    /// A span of this many columns and rows, one of each if they are not known; zero rows are all rows to the end of
    /// the group. Large numbers are reduced to the limits of HTML.
    #[must_use]
    pub fn new(columns: Option<usize>, rows: Option<usize>) -> Self {
        let columns = columns.unwrap_or(1).clamp(1, MAX_COLUMN_SPAN);
        let rows = match rows {
            Some(0) => usize::MAX,
            rows => rows.unwrap_or(1).min(MAX_ROW_SPAN),
        };
        Self { columns, rows }
    }

    /// A number of columns or rows as in the HTML standard: white space and a plus sign before the digits are skipped,
    /// and what follows them is ignored.
    #[must_use]
    pub fn number(value: &str) -> Option<usize> {
        let value = value.trim_ascii_start();
        let value = value.strip_prefix('+').unwrap_or(value);
        let digits = &value[..value.bytes().take_while(u8::is_ascii_digit).count()];
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX))
    }
}

struct Cell<T> {
    content: T,
    span: Span,
    /// The column in which it begins; before it is placed, the first column in which it may.
    column: usize,
}

struct Row<T> {
    /// The row group: no cell spans rows of two groups.
    group: usize,
    cells: Vec<Cell<T>>,
}

/// The cells of a table that are read so far.
///
/// ```
/// use corpusmill_extract::{Grid, Span};
///
/// let mut grid = Grid::default();
/// grid.begin_row(0);
/// grid.push("Group".to_owned(), Span::new(None, Some(2)));
/// grid.push("Dose".to_owned(), Span::default());
/// grid.begin_row(0);
/// grid.push("9 mg".to_owned(), Span::default());
/// let table = grid.place().markdown();
/// assert_eq!(table.as_deref(), Some("| Group | Dose |\n| --- | --- |\n|  | 9 mg |"));
/// ```
pub struct Grid<T> {
    rows: Vec<Row<T>>,
}

impl<T> Default for Grid<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

/// The cells of a table in their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedCells<T> {
    /// The cells by row, each with its column, in order.
    pub rows: Vec<Vec<(usize, T)>>,
    /// The number of columns.
    pub columns: usize,
}

impl<T> Grid<T> {
    /// Whether no row has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Begins a row of a group; no cell spans rows of two groups.
    pub fn begin_row(&mut self, group: usize) {
        self.rows.push(Row { group, cells: Vec::new() });
    }

    /// Adds a cell to the current row, in the first free column.
    pub fn push(&mut self, content: T, span: Span) {
        self.push_from(content, span, 0);
    }

    /// Adds a cell to the current row, in the first free column from `column` on.
    pub fn push_from(&mut self, content: T, span: Span, column: usize) {
        if self.rows.is_empty() {
            self.begin_row(0);
        }
        if let Some(row) = self.rows.last_mut() {
            row.cells.push(Cell { content, span, column });
        }
    }

    /// Puts the cells in their columns. If there are too many columns for that, the cells of a row are in their order.
    #[must_use]
    pub fn place(self) -> PlacedCells<T> {
        let Self { mut rows } = self;
        let columns = place_as_seen(&mut rows).unwrap_or_else(|| place_in_order(&mut rows));
        let cells = |row: Row<T>| row.cells.into_iter().map(|cell| (cell.column, cell.content)).collect();
        PlacedCells { rows: rows.into_iter().map(cells).collect(), columns }
    }
}

impl PlacedCells<String> {
    /// The table as Markdown, its first row with text as the header; `None` if no cell has text. A cell is one line.
    #[must_use]
    pub fn markdown(&self) -> Option<String> {
        let mut text = String::new();
        for row in self.rows.iter().filter(|row| row.iter().any(|(_, cell)| !cell.is_empty())) {
            if text.is_empty() {
                let width = row.last().map_or(0, |(column, _)| column + 1);
                text.extend([markdown_row(row, self.columns), "\n".to_owned(), markdown_rule(self.columns.max(width))]);
            } else {
                text.extend(["\n", &markdown_row(row, self.columns)]);
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

/// A row as a line of Markdown; `cells` have their columns, in order.
pub(crate) fn markdown_row(cells: &[(usize, String)], columns: usize) -> String {
    let mut line = String::from("|");
    let mut next = 0;
    for (column, cell) in cells {
        line.push_str(&"  |".repeat(column - next));
        line.extend([" ", &cell.replace('|', "\\|"), " |"]);
        next = column + 1;
    }
    line.push_str(&"  |".repeat(columns.saturating_sub(next)));
    line
}

/// The line under the header of a table.
pub(crate) fn markdown_rule(columns: usize) -> String {
    format!("|{}", " --- |".repeat(columns))
}

/// A place that a cell of an earlier row covers.
#[derive(Clone, Copy, Default)]
struct Cover {
    /// One past the last row and the last column of the cell.
    row_end: usize,
    column_end: usize,
}

/// Sets the column of each cell, as a browser does, and returns the number of columns in which cells begin; `None` if
/// there are too many.
fn place_as_seen<T>(rows: &mut [Row<T>]) -> Option<usize> {
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
            column = column.max(cell.column);
            while let Some(cover) = covers.get(column).filter(|cover| cover.row_end > at) {
                column = cover.column_end;
            }
            begun.insert(column);
            if begun.len() > MAX_COLUMNS || column >= MAX_FIRST_COLUMN {
                return None;
            }
            cell.column = column;
            column += cell.span.columns;
            if cell.span.rows > 1 {
                let cover = Cover { row_end: at.saturating_add(cell.span.rows), column_end: column };
                mark_covered(&mut covers, cell.column, cover);
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

/// Sets the column of each cell to its position in its row, and returns the number of columns; 0 if a row is so long
/// that the others are not filled up.
fn place_in_order<T>(rows: &mut [Row<T>]) -> usize {
    for row in rows.iter_mut() {
        for (column, cell) in row.cells.iter_mut().enumerate() {
            cell.column = column;
        }
    }
    let widest = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    if widest <= MAX_COLUMNS { widest } else { 0 }
}

#[cfg(test)]
mod tests;
