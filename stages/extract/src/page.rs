//! A parsed page: its tree, and what its class names and ids mean.
//!
//! Runs first. All later modules read the page; none changes it.
//!
//! Invariant: the tree holds no meaning of names, and a name is parsed once per distinct value.

use crate::build;
use crate::class_names::cache::ClassNames;
use crate::tree::Tree;

/// A parsed page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) tree: Tree<'a>,
    /// The parsed classes and ids of the elements.
    pub(crate) class_names: ClassNames,
}

impl<'a> Page<'a> {
    /// Parses `html`, which is shorter than 4 GiB, with at most `max_depth` nested elements.
    pub(crate) fn parse(html: &'a str, max_depth: usize) -> Self {
        let tree = build::parse(html, max_depth);
        let class_names = ClassNames::read(tree.html, &tree.nodes, &tree.attributes);
        Self { tree, class_names }
    }
}
