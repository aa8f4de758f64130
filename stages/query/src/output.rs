//! The result of a query, on standard output or in a file.
//!
//! Invariant: CSV, JSON and files hold every value in full; only the table for people truncates.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use corpusmill_cli::{BatchWriter, QueryArgs, QueryFormat, print};

/// Characters of a value in a table for people.
const MAX_WIDTH: usize = 60;

/// Writes the batches where the command line asks for them.
pub(crate) fn write(query: &QueryArgs, batches: &[RecordBatch]) -> anyhow::Result<()> {
    let schema = batches.first().context("the result has no columns")?.schema();
    if let Some(path) = &query.output {
        let mut output = BatchWriter::create(path, &schema)?;
        for batch in batches {
            output.write(batch)?;
        }
        output.finish()?;
        return Ok(());
    }
    let default = if std::io::stdout().is_terminal() { QueryFormat::Table } else { QueryFormat::Csv };
    match query.format.unwrap_or(default) {
        QueryFormat::Table => print(&Table::new(batches)?.to_text(corpusmill_terminal::stdout_width())),
        QueryFormat::Json => {
            let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
            for batch in batches {
                writer.write(batch)?;
            }
            writer.finish()?;
            print(&String::from_utf8_lossy(&writer.into_inner()))
        }
        QueryFormat::Csv => {
            let mut bytes = Vec::new();
            let mut writer = arrow_csv::Writer::new(&mut bytes);
            for batch in batches {
                writer.write(batch)?;
            }
            drop(writer);
            print(&String::from_utf8_lossy(&bytes))
        }
    }
}

/// A result as text: a header and rows of values that are cut to [`MAX_WIDTH`].
struct Table {
    header: Vec<String>,
    numeric: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(batches: &[RecordBatch]) -> anyhow::Result<Self> {
        let schema = batches.first().context("the result has no columns")?.schema();
        let fields = schema.fields();
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in batches {
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                rows.push(columns.iter().map(|column| truncated(&column.value(row).to_string(), MAX_WIDTH)).collect());
            }
        }
        Ok(Self {
            header: fields.iter().map(|field| field.name().clone()).collect(),
            numeric: fields.iter().map(|field| field.data_type().is_numeric()).collect(),
            rows,
        })
    }

    /// One line per row, or one line per value if a row is wider than the terminal.
    fn to_text(&self, terminal_columns: Option<usize>) -> String {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let width = |column: usize| lines().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let line_width = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        if terminal_columns.is_some_and(|columns| line_width > columns) {
            self.records()
        } else {
            self.aligned(&widths)
        }
    }

    /// Numbers to the right, other values to the left.
    fn aligned(&self, widths: &[usize]) -> String {
        let mut out = String::new();
        for (number, row) in std::iter::once(&self.header).chain(&self.rows).enumerate() {
            for ((value, width), numeric) in row.iter().zip(widths).zip(&self.numeric) {
                let pad = " ".repeat(width - value.chars().count());
                let (before, after) = if *numeric { (pad.as_str(), "") } else { ("", pad.as_str()) };
                let _ = write!(out, "{before}{value}{after}  ");
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                out.push_str(&rule.join("  "));
                out.push('\n');
            }
        }
        out
    }

    /// Each row as a block of lines `column  value`.
    fn records(&self) -> String {
        let width = self.header.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let mut out = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let _ = writeln!(out, "-- row {}", number + 1);
            for (name, value) in self.header.iter().zip(row) {
                let pad = " ".repeat(width - name.chars().count());
                let _ = writeln!(out, "{}", format!("{name}{pad}  {value}").trim_end());
            }
        }
        if self.rows.is_empty() {
            out.push_str("no rows\n");
        }
        out
    }
}

fn truncated(value: &str, max_width: usize) -> String {
    let flat: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= max_width { flat } else { flat.chars().take(max_width - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        Table {
            header: vec!["id".to_owned(), "documents".to_owned()],
            numeric: vec![false, true],
            rows: vec![vec!["a".repeat(20), "7".to_owned()], vec!["b".to_owned(), "12".to_owned()]],
        }
    }

    #[test]
    fn a_table_aligns_numbers_to_the_right() {
        let expected = format!(
            "id{0}  documents\n{1}  ---------\n{2}          7\nb{3}         12\n",
            " ".repeat(18),
            "-".repeat(20),
            "a".repeat(20),
            " ".repeat(19)
        );
        assert_eq!(sample().to_text(None), expected);
        assert_eq!(sample().to_text(Some(31)), expected);
    }

    #[test]
    fn a_row_that_is_wider_than_the_terminal_becomes_a_block() {
        let a = "a".repeat(20);
        let expected = format!("-- row 1\nid         {a}\ndocuments  7\n-- row 2\nid         b\ndocuments  12\n");
        assert_eq!(sample().to_text(Some(30)), expected);
    }
}
