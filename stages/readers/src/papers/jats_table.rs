//! The table of a JATS article, as rows of Markdown.
//!
//! A value is in the column in which a reader sees it: by its spans, or by the name of its column in tables of the
//! OASIS model, whose rows omit empty cells.
//!
//! Invariant: every cell with text is written.

use std::collections::BTreeMap;

use corpusmill_extract::{Grid, Span};
use quick_xml::events::BytesStart;

use super::jats_elements::attribute;

/// The columns and rows of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CellPlace {
    /// The column that the cell names; 0 if it names none.
    column: usize,
    span: Span,
}

/// The rows of a table that are read so far.
#[derive(Default)]
pub(crate) struct Table {
    grid: Grid<String>,
    group: usize,
    /// The columns by name, in tables of the OASIS model.
    names: BTreeMap<String, usize>,
    /// The column after the last one that was declared.
    next_column: usize,
}

impl Table {
    /// Begins or ends a head, body or foot.
    pub(crate) fn next_group(&mut self) {
        self.group += 1;
    }

    /// Begins a group of rows that declares its columns.
    pub(crate) fn begin_columns(&mut self) {
        self.next_group();
        self.names.clear();
        self.next_column = 0;
    }

    /// Adds a column: `colspec`.
    pub(crate) fn push_column(&mut self, element: &BytesStart<'_>) {
        let number = attribute(element, "colnum").and_then(|value| Span::number(&value));
        let column = number.and_then(|number| number.checked_sub(1)).unwrap_or(self.next_column);
        if let Some(name) = attribute(element, "colname") {
            self.names.insert(name, column);
        }
        self.next_column = column.saturating_add(1);
    }

    /// The place of a cell, `td` as in HTML or `entry` as in OASIS tables.
    pub(crate) fn place(&self, element: &BytesStart<'_>) -> CellPlace {
        let number = |name: &str| attribute(element, name).and_then(|value| Span::number(&value));
        let named = |name: &str| attribute(element, name).and_then(|value| self.names.get(&value).copied());
        // Publishers number their columns, `col1`, and some declare none.
        let numbered = |name: &str| attribute(element, name).and_then(|value| trailing_number(&value));
        let (first, last) = (named("namest"), named("nameend"));
        let distance = last.zip(first).or_else(|| numbered("nameend").zip(numbered("namest")));
        let columns = distance.map(|(last, first)| last.saturating_sub(first).saturating_add(1));
        let rows = number("rowspan").or_else(|| number("morerows").map(|more| more.saturating_add(1)));
        CellPlace {
            column: first.or_else(|| named("colname")).unwrap_or(0),
            span: Span::new(number("colspan").or(columns), rows),
        }
    }

    /// Begins a row.
    pub(crate) fn begin_row(&mut self) {
        self.grid.begin_row(self.group);
    }

    /// Adds a cell to the current row.
    pub(crate) fn push_cell(&mut self, text: String, place: CellPlace) {
        self.grid.push_from(text, place.span, place.column);
    }

    /// Ends the table, and returns it as Markdown; `None` if it has no text.
    pub(crate) fn take(&mut self) -> Option<String> {
        std::mem::take(self).grid.place().markdown()
    }
}

/// The number at the end of a column's name.
fn trailing_number(value: &str) -> Option<usize> {
    let value = value.trim_end();
    Span::number(&value[value.trim_end_matches(|character: char| character.is_ascii_digit()).len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of a cell with these attributes in a table with the columns `drug`, `dose` and `n`, of which the last
    /// is the fifth.
    fn place(attributes: &str) -> CellPlace {
        let mut table = Table::default();
        table.begin_columns();
        for attributes in [" colname='drug'", " colname='dose'", " colname='n' colnum='5'"] {
            table.push_column(&BytesStart::from_content(format!("colspec{attributes}"), 7));
        }
        table.place(&BytesStart::from_content(format!("td{attributes}"), 2))
    }

    #[test]
    fn places_are_read_from_attributes() {
        for (attributes, column, columns, rows) in [
            ("", 0, 1, 1),
            (" colspan='2' rowspan=' 3x'", 0, 2, 3),
            (" colspan='0' rowspan='0'", 0, 1, 0),
            (" colspan='99999999999999999999' rowspan='99999999999999999999'", 0, usize::MAX, usize::MAX),
            (" colspan='-2' rowspan=''", 0, 1, 1),
            (" namest='col2' nameend='col4' morerows='1'", 0, 3, 2),
            (" namest='drug' nameend='dose'", 0, 2, 1),
            (" namest='dose' nameend='n'", 1, 4, 1),
            (" namest='n' nameend='dose'", 4, 1, 1),
            (" colname='n'", 4, 1, 1),
            (" colname='unknown'", 0, 1, 1),
        ] {
            let expected = CellPlace { column, span: Span::new(Some(columns), Some(rows)) };
            assert_eq!(place(attributes), expected, "{attributes}");
        }
    }

    #[test]
    fn columns_are_forgotten_with_their_table() {
        let mut table = Table::default();
        table.push_column(&BytesStart::from_content("colspec colname='a' colnum='3'", 7));
        assert_eq!(table.take(), None);
        let entry = BytesStart::from_content("entry colname='a'", 5);
        assert_eq!(table.place(&entry), CellPlace::default());
    }
}
