//! Distinguishes data tables from layout tables.
//!
//! Runs before the classifier, which keeps or cuts a data table as one block, and before `table`, which reads it for
//! the output.
//!
//! Invariant: a table that contains code, lists, headings or another table is never a data table.

use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// Maximum number of columns of a data table.
pub(crate) const MAX_COLUMNS: usize = 64;
/// Maximum length of the text of one cell of a data table, in bytes.
pub(crate) const MAX_CELL_BYTES: usize = 1000;

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
