//! Converts JATS XML articles (ANSI/NISO Z39.96, as in PubMed Central) to Markdown.
//!
//! The output has the title, abstract, sections, appendices, paragraphs, lists, tables, captions, footnotes and formulae,
//! in the order of the file: what the article keeps in `floats-group` comes last. Labels (`Table 1`) come before their
//! title or caption. Left out by choice are the journal's and authors' metadata, references, acknowledgements,
//! supplementary files, the numbers of formulae, the letters of reviewers, and articles inside the article. Formulae
//! are TeX; superscripts, subscripts and spanned cells are written as in HTML cleaning. A line break becomes a space.
//! Entities of the DTD have the characters that the HTML standard gives them.
//!
//! Invariant: a pull parser with one explicit stack handles nesting of any depth without recursion.

use corpusmill_html::entities::decode_entities;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::jats_elements::{OpenElements, Role, attribute};
use super::jats_formula::Formula;
use super::jats_scripts::Scripts;
use super::jats_table::{Span, Table};
use super::white_space::tidy;

/// A converted article.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Article {
    /// The article as Markdown, with its title as the first heading.
    pub text: String,
    /// Its title.
    pub title: Option<String>,
    /// SPDX identifier of a Creative Commons licence, if the article links to one.
    pub licence: Option<String>,
    /// `xml:lang` of the article.
    pub language: Option<String>,
}

/// The reason why an XML file is not an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JatsError {
    /// Rule: `bad-xml` or `not-jats`.
    pub rule: &'static str,
    /// Byte offset of the problem.
    pub position: usize,
    /// Description of the problem.
    pub detail: String,
}

