//! The table of a JATS article, as rows of Markdown.
//!
//! A value is in the column in which a reader sees it, as in HTML (HTML standard, 4.9.12.1). A cell that spans several
//! rows or columns is written once, in the first of them, and the other places are empty. A column in which no cell
//! begins is not written.
//!
//! Invariant: every cell with text is written. A row has at most [`MAX_COLUMNS`] places, or as many as it has cells.

use std::collections::BTreeSet;

use quick_xml::events::BytesStart;

use super::jats_elements::attribute;

/// Maximum number of columns in which cells begin; the cells of a table with more are in the order of the file.
const MAX_COLUMNS: usize = 64;
/// Maximum number of columns and of rows that a cell spans (HTML standard, 4.9.11).
const MAX_COLUMN_SPAN: usize = 1000;
const MAX_ROW_SPAN: usize = 65534;
/// Maximum column in which a cell begins, which bounds the work for tables that are made of spans.
const MAX_FIRST_COLUMN: usize = 4 * MAX_COLUMN_SPAN;

/// The columns and rows that a cell spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    columns: usize,
    rows: usize,
}

impl Default for Span {
    fn default() -> Self {
        Self { columns: 1, rows: 1 }
    }
}

impl Span {
    /// The span of a cell, `td` as in HTML or `entry` as in OASIS tables.
    pub(crate) fn of(element: &BytesStart<'_>) -> Self {
        let number = |name: &str| attribute(element, name).and_then(|value| leading_number(&value));
        let last = |name: &str| attribute(element, name).and_then(|value| trailing_number(&value));
        // The columns of OASIS tables have names; publishers number them: `col1`.
        let named = last("nameend").zip(last("namest")).map(|(end, start)| end.saturating_sub(start) + 1);
        let columns = number("colspan").or(named).unwrap_or(1).clamp(1, MAX_COLUMN_SPAN);
        let rows = match number("rowspan").or_else(|| number("morerows").map(|more| more.saturating_add(1))) {
            // All rows to the end of the group.
            Some(0) => usize::MAX,
            rows => rows.unwrap_or(1).min(MAX_ROW_SPAN),
        };
        Self { columns, rows }
    }
}

/// The number at the start of an attribute's value; what follows it is ignored.
fn leading_number(value: &str) -> Option<usize> {
    let value = value.trim_start();
    let end = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
    number(&value[..end])
}

/// The number at the end of a column's name.
fn trailing_number(value: &str) -> Option<usize> {
    let value = value.trim_end();
    number(&value[value.trim_end_matches(|character: char| character.is_ascii_digit()).len()..])
}

/// A number of any size, as far as a span can use it.
fn number(digits: &str) -> Option<usize> {
    (!digits.is_empty()).then(|| digits.parse().map_or(MAX_ROW_SPAN, |number: usize| number.min(MAX_ROW_SPAN)))
}

struct Cell {
    text: String,
    span: Span,
    /// The column in which it begins.
    column: usize,
}

struct Row {
    /// The row group: no cell spans rows of two groups.
    group: usize,
    cells: Vec<Cell>,
}

/// The rows of a table that are read so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    cells: Vec<Cell>,
    group: usize,
}

impl Table {
    /// Begins or ends a head, body or foot.
    pub(crate) fn next_group(&mut self) {
        self.group += 1;
    }

    /// Adds a cell to the current row.
    pub(crate) fn push_cell(&mut self, text: &str, span: Span) {
        self.cells.push(Cell { text: text.replace('|', "\\|"), span, column: 0 });
    }

    /// Ends the current row.
    pub(crate) fn end_row(&mut self) {
        self.rows.push(Row { group: self.group, cells: std::mem::take(&mut self.cells) });
    }

