//! Maps the elements of a JATS article to their role in readable text.
//!
//! Names are those of the NISO Z39.96 Journal Archiving tag set.
//!
//! Invariant: an element's role follows from its name, its parent's role and the counts of open elements around it,
//! never from a search of the stack.

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

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
    Abstract,
    List {
        ordered: bool,
        count: u32,
    },
    Item,
    /// The label of a section, table or figure, which its title or caption follows.
    Label,
    Row,
    Cell,
    Formula {
        display: bool,
    },
    Tex,
    MathMl,
    Mark(&'static str),
    Preformatted,
}

/// Numbers of open elements by role: the stack is not searched, since it may be deep.
#[derive(Default)]
pub(crate) struct OpenElements {
    pub(crate) front: usize,
    pub(crate) summary: usize,
    pub(crate) title: usize,
    pub(crate) cell: usize,
    pub(crate) math: usize,
    pub(crate) formula: usize,
}

impl OpenElements {
    /// Returns the counter of a role, if the role has one.
    pub(crate) fn count(&mut self, role: Role) -> Option<&mut usize> {
        match role {
            Role::Front => Some(&mut self.front),
            Role::Abstract => Some(&mut self.summary),
            Role::ArticleTitle => Some(&mut self.title),
            Role::Cell => Some(&mut self.cell),
            Role::MathMl => Some(&mut self.math),
            Role::Formula { .. } => Some(&mut self.formula),
            _ => None,
        }
    }

    /// Returns the role of an element that opens inside `parent`.
    pub(crate) fn role(&self, name: &str, element: &BytesStart<'_>, parent: Option<&Role>) -> Role {
        let front = self.front > 0 && self.summary == 0 && self.title == 0;
        match name {
            "front" | "article-meta" => Role::Front,
            "article-title" if front => Role::ArticleTitle,
            "abstract" | "trans-abstract" => Role::Abstract,
            "title-group" | "permissions" | "license" | "license-p" | "ext-link" | "license_ref" if front => {
                Role::Front
            }
            _ if front => Role::Skip,
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
            // Lists are numbered here, and the number of a formula is no part of it.
            "label" if self.formula > 0 || parent == Some(&Role::Item) => Role::Skip,
            "label" if self.cell == 0 => Role::Label,
            "sec" | "app" | "notes" | "glossary" | "fn-group" => Role::Section,
            "title" if parent == Some(&Role::Section) => Role::Heading,
            "p" | "title" | "caption" | "disp-quote" | "fig" | "table-wrap" | "def-item" | "boxed-text" | "fn"
            | "statement" | "verse-line" | "td-p" => {
                if self.cell > 0 {
                    Role::Inline
                } else {
                    Role::Block
                }
            }
            "list" => {
                Role::List { ordered: attribute(element, "list-type").is_some_and(|kind| kind == "order"), count: 0 }
            }
            "list-item" => Role::Item,
            "tr" => Role::Row,
            "td" | "th" => Role::Cell,
            "disp-formula" => Role::Formula { display: true },
            "inline-formula" => Role::Formula { display: false },
            "tex-math" => Role::Tex,
            "math" => Role::MathMl,
            "italic" => Role::Mark("*"),
            "bold" => Role::Mark("**"),
            "monospace" => Role::Mark("`"),
            "code" | "preformat" => Role::Preformatted,
            _ => Role::Inline,
        }
    }
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
        assert_eq!(inside.role("label", &element, Some(&Role::Item)), Role::Skip);
        inside.cell += 1;
        assert_eq!(inside.role("p", &element, None), Role::Inline);
        inside.front += 1;
        assert_eq!(inside.role("contrib-group", &element, None), Role::Skip);
    }
}