/// Converts one article.
///
/// # Errors
/// The XML is malformed or truncated, or its root is not an `article`.
pub fn to_markdown(xml: &str) -> Result<Article, JatsError> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().allow_dangling_amp = true;
    let mut writer = Writer::default();
    loop {
        let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let bad = |detail: String| JatsError { rule: "bad-xml", position, detail };
        match reader.read_event().map_err(|error| bad(error.to_string()))? {
            Event::Start(element) => writer.open(&element, position)?,
            Event::Empty(element) => {
                writer.open(&element, position)?;
                writer.close(element.local_name().as_ref());
            }
            Event::End(element) => writer.close(element.local_name().as_ref()),
            Event::Text(text) => writer.text(&text.xml10_content()),
            Event::CData(text) => writer.text(&text.into_inner()),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(character)) => writer.text(character.encode_utf8(&mut [0; 4])),
                _ => writer.text(&entity(&name)),
            },
            Event::Eof if !writer.stack.is_empty() => {
                return Err(bad(format!("the file ends inside {} open elements", writer.stack.len())));
            }
            Event::Eof if !writer.found => {
                return Err(JatsError { rule: "not-jats", position, detail: "there is no `article`".to_owned() });
            }
            Event::Eof => return Ok(writer.finish()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The characters of an entity; an unknown one as it is written.
fn entity(name: &str) -> String {
    let reference = format!("&{name};");
    let decoded = decode_entities(&reference, false).into_owned();
    // In HTML a name may end early, as in `&notit;`; in XML it may not.
    if decoded.ends_with(';') && name != "semi" { reference } else { decoded }
}

#[derive(Default)]
struct Writer {
    stack: Vec<Role>,
    /// Text of the current block.
    line: String,
    /// Length of `line` if it has only the label of this block, without the space after it; otherwise less.
    label: usize,
    /// Finished blocks.
    blocks: String,
    formula: Formula,
    scripts: Scripts,
    /// Where in `line` the text inside each open mark begins.
    marks: Vec<usize>,
    table: Table,
    /// The span of the current cell.
    span: Span,
    article: Article,
    found: bool,
    skipping: usize,
    inside: OpenElements,
    sections: usize,
    lists: usize,
    preformatted: usize,
}

impl Writer {
    fn open(&mut self, element: &BytesStart<'_>, position: usize) -> Result<(), JatsError> {
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
        if matches!(name, "license" | "license_ref" | "ext-link")
            && self.article.licence.is_none()
            && self.inside.front > 0
        {
            self.article.licence = attribute(element, "xlink:href").as_deref().and_then(licence);
        }
        let role = if self.skipping > 0 { Role::Skip } else { self.inside.role(name, element, self.stack.last()) };
        self.begin(role);
        self.stack.push(role);
        if let Some(count) = self.inside.count(role) {
            *count += 1;
        }
        if role == Role::Cell {
            self.span = Span::of(element);
        }
        if self.inside.math > 0 {
            self.formula.open_element(element);
        }
        Ok(())
    }

    fn begin(&mut self, role: Role) {
        match role {
            Role::Skip => self.skipping += 1,
            Role::Section => {
                self.flush();
                self.sections += 1;
            }
            Role::Block if matches!(self.stack.last(), Some(Role::Item)) => {}
            Role::Block | Role::Heading | Role::ArticleTitle if self.is_label_only() => {}
            Role::Block | Role::Heading | Role::ArticleTitle | Role::Label | Role::Row => self.flush(),
            Role::Abstract => {
                self.flush();
                self.block("## Abstract");
            }
            Role::List { .. } => {
                self.flush();
                self.lists += 1;
            }
            Role::Item => self.begin_item(),
            Role::Table => self.end_table(),
            Role::RowGroup => self.table.next_group(),
            Role::CellPart(separator) => self.begin_cell_part(separator),
            Role::Formula { display } => {
                self.formula.clear();
                self.separate_display(display);
            }
            Role::Mark(mark) => {
                self.line.push_str(mark);
                self.marks.push(self.line.len());
            }
            Role::Script(kind) => self.scripts.begin(kind, self.line.len()),
            Role::Link => self.scripts.begin_link(self.line.len()),
            Role::Break => self.line.push(if self.preformatted > 0 { '\n' } else { ' ' }),
            Role::Preformatted => {
                self.flush();
                self.preformatted += 1;
            }
            Role::Front | Role::Inline | Role::Cell | Role::Tex | Role::MathMl => {}
        }
    }

    fn begin_item(&mut self) {
        self.flush();
        let depth = self.lists.saturating_sub(1);
        let mark = match self.stack.iter_mut().rev().find(|role| matches!(role, Role::List { .. })) {
            Some(Role::List { ordered: true, count }) => {
                *count += 1;
                format!("{count}. ")
            }
            _ => "- ".to_owned(),
        };
        self.line = format!("{}{mark}", "  ".repeat(depth.min(20)));
    }

    /// Separates a block inside a cell from the text before it.
    fn begin_cell_part(&mut self, separator: &str) {
        let text = self.line.trim_end();
        let is_separate = text.is_empty() || text.ends_with(['.', ',', ';', ':', '!', '?']);
        self.line.truncate(text.len());
        self.line.push_str(if is_separate { " " } else { separator });
    }

    /// Separates a formula on a line of its own, which may be written as text, from the text around it.
    fn separate_display(&mut self, display: bool) {
        if display && !self.line.is_empty() {
            self.line.push(' ');
        }
    }

    /// Ends the element that is open, whose name is `name`.
    fn close(&mut self, name: &str) {
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
            Role::Heading => {
                let title = self.take_line();
                let level = "#".repeat((self.sections + 1).min(6));
                self.block(&format!("{level} {}", tidy(&title)));
            }
            Role::ArticleTitle => {
                let title = tidy(&self.take_line());
                if self.article.title.is_none() && !title.is_empty() {
                    self.block(&format!("# {title}"));
                    self.article.title = Some(title);
                }
            }
            Role::List { .. } => {
                self.flush();
                self.lists -= 1;
            }
            Role::Cell => {
                let cell = tidy(&self.take_line());
                self.table.push_cell(&cell, self.span);
            }
            Role::CellPart(_) => self.line.push(' '),
            Role::Row => {
                self.line.clear();
                self.table.end_row();
            }
            Role::RowGroup => self.table.next_group(),
            Role::Table => self.end_table(),
            Role::Formula { display } => self.end_formula(display),
            Role::Tex | Role::MathMl => self.end_formula_part(role),
            Role::Mark(mark) => self.end_mark(mark),
            Role::Script(_) => self.scripts.end(&mut self.line),
            Role::Link => self.scripts.end_link(&mut self.line),
            Role::Preformatted => {
                self.preformatted -= 1;
                let code = self.take_line();
                self.block(&format!("```\n{}\n```", code.trim_matches('\n')));
            }
            Role::Block | Role::Item | Role::Abstract => self.flush(),
            Role::Front | Role::Inline | Role::Break => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.skipping > 0 {
            return;
        }
        match self.stack.last() {
            None | Some(Role::Front | Role::Row) => {}
            Some(Role::Tex) => self.formula.tex_text(text),
            _ if self.inside.math > 0 => self.formula.math_text(text),
            // Only white space and a label occur between a formula's alternatives.
            Some(Role::Formula { .. }) if text.trim().is_empty() => {}
            _ => self.scripts.text(text, &mut self.line),
        }
    }

    fn take_line(&mut self) -> String {
        self.label = 0;
        self.scripts.reset();
        std::mem::take(&mut self.line)
    }

    /// Whether the current block has its label, and nothing after it.
    fn is_label_only(&self) -> bool {
        self.label > 0 && self.line.trim_end().len() == self.label
    }

    /// Begins a block with its label, so that the title or caption continues it.
    fn end_label(&mut self) {
        let label = tidy(&self.take_line());
        if !label.is_empty() {
            let stop = if label.ends_with(char::is_alphanumeric) { "." } else { "" };
            self.label = label.len() + stop.len();
            self.line = format!("{label}{stop} ");
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

    /// Ends a `tex-math` or `math`, which is a formula of its own if no element of JATS says so.
    fn end_formula_part(&mut self, role: Role) {
        if role == Role::Tex {
            self.formula.end_tex();
        } else {
            self.formula.end_math();
        }
        if self.inside.formula == 0 {
            self.end_formula(false);
        }
    }

    fn end_formula(&mut self, display: bool) {
        let body = self.formula.take();
        if body.is_empty() {
            self.separate_display(display);
        } else if display {
            self.flush();
            self.block(&format!("$$\n{body}\n$$"));
        } else {
            self.line.extend(["$", body.as_str(), "$"]);
        }
    }

    /// Writes the table whose rows are read, if any.
    fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            self.push_block(&table);
        }
    }

    fn flush(&mut self) {
        let line = self.take_line();
        let indent = line.len() - line.trim_start_matches(' ').len();
        let text = tidy(&line);
        if text.is_empty() || text == "-" {
            return;
        }
        self.end_table();
        let item = self.lists > 0;
        let text = if item { format!("{}{text}", &line[..indent]) } else { text };
        if item
            && self.blocks.lines().next_back().is_some_and(|last| last.trim_start().starts_with("- ") || numbered(last))
        {
            self.blocks.push('\n');
            self.blocks.push_str(&text);
        } else {
            self.block(&text);
        }
    }

    fn block(&mut self, text: &str) {
        self.end_table();
        self.push_block(text);
    }

    fn push_block(&mut self, text: &str) {
        if !self.blocks.is_empty() {
            self.blocks.push_str("\n\n");
        }
        self.blocks.push_str(text);
    }

    fn finish(mut self) -> Article {
        self.flush();
        self.end_table();
        self.article.text = self.blocks;
        if !self.article.text.is_empty() {
            self.article.text.push('\n');
        }
        self.article
    }
}

fn numbered(line: &str) -> bool {
    let rest = line.trim_start().trim_start_matches(|character: char| character.is_ascii_digit());
    rest.len() < line.trim_start().len() && rest.starts_with(". ")
}

/// Converts a Creative Commons link to its SPDX identifier; `None` for a link that is not a licence.
fn licence(link: &str) -> Option<String> {
    let path = link.split_once("creativecommons.org/")?.1.trim_end_matches('/');
    let mut parts = path.split('/');
    let (kind, name, version) = (parts.next()?, parts.next()?, parts.next().unwrap_or("4.0"));
    match kind {
        "licenses" => Some(format!("CC-{}-{version}", name.to_ascii_uppercase())),
        "publicdomain" if name == "zero" => Some("CC0-1.0".to_owned()),
        _ => None,
    }
}
