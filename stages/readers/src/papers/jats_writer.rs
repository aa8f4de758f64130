//! Writes the elements and texts of a JATS article as Markdown.
//!
//! Called by `jats` for each event of the parser.
//!
//! Invariant: the text of the current block is not searched for each element in it, so that time is linear in the
//! article.

use quick_xml::events::BytesStart;

use super::jats_article::{Article, JatsError, licence};
use super::jats_elements::{OpenElements, Role, attribute};
use super::jats_formula::Formula;
use super::jats_lists::{Lists, is_numbered, with_stop};
use super::jats_scripts::Scripts;
use super::jats_table::{CellPlace, Table};
use super::white_space::tidy;

/// The article as far as it is read.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) stack: Vec<Role>,
    /// Text of the current block.
    pub(super) line: String,
    /// Length of `line` if it has only the label of this block and the space after it; otherwise another number.
    label: usize,
    /// Where in `line` the label of an item begins.
    item_label: usize,
    /// Finished blocks.
    blocks: String,
    pub(super) formula: Formula,
    /// Whether the formula has text besides TeX and MathML, so that it is written as a line of text.
    pub(super) is_mixed: bool,
    scripts: Scripts,
    /// Where in `line` the text inside each open mark begins.
    marks: Vec<usize>,
    table: Table,
    cell: CellPlace,
    article: Article,
    /// The text of the address of a licence that is open.
    licence_link: String,
    found: bool,
    skipping: usize,
    pub(super) inside: OpenElements,
    sections: usize,
    lists: Lists,
    preformatted: usize,
}

impl Writer {
    /// The number of elements that are open.
    pub(super) fn open_elements(&self) -> usize {
        self.stack.len()
    }

    /// Whether there was an `article`.
    pub(super) fn has_article(&self) -> bool {
        self.found
    }

    /// Begins an element.
    ///
    /// # Errors
    /// The element is the root, and can contain no article.
    pub(super) fn open(&mut self, element: &BytesStart<'_>, position: usize) -> Result<(), JatsError> {
        let local = element.local_name();
        let name = local.as_ref();
        if self.stack.is_empty()
            && !matches!(name, "article" | "pmc-articleset" | "OAI-PMH" | "records" | "record" | "collection")
        {
            return Err(JatsError {
                rule: "not-jats",
                position,
                detail: format!("the root is `{name}`, not `article`"),
            });
        }
        if name == "article" && !self.found {
            self.found = true;
            self.article.language = attribute(element, "xml:lang");
        }
        if matches!(name, "license" | "ext-link") && self.article.licence.is_none() && self.inside.front > 0 {
            self.article.licence = attribute(element, "xlink:href").as_deref().and_then(licence);
        }
        let role = if self.skipping > 0 { Role::Skip } else { self.inside.role(name, element, self.stack.last()) };
        self.scripts.open_element();
        self.begin(role);
        self.stack.push(role);
        if let Some(count) = self.inside.count(role) {
            *count += 1;
        }
        match role {
            Role::Cell => self.cell = self.table.place(element),
            Role::Column => self.table.push_column(element),
            _ => {}
        }
        if self.inside.math > 0 {
            self.formula.open_element(element);
        }
        Ok(())
    }

    fn begin(&mut self, role: Role) {
        if self.inside.formula > 0 && matches!(role, Role::Mark(_) | Role::Script(_) | Role::Link(_)) {
            self.write_formula_parts();
        }
        match role {
            Role::Skip => self.skipping += 1,
            Role::Section => {
                self.flush();
                self.sections += 1;
            }
            Role::Block if matches!(self.stack.last(), Some(Role::Item)) => {}
            Role::Block | Role::Heading | Role::ArticleTitle if self.is_label_only() => {}
            Role::Block | Role::Heading | Role::ArticleTitle | Role::Label => self.flush(),
            Role::Abstract => {
                self.flush();
                self.block("## Abstract");
            }
            Role::List { is_ordered } => {
                self.flush();
                self.lists.open(is_ordered);
            }
            Role::Item => {
                self.flush();
                self.line = self.lists.mark();
            }
            Role::ItemLabel => self.item_label = self.line.len(),
            Role::Table => {
                self.flush();
                self.end_table();
            }
            Role::TableGroup => self.table.begin_columns(),
            Role::Row => {
                self.flush();
                self.table.begin_row();
            }
            Role::RowGroup => self.table.next_group(),
            Role::CellPart(separator) => self.begin_cell_part(separator),
            Role::Formula { display } => self.begin_formula(display),
            Role::Alternatives => self.formula.end_group(false),
            Role::Mark(mark) => {
                self.line.push_str(mark);
                self.marks.push(self.line.len());
            }
            Role::Script(kind) => self.scripts.begin(kind, self.line.len()),
            Role::Link(link) => self.scripts.begin_link(link, self.line.len()),
            Role::Break if self.inside.formula > 0 => self.space_in_formula(),
            Role::Break => self.line.push(if self.preformatted > 0 { '\n' } else { ' ' }),
            Role::Preformatted => {
                self.flush();
                self.preformatted += 1;
            }
            Role::Front | Role::LicenceLink | Role::Inline | Role::Column | Role::Cell | Role::Tex | Role::MathMl => {}
        }
    }

    /// Separates a block inside a cell from the text before it.
    fn begin_cell_part(&mut self, separator: &str) {
        let text = self.line.trim_end();
        let is_separate = text.is_empty() || text.ends_with(['.', ',', ';', ':', '!', '?']);
        self.line.truncate(text.len());
        self.line.push_str(if is_separate { " " } else { separator });
    }

