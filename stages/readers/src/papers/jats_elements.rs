//! Maps the elements of a JATS article to their role in readable text.
//!
//! Names are those of the NISO Z39.96 Journal Archiving tag set.
//!
//! Invariant: an element's role follows from its name, its parent's role and the counts of open elements around it,
//! never from a search of the stack.

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use super::jats_scripts::Link;
use super::scripts::Script;

/// How the content of an element is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its content is skipped.
    Skip,
    /// Metadata: only its titles, abstracts and licences are read.
    Front,
    /// Its text continues the current block.
    Inline,
    /// A separate block.
    Block,
    Section,
    Heading,
    ArticleTitle,
    /// The address of the licence, as text.
    LicenceLink,
    Abstract,
    List {
        is_ordered: bool,
    },
    Item,
    ItemLabel,
    /// The label of a section, table or figure, which its title or caption follows.
    Label,
    Table,
    /// The part of a table that declares its columns, and one such column.
    TableGroup,
    Column,
    /// The head, a body or the foot of a table.
    RowGroup,
    Row,
    Cell,
    /// A block inside a cell, which is one line: what separates it from the text before it.
    CellPart(&'static str),
    Formula {
        display: bool,
    },
    /// Representations of one thing, such as the TeX and the MathML of a formula.
    Alternatives,
    Tex,
    MathMl,
    Mark(&'static str),
    /// A superscript or subscript.
    Script(Script),
    /// A link inside the article.
    Link(Link),
    /// The end of a line.
    Break,
    Preformatted,
}

/// Numbers of open elements by role: the stack is not searched, since it may be deep.
#[derive(Default)]
pub(crate) struct OpenElements {
    pub(crate) front: usize,
    pub(crate) summary: usize,
    pub(crate) title: usize,
    pub(crate) row: usize,
    pub(crate) cell: usize,
    pub(crate) math: usize,
    pub(crate) formula: usize,
    pub(crate) script: usize,
}

impl OpenElements {
    /// Returns the counter of a role, if the role has one.
    pub(crate) fn count(&mut self, role: Role) -> Option<&mut usize> {
        match role {
            Role::Front => Some(&mut self.front),
            Role::Abstract => Some(&mut self.summary),
            Role::ArticleTitle => Some(&mut self.title),
            Role::Row => Some(&mut self.row),
            Role::Cell => Some(&mut self.cell),
            Role::MathMl => Some(&mut self.math),
            Role::Formula { .. } => Some(&mut self.formula),
            Role::Script(_) => Some(&mut self.script),
            _ => None,
        }
    }

    /// Returns the role of an element that opens inside `parent`.
    pub(crate) fn role(&self, name: &str, element: &BytesStart<'_>, parent: Option<&Role>) -> Role {
        if self.math > 0 {
            return Role::Inline;
        }
        match name {
            "front" | "article-meta" => return Role::Front,
            "abstract" | "trans-abstract" => return Role::Abstract,
            _ if self.front > 0 && self.summary == 0 && self.title == 0 => return role_in_front(name),
            // The number of a formula is no part of it.
            "label" if self.formula > 0 => return Role::Skip,
            "label" if parent == Some(&Role::Item) => return Role::ItemLabel,
            // What is in a script is not set in italics: mathematics sets variables so, and they are not plain text.
            "italic" | "bold" if self.script > 0 => return Role::Inline,
            _ => {}
        }
        let in_cell = if self.cell > 0 { role_in_cell(name) } else { None };
        in_cell.unwrap_or_else(|| self.role_in_text(name, element, parent))
    }

    fn role_in_text(&self, name: &str, element: &BytesStart<'_>, parent: Option<&Role>) -> Role {
        match name {
            "ref-list"
            | "journal-meta"
            | "ack"
            | "object-id"
            | "graphic"
            | "media"
            | "supplementary-material"
            | "sub-article"
            | "response"
            | "alt-text" => Role::Skip,
            "label" => Role::Label,
            "sec" | "app" | "notes" | "glossary" | "fn-group" => Role::Section,
            "title" if parent == Some(&Role::Section) => Role::Heading,
            "p" | "title" | "caption" | "disp-quote" | "fig" | "table-wrap" | "def-item" | "boxed-text" | "fn"
            | "statement" | "verse-line" | "td-p" => Role::Block,
            "list" => Role::List { is_ordered: attribute(element, "list-type").is_some_and(|kind| kind == "order") },
            "list-item" => Role::Item,
            "table" | "array" => Role::Table,
            "tgroup" => Role::TableGroup,
            "colspec" => Role::Column,
            "thead" | "tbody" | "tfoot" => Role::RowGroup,
            "tr" | "row" if self.row == 0 => Role::Row,
            "td" | "th" | "entry" if self.row > 0 => Role::Cell,
            // Damaged tables: their text is kept.
            "tr" | "row" | "td" | "th" | "entry" => Role::CellPart(" "),
            "disp-formula" => Role::Formula { display: true },
            "inline-formula" => Role::Formula { display: false },
            "alternatives" => Role::Alternatives,
            "tex-math" => Role::Tex,
            "math" => Role::MathMl,
            "italic" => Role::Mark("*"),
            "bold" => Role::Mark("**"),
            "monospace" => Role::Mark("`"),
            "sup" => Role::Script(Script::Super),
            "sub" => Role::Script(Script::Sub),
            "xref" => Role::Link(Link::of(attribute(element, "ref-type").as_deref())),
            "break" => Role::Break,
            "code" | "preformat" => Role::Preformatted,
            _ => Role::Inline,
        }
    }
}

/// Returns the role of an element in the metadata.
fn role_in_front(name: &str) -> Role {
    match name {
        "article-title" => Role::ArticleTitle,
        "title-group" | "permissions" | "license" | "license-p" | "ext-link" => Role::Front,
        "license_ref" => Role::LicenceLink,
        _ => Role::Skip,
    }
}

/// Returns the role of an element that is a block of its own elsewhere, inside a cell.
fn role_in_cell(name: &str) -> Option<Role> {
    Some(match name {
        "p" | "title" | "caption" | "disp-quote" | "fig" | "table-wrap" | "boxed-text" | "fn" | "statement"
        | "verse-line" | "td-p" | "sec" | "app" | "notes" | "glossary" | "fn-group" => Role::CellPart(" "),
        "list-item" | "def-item" | "tr" | "row" => Role::CellPart("; "),
        "td" | "th" | "entry" => Role::CellPart(", "),
        "list" | "label" | "table" | "array" | "tgroup" | "colspec" | "thead" | "tbody" | "tfoot" => Role::Inline,
        "disp-formula" => Role::Formula { display: false },
        "code" | "preformat" => Role::Mark("`"),
        _ => return None,
    })
}

/// Returns the value of an attribute.
pub(crate) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    Some(attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_depends_on_name_and_context() {
        let element = BytesStart::new("title");
        let mut inside = OpenElements::default();
        assert_eq!(inside.role("title", &element, Some(&Role::Section)), Role::Heading);
        assert_eq!(inside.role("title", &element, Some(&Role::Inline)), Role::Block);
        assert_eq!(inside.role("label", &element, Some(&Role::Section)), Role::Label);
        assert_eq!(inside.role("label", &element, Some(&Role::Item)), Role::ItemLabel);
        assert_eq!(inside.role("td", &element, None), Role::CellPart(" "));
        inside.row += 1;
        assert_eq!(inside.role("td", &element, None), Role::Cell);
        inside.cell += 1;
        assert_eq!(inside.role("p", &element, None), Role::CellPart(" "));
        assert_eq!(inside.role("sup", &element, None), Role::Script(Script::Super));
        inside.math += 1;
        assert_eq!(inside.role("p", &element, None), Role::Inline);
        inside.math -= 1;
        inside.front += 1;
        assert_eq!(inside.role("contrib-group", &element, None), Role::Skip);
    }
}
