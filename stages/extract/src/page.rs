//! A parsed page: its tree, what its class names and ids mean, and what a browser does not show of it.
//!
//! Runs first. All later modules read the page; none changes it.
//!
//! Invariant: the tree holds no meaning of names, and a name is parsed once per distinct value.

use crate::build;
use crate::class_names::cache::ClassNames;
use crate::tree::Tree;
use crate::visibility::HiddenNodes;
use corpusmill_html::tag::Tag;

/// A parsed page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) tree: Tree<'a>,
    /// The parsed classes and ids of the elements.
    pub(crate) class_names: ClassNames,
    /// The subtrees that a browser does not show.
    pub(crate) hidden: HiddenNodes,
}

impl<'a> Page<'a> {
    /// Parses `html`, which is shorter than 4 GiB, with at most `max_depth` nested elements.
    pub(crate) fn parse(html: &'a str, max_depth: usize) -> Self {
        let tree = build::parse(html, max_depth);
        let class_names = ClassNames::read(tree.html, &tree.nodes, &tree.attributes);
        let hidden = HiddenNodes::find(&tree);
        Self { tree, class_names, hidden }
    }

    /// The text below `id` that a browser shows, decoded, with white space collapsed, at most about `limit` bytes.
    pub(crate) fn shown_text(&self, id: usize, limit: usize) -> String {
        let mut shown_from = id;
        let shown = (id..self.tree.end(id)).filter(|inner| {
            let tag = self.tree.node(*inner).tag;
            if self.hidden.is_root(*inner) || matches!(tag, Tag::Script | Tag::Style | Tag::Svg) {
                shown_from = shown_from.max(self.tree.end(*inner));
            }
            *inner >= shown_from
        });
        self.tree.collapsed_nodes(shown, limit)
    }
}
