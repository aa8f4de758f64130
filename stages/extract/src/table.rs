//! Reads a data table as rows of cells, each rendered as one line.
//!
//! Invariant: a table that contains code, lists, headings or another table is never written as a data table.

use crate::data_table::{MAX_CELL_BYTES, MAX_COLUMNS};
use crate::prune::Pruned;
use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// A data table, with each cell as one line.
pub(crate) struct Table {
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) columns: usize,
}

/// Reads the table `id`, or `None` if it lays out the page; `render_cell` renders a cell as one line.
pub(crate) fn read_table(
    tree: &Tree<'_>,
    pruned: &Pruned,
    id: usize,
    render_cell: &dyn Fn(usize) -> String,
) -> Option<Table> {
    let inside = id + 1..tree.end(id);
    let (mut rows_of_cells, mut paragraphs, mut cells): (Vec<Vec<usize>>, usize, usize) = (Vec::new(), 0, 0);
    for at in inside {
        match tree.node(at).tag {
            Tag::Table | Tag::Pre | Tag::Ul | Tag::Ol | Tag::Article | Tag::Blockquote => return None,
            tag if tag.heading().is_some() => return None,
            Tag::P => paragraphs += 1,
            Tag::Tr => rows_of_cells.push(Vec::new()),
            Tag::Td | Tag::Th => {
                cells += 1;
                rows_of_cells.last_mut()?.push(at);
            }
            _ => {}
        }
    }
    let columns = rows_of_cells.iter().map(Vec::len).max().unwrap_or(0);
    if rows_of_cells.len() < 2 || !(2..=MAX_COLUMNS).contains(&columns) || paragraphs > cells {
        return None;
    }
    let rows: Vec<Vec<String>> = rows_of_cells
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| if pruned.is_cut(*cell) { String::new() } else { render_cell(*cell).trim().to_owned() })
                .collect()
        })
        .filter(|row: &Vec<String>| row.iter().any(|cell| !cell.is_empty()))
        .collect();
    let longest = rows.iter().flatten().map(String::len).max().unwrap_or(0);
    (rows.len() >= 2 && longest <= MAX_CELL_BYTES).then_some(Table { rows, columns })
}