    /// Ends the table, and returns it as Markdown, the first row as its header; `None` if it has no text.
    pub(crate) fn take(&mut self) -> Option<String> {
        let mut rows = std::mem::take(&mut self.rows);
        let columns = place_cells(&mut rows).unwrap_or_else(|| place_in_order(&mut rows));
        let mut text = String::new();
        for row in rows.iter().filter(|row| row.cells.iter().any(|cell| !cell.text.is_empty())) {
            let is_header = text.is_empty();
            if !is_header {
                text.push('\n');
            }
            row.write(columns, &mut text);
            if is_header {
                text.push_str("\n|");
                text.push_str(&" --- |".repeat(columns.max(row.cells.len())));
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

impl Row {
    /// Writes the cells, and empty ones up to the number of columns.
    fn write(&self, columns: usize, text: &mut String) {
        text.push('|');
        let mut column = 0;
        for cell in &self.cells {
            text.push_str(&" |".repeat(cell.column.saturating_sub(column)));
            if !cell.text.is_empty() {
                text.push(' ');
                text.push_str(&cell.text);
            }
            text.push_str(" |");
            column = cell.column + 1;
        }
        text.push_str(&" |".repeat(columns.saturating_sub(column)));
    }
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

/// Sets the column of each cell to its position in its row. Rows are not filled up: the longest may be very long.
fn place_in_order(rows: &mut [Row]) -> usize {
    for row in rows {
        for (column, cell) in row.cells.iter_mut().enumerate() {
            cell.column = column;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(columns: usize, rows: usize) -> Span {
        Span { columns, rows }
    }

    /// A table of rows of cells; two groups are separated by an empty row.
    fn table(rows: &[&[(&str, Span)]]) -> String {
        let mut table = Table::default();
        for row in rows {
            for (text, span) in *row {
                table.push_cell(text, *span);
            }
            if row.is_empty() { table.next_group() } else { table.end_row() }
        }
        table.take().unwrap()
    }

    #[test]
    fn a_spanned_value_is_written_once_and_the_others_keep_their_columns() {
        let one = Span::default();
        let rows: &[&[(&str, Span)]] = &[
            &[("Group", one), ("Dose", one), ("n", one)],
            &[("A", span(1, 2)), ("5 mg", one), ("17", one)],
            &[("9 mg", one), ("21", one)],
            &[("Total", span(2, 1)), ("38", one)],
        ];
        let expected =
            "| Group | Dose | n |\n| --- | --- | --- |\n| A | 5 mg | 17 |\n| | 9 mg | 21 |\n| Total | | 38 |";
        assert_eq!(table(rows), expected);
    }

    #[test]
    fn spans_end_with_their_group_and_empty_columns_are_not_written() {
        let one = Span::default();
        let rows: &[&[(&str, Span)]] =
            &[&[("a", span(2, usize::MAX)), ("b", one)], &[("c", one)], &[], &[("d", span(2, 1)), ("e|f", one)]];
        assert_eq!(table(rows), "| a | b |\n| --- | --- |\n| | c |\n| d | e\\|f |");
        assert_eq!(Table::default().take(), None);
        let mut blank = Table::default();
        blank.push_cell("", one);
        blank.end_row();
        assert_eq!(blank.take(), None);
    }

    #[test]
    fn spans_are_bounded() {
        let wide = span(MAX_COLUMN_SPAN, MAX_ROW_SPAN);
        let rows: Vec<Vec<(&str, Span)>> = vec![vec![("x", wide); 100]; 100];
        let rows: Vec<&[(&str, Span)]> = rows.iter().map(Vec::as_slice).collect();
        let text = table(&rows);
        assert_eq!(text.matches('x').count(), 10_000);
        assert!(text.lines().all(|line| line.matches('|').count() == 101), "{}", &text[..200]);
    }

    #[test]
    fn spans_are_read_from_attributes() {
        for (attributes, expected) in [
            ("", span(1, 1)),
            (" colspan='2' rowspan=' 3x'", span(2, 3)),
            (" colspan='0' rowspan='0'", span(1, usize::MAX)),
            (" colspan='99999999999999999999' rowspan='99999999999999999999'", span(MAX_COLUMN_SPAN, MAX_ROW_SPAN)),
            (" colspan='-2' rowspan=''", span(1, 1)),
            (" namest='col2' nameend='col4' morerows='1'", span(3, 2)),
        ] {
            let element = BytesStart::from_content(format!("td{attributes}"), 2);
            assert_eq!(Span::of(&element), expected, "{attributes}");
        }
    }
}
