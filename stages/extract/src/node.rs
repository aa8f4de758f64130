//! One node of the tree: an element or a run of text.
//!
//! Invariant: a node is 20 bytes and holds ranges of the page, never text, so that a page of tags only stays small.

use corpusmill_html::tag::Tag;

const _: () = assert!(size_of::<Node>() == 20);

/// An element or a run of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    /// The parent's id; the root is its own parent.
    pub(crate) parent: u32,
    /// One past the last id of the subtree.
    pub(crate) end: u32,
    /// For text, its byte range in the page; for an element, the range of its attributes in the attribute list.
    pub(crate) start: u32,
    pub(crate) stop: u32,
    pub(crate) tag: Tag,
}