    /// Ends the element that is open, whose name is `name`.
    pub(super) fn close(&mut self, name: &str) {
        let Some(role) = self.stack.pop() else { return };
        if self.inside.math > 0 {
            self.formula.close_element(name);
        }
        if let Some(count) = self.inside.count(role) {
            *count -= 1;
        }
        match role {
            Role::Skip => self.skipping -= 1,
            Role::Section => {
                self.flush();
                self.sections -= 1;
            }
            Role::Label => self.end_label(),
            Role::LicenceLink => {
                let link = std::mem::take(&mut self.licence_link);
                self.article.licence = self.article.licence.take().or_else(|| licence(&link));
            }
            Role::ItemLabel => {
                let line = self.take_line();
                self.line = self.lists.labelled(&line, self.item_label);
            }
            Role::Heading => {
                let title = self.take_line();
                let level = "#".repeat((self.sections + 1).min(6));
                self.block(&format!("{level} {}", tidy(&title)));
            }
            Role::ArticleTitle => {
                let title = tidy(&self.take_line());
                if !title.is_empty() {
                    // A set of articles has several.
                    self.block(&format!("# {title}"));
                    self.article.title.get_or_insert(title);
                }
            }
            Role::List { .. } => {
                self.flush();
                self.lists.close();
            }
            Role::Cell => {
                let cell = tidy(&self.take_line());
                self.table.push_cell(cell, self.cell);
            }
            Role::CellPart(_) => self.line.push(' '),
            Role::Row => self.line.clear(),
            Role::RowGroup => self.table.next_group(),
            Role::Table => self.end_table(),
            Role::Formula { display } => self.end_formula(display),
            Role::Alternatives => self.end_alternatives(),
            Role::Tex | Role::MathMl => self.end_formula_part(role),
            Role::Mark(mark) => self.end_mark(mark),
            Role::Script(_) => self.scripts.end(&mut self.line),
            Role::Link(_) => self.scripts.end_link(&mut self.line),
            Role::Preformatted => {
                self.preformatted -= 1;
                let code = self.take_line();
                self.block(&format!("```\n{}\n```", code.trim_matches('\n')));
            }
            Role::Block | Role::Item | Role::Abstract => self.flush(),
            Role::Front | Role::Inline | Role::TableGroup | Role::Column | Role::Break => {}
        }
    }

    /// Reads text.
    pub(super) fn text(&mut self, text: &str) {
        if self.skipping > 0 {
            return;
        }
        let parent = self.stack.last();
        let is_space = text.trim().is_empty();
        match parent {
            None | Some(Role::Front | Role::Row) => {}
            Some(Role::LicenceLink) => self.licence_link.push_str(text),
            Some(Role::Tex) => self.formula.tex_text(text),
            _ if self.inside.math > 0 => self.formula.math_text(text),
            Some(Role::Formula { .. } | Role::Alternatives) if is_space => self.space_in_formula(),
            Some(Role::Formula { display: true }) if self.formula.punctuate(text.trim()) => {}
            _ if is_space && self.is_label_only() => {}
            _ => {
                if self.inside.formula > 0 {
                    self.write_formula_parts();
                }
                self.scripts.text(text, &mut self.line);
            }
        }
    }

    /// Takes the text of the current block.
    pub(super) fn take_line(&mut self) -> String {
        self.label = 0;
        self.scripts.reset();
        std::mem::take(&mut self.line)
    }

    /// Whether the current block has its label, and nothing after it.
    fn is_label_only(&self) -> bool {
        self.label > 0 && self.line.len() == self.label
    }

    /// Begins a block with its label, so that the title or caption continues it.
    fn end_label(&mut self) {
        let label = tidy(&self.take_line());
        if !label.is_empty() {
            self.line = with_stop(&label) + " ";
            self.label = self.line.len();
        }
    }

    /// Closes a mark of Markdown, or removes it if nothing is in it.
    fn end_mark(&mut self, mark: &str) {
        let is_empty = self.marks.pop() == Some(self.line.len());
        match self.line.strip_suffix(mark).filter(|_| is_empty) {
            Some(before) => self.line.truncate(before.len()),
            None => self.line.push_str(mark),
        }
    }

    /// Writes the table whose rows are read, if any.
    fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            self.push_block(&table);
        }
    }

    /// Ends the current block.
    pub(super) fn flush(&mut self) {
        let line = self.take_line();
        let indent = line.len() - line.trim_start_matches(' ').len();
        let text = tidy(&line);
        if text.is_empty() || text == "-" {
            return;
        }
        self.end_table();
        let item = !self.lists.is_empty();
        let text = if item { format!("{}{text}", &line[..indent]) } else { text };
        if item
            && self
                .blocks
                .lines()
                .next_back()
                .is_some_and(|last| last.trim_start().starts_with("- ") || is_numbered(last))
        {
            self.blocks.push('\n');
            self.blocks.push_str(&text);
        } else {
            self.block(&text);
        }
    }

    /// Writes a block after the table before it.
    pub(super) fn block(&mut self, text: &str) {
        self.end_table();
        self.push_block(text);
    }

    fn push_block(&mut self, text: &str) {
        if !self.blocks.is_empty() {
            self.blocks.push_str("\n\n");
        }
        self.blocks.push_str(text);
    }

    /// Ends the article.
    pub(super) fn finish(mut self) -> Article {
        self.flush();
        self.end_table();
        self.article.text = self.blocks;
        if !self.article.text.is_empty() {
            self.article.text.push('\n');
        }
        self.article
    }
}
