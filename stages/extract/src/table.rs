//! Distinguishes data tables from layout tables, and reads data tables.
//!
//! Invariant: a table that contains code, lists, headings or another table is never written as a data table.

use super::render::Renderer;
use super::tree::Tree;
use corpusmill_html::tag::Tag;

/// Maximum number of columns of a data table.
const MAX_COLUMNS: usize = 64;

/// A data table, with each cell as one line.
pub(crate) struct Table {
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) columns: usize,
}

/// Maximum length of the text of one cell of a data table, in bytes.
const MAX_CELL_BYTES: usize = 1000;

/// Whether the table `id` has the markup of a data table.
pub(crate) fn is_data_table(tree: &Tree<'_>, id: usize) -> bool {
    let (mut rows, mut cells, mut columns, mut widest, mut paragraphs, mut text) = (0, 0, 0, 0, 0, 0);
    for at in id + 1..tree.end(id) {
        match tree.node(at).tag {
            Tag::Table | Tag::Pre | Tag::Ul | Tag::Ol | Tag::Article | Tag::Blockquote | Tag::Form => return false,
            tag if tag.heading().is_some() => return false,
            Tag::P => paragraphs += 1,
            Tag::Tr => (rows, columns) = (rows + 1, 0),
            Tag::Td | Tag::Th => {
                (cells, columns, text) = (cells + 1, columns + 1, 0);
                widest = widest.max(columns);
            }
            Tag::Text => {
                text += tree.raw_text(at).trim().len();
                if text > MAX_CELL_BYTES {
                    return false;
                }
            }
            _ => {}
        }
    }
    rows >= 2 && (2..=MAX_COLUMNS).contains(&widest) && paragraphs <= cells
}

/// Reads the table `id`, or `None` if it lays out the page.
pub(crate) fn read_table(renderer: &Renderer<'_, '_>, id: usize) -> Option<Table> {
    let tree = renderer.tree;
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
                .map(|cell| {
                    if renderer.pruned.is_cut(*cell) {
                        String::new()
                    } else {
                        renderer.render_line(*cell).trim().to_owned()
                    }
                })
                .collect()
        })
        .filter(|row: &Vec<String>| row.iter().any(|cell| !cell.is_empty()))
        .collect();
    let longest = rows.iter().flatten().map(String::len).max().unwrap_or(0);
    (rows.len() >= 2 && longest <= MAX_CELL_BYTES).then_some(Table { rows, columns })
}
