//! Distinguishes data tables from layout tables.
//!
//! Runs before the classifier, which keeps or cuts a data table as one block, and before `table`, which reads it for
//! the output.
//!
//! A table with plain text in its cells is a data table by its size. Lists, code, short quotations, inner tables and
//! several paragraphs in a cell are also what lays out a page: a table with them is a data table only if it has header
//! cells, or a short label at the start of every row, and nothing that belongs to a page rather than to data. Of the
//! 1,778 tables of the development sets, 19 are such tables, and none of these lays out a page.
//!
//! Invariant: a table that contains headings, articles, long quotations or tables that are nested more than
//! [`MAX_INNER_TABLES`] times is never a data table; time is linear in the page, since a table is read no further than
//! the first table that is nested deeper, so that each node is read for few of the tables around it.

use crate::page::Page;
use crate::rule::CutRule;
use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// Maximum number of columns of a data table.
pub(crate) const MAX_COLUMNS: usize = 64;
/// Maximum length of the text of one cell of plain text, and of one paragraph or item of any cell, in bytes.
const MAX_CELL_BYTES: usize = 1000;
/// Maximum length of the text of one cell that contains lists, code, a table or several paragraphs, or of a table with
/// a row of headers, in bytes.
const MAX_BLOCK_CELL_BYTES: usize = 4000;
/// Maximum length of the text of one cell of an inner table or one quotation, in bytes; longer text means layout, as of
/// a forum's posts.
const MAX_INNER_CELL_BYTES: usize = 200;
/// Maximum number of tables around one another in a cell of a data table.
const MAX_INNER_TABLES: usize = 4;
/// Maximum length of a label at the start of a row, in bytes.
const MAX_LABEL_BYTES: usize = 100;

/// What a table contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableKind {
    /// Parts of the page.
    Layout,
    /// Data, in cells of plain text.
    Plain,
    /// Data, in cells of which some contain lists, code, a table or several paragraphs.
    Blocks,
}

/// Whether the table `id` has the markup of a data table.
pub(crate) fn is_data_table(page: &Page<'_>, id: usize) -> bool {
    TableShape::read(page, id).is_some_and(|shape| match shape.kind() {
        TableKind::Layout => false,
        TableKind::Plain => shape.forms == 0 && shape.longest_cell <= shape.max_cell_bytes(),
        TableKind::Blocks => true,
    })
}

/// A table's size and what is in its cells, counted in one pass.
#[derive(Debug, Default)]
pub(crate) struct TableShape {
    rows: usize,
    cells: usize,
    /// The most cells of a row, and the fewest of a row that has any.
    widest: usize,
    narrowest: Option<usize>,
    /// Rows of header cells.
    header_rows: usize,
    /// Rows that begin with a header cell, with a short label, and all rows that have cells.
    led_rows: usize,
    labelled_rows: usize,
    filled_rows: usize,
    paragraphs: usize,
    forms: usize,
    /// Lists, code, quotations and inner tables.
    blocks: usize,
    quotations: usize,
    inner_tables: usize,
    /// Code blocks.
    pub(crate) code_blocks: usize,
    images: usize,
    /// Elements that belong to a page and not to data: form controls, frames, sections, posts, blocks outside cells.
    page_parts: usize,
    /// Bytes of the longest cell, paragraph, and cell of an inner table or quotation.
    longest_cell: usize,
    longest_paragraph: usize,
    longest_inner_cell: usize,
}

impl TableShape {
    /// Reads the table `id`; `None` if it contains what no data table does.
    pub(crate) fn read(page: &Page<'_>, id: usize) -> Option<Self> {
        let tree = &page.tree;
        let mut reader = ShapeReader::default();
        for at in id + 1..tree.end(id) {
            match tree.node(at).tag {
                Tag::Article => return None,
                tag if tag.heading().is_some() => return None,
                Tag::Table if reader.inner_tables_around(at) >= MAX_INNER_TABLES => return None,
                Tag::Text => reader.text(at, tree.raw_text(at)),
                tag => {
                    reader.element(tree, at, tag);
                    let class = page.class_names.class_hints(at);
                    let post = class.post || class.hints.prune == Some(CutRule::Comments);
                    reader.shape.page_parts += usize::from(post);
                }
            }
        }
        reader.end_row();
        Some(reader.shape)
    }

    /// What the table contains.
    pub(crate) fn kind(&self) -> TableKind {
        if self.rows < 2 || !(2..=MAX_COLUMNS).contains(&self.widest) {
            TableKind::Layout
        } else if self.blocks == 0 && self.paragraphs <= self.cells {
            TableKind::Plain
        } else if (self.has_headers() || self.has_labels()) && !self.is_page() {
            TableKind::Blocks
        } else {
            TableKind::Layout
        }
    }

    /// Maximum length of the text of one cell, in bytes.
    pub(crate) fn max_cell_bytes(&self) -> usize {
        let is_headed = self.header_rows > 0 && self.page_parts == 0;
        if is_headed || self.kind() == TableKind::Blocks { MAX_BLOCK_CELL_BYTES } else { MAX_CELL_BYTES }
    }

    fn has_headers(&self) -> bool {
        self.header_rows > 0 || (self.filled_rows >= 2 && self.led_rows == self.filled_rows)
    }

    /// Whether every row has the same number of cells, of which the first is a short label. The cells may contain inner
    /// tables: what a page lays out in these has longer text.
    fn has_labels(&self) -> bool {
        self.filled_rows >= 2
            && self.labelled_rows == self.filled_rows
            && self.narrowest == Some(self.widest)
            && self.quotations == 0
            && self.images == 0
    }

