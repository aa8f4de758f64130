//! A table of results as aligned text.
//!
//! Invariant: a value that was not measured is shown as [`NOT_MEASURED`], never as a number.

use std::fmt::{self, Write as _};

/// The cell of a value that was not measured.
pub(crate) const NOT_MEASURED: &str = "not measured";

/// A table with a title, named columns, and notes below.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// What was measured, where.
    pub(crate) title: String,
    /// The name of each column, with its unit.
    pub(crate) columns: Vec<&'static str>,
    /// Cells by row; a row has as many cells as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
    /// Lines below the table.
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: String, columns: &[&'static str]) -> Self {
        Self { title, columns: columns.to_vec(), ..Self::default() }
    }

    /// Adds a row that has only a name and a reason why nothing was measured.
    pub(crate) fn push_unmeasured(&mut self, name: String, reason: &str) {
        let mut row = vec![name];
        row.resize(self.columns.len(), NOT_MEASURED.to_owned());
        self.notes.push(format!("{}: {reason}", row[0]));
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> = self.columns.iter().map(|&column| column.to_owned()).collect();
        let lines = || std::iter::once(&head).chain(&self.rows);
        let width = |column: usize| lines().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
        writeln!(f, "{}", self.title)?;
        for row in lines() {
            let mut line = String::new();
            for (cell, &width) in row.iter().zip(&widths) {
                write!(line, "{cell:width$}  ")?;
            }
            writeln!(f, "  {}", line.trim_end())?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

/// `value` with `digits` decimals, or [`NOT_MEASURED`].
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NOT_MEASURED.to_owned(), |value| format!("{value:.digits$}"))
}