    /// Whether the cells contain parts of a page, or long text.
    fn is_page(&self) -> bool {
        self.page_parts > 0
            || self.forms > 0
            || self.longest_cell > MAX_BLOCK_CELL_BYTES
            || self.longest_paragraph > MAX_CELL_BYTES
            || self.longest_inner_cell > MAX_INNER_CELL_BYTES
    }
}

/// Counts what a table contains, in document order.
#[derive(Debug, Default)]
struct ShapeReader {
    shape: TableShape,
    /// One past the last node of the last cell, and of the last inner table or quotation.
    cell_end: usize,
    inner_end: usize,
    /// One past the last node of each inner table that is open, the outermost first.
    inner_tables: Vec<usize>,
    /// Cells, header cells and other cells of the row so far.
    columns: usize,
    headers: usize,
    others: usize,
    /// Bytes of the cell, the paragraph, and the cell of the inner table or quotation so far.
    cell: usize,
    paragraph: usize,
    inner_cell: usize,
    /// Whether the last cell contains elements that a label does not: blocks, links.
    is_complex: bool,
}

impl ShapeReader {
    /// The number of inner tables around a node.
    fn inner_tables_around(&mut self, at: usize) -> usize {
        while self.inner_tables.pop_if(|end| *end <= at).is_some() {}
        self.inner_tables.len()
    }

    fn text(&mut self, at: usize, text: &str) {
        let (bytes, shape) = (text.trim().len(), &mut self.shape);
        self.cell += bytes;
        self.paragraph += bytes;
        shape.longest_cell = shape.longest_cell.max(self.cell);
        shape.longest_paragraph = shape.longest_paragraph.max(self.paragraph);
        if at < self.inner_end {
            self.inner_cell += bytes;
            shape.longest_inner_cell = shape.longest_inner_cell.max(self.inner_cell);
        }
    }

    fn element(&mut self, tree: &Tree<'_>, at: usize, tag: Tag) {
        let is_inner = at < self.inner_end;
        if tag.is_block() {
            self.paragraph = 0;
        }
        match tag {
            Tag::Tr if !is_inner => {
                self.end_row();
                self.shape.rows += 1;
                self.columns = 0;
            }
            Tag::Td | Tag::Th if !is_inner => self.start_cell(tree.end(at), tag),
            Tag::Td | Tag::Th => self.inner_cell = 0,
            Tag::Table => {
                self.inner_end = self.inner_end.max(tree.end(at));
                self.inner_tables.push(tree.end(at));
                self.inner_cell = 0;
                self.shape.inner_tables += 1;
                self.block(at);
            }
            Tag::Blockquote => {
                self.inner_end = self.inner_end.max(tree.end(at));
                self.inner_cell = 0;
                self.shape.quotations += 1;
                self.block(at);
            }
            tag if tag.is_preformatted() => {
                self.shape.code_blocks += 1;
                if tag == Tag::Pre {
                    self.block(at);
                }
            }
            Tag::Ul | Tag::Ol => self.block(at),
            Tag::P => self.shape.paragraphs += 1,
            Tag::Form => self.shape.forms += 1,
            Tag::Img => self.shape.images += 1,
            _ => self.shape.page_parts += usize::from(is_page_part(tag)),
        }
        self.is_complex |= tag == Tag::A || (tag.is_block() && !matches!(tag, Tag::Tr | Tag::Td | Tag::Th));
    }

    /// A list, code block, quotation or inner table begins.
    fn block(&mut self, at: usize) {
        self.shape.blocks += 1;
        self.shape.page_parts += usize::from(at >= self.cell_end);
    }

    fn start_cell(&mut self, end: usize, tag: Tag) {
        self.end_label();
        self.cell_end = end;
        self.cell = 0;
        self.is_complex = false;
        self.columns += 1;
        self.shape.cells += 1;
        self.shape.widest = self.shape.widest.max(self.columns);
        if tag == Tag::Th {
            self.headers += 1;
        } else {
            self.others += 1;
        }
        if self.columns == 1 {
            self.shape.filled_rows += 1;
            self.shape.led_rows += usize::from(tag == Tag::Th);
        }
    }

    /// Counts the first cell of a row, when the next one begins, if it is a label.
    fn end_label(&mut self) {
        let is_label = self.columns == 1 && !self.is_complex && (1..=MAX_LABEL_BYTES).contains(&self.cell);
        self.shape.labelled_rows += usize::from(is_label);
    }

    fn end_row(&mut self) {
        // A row of headers may begin with an empty cell.
        self.shape.header_rows += usize::from(self.headers >= 2 && self.others <= 1);
        if self.columns > 0 {
            self.shape.narrowest = Some(self.shape.narrowest.map_or(self.columns, |fewest| fewest.min(self.columns)));
        }
        (self.headers, self.others) = (0, 0);
    }
}

/// Whether an element belongs to a page and not to data: form controls, frames, sections.
fn is_page_part(tag: Tag) -> bool {
    use Tag::{
        Aside, Audio, Button, Dialog, Embed, Fieldset, Footer, Header, Hr, Iframe, Input, Main, Nav, Object, Section,
        Select, Textarea, Video,
    };
    matches!(
        tag,
        Aside
            | Audio
            | Button
            | Dialog
            | Embed
            | Fieldset
            | Footer
            | Header
            | Hr
            | Iframe
            | Input
            | Main
            | Nav
            | Object
            | Section
            | Select
            | Textarea
            | Video
    )
}
