//! A parsed page: a flat arena in document order.
//!
//! Invariant: nodes are in pre-order, so a subtree is the range `id..end`, a node's first child is `id + 1` and its
//! next sibling is `end`; passes over the whole tree are loops over a slice, forwards (parents first) or backwards
//! (children first), never recursion.

use std::borrow::Cow;

use crate::node::Node;
use corpusmill_html::attribute::{Attribute, AttributeName};
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// The nodes of a page.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    /// The page as given.
    pub(crate) html: &'a str,
    pub(crate) nodes: Vec<Node>,
    pub(crate) attributes: Vec<Attribute>,
    /// Whether the page is nested deeper than the limit, so that deeper elements became leaves.
    pub(crate) flattened: bool,
}

#[cfg(test)]
thread_local! {
    static NODE_ACCESSES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How often this thread has accessed a node: the measure of work in tests.
#[cfg(test)]
pub(crate) fn node_accesses() -> u64 {
    NODE_ACCESSES.get()
}

impl<'a> Tree<'a> {
    /// The node with this id.
    pub(crate) fn node(&self, id: usize) -> &Node {
        #[cfg(test)]
        NODE_ACCESSES.set(NODE_ACCESSES.get() + 1);
        &self.nodes[id]
    }

    /// One past the last id of the subtree of `id`.
    pub(crate) fn end(&self, id: usize) -> usize {
        self.node(id).end as usize
    }

    /// The undecoded characters of a text node; empty for an element.
    pub(crate) fn raw_text(&self, id: usize) -> &'a str {
        let node = self.node(id);
        if node.tag == Tag::Text { &self.html[node.start as usize..node.stop as usize] } else { "" }
    }

    /// The undecoded value of an attribute.
    pub(crate) fn raw_attribute(&self, id: usize, name: AttributeName) -> Option<&'a str> {
        let node = self.node(id);
        if node.tag == Tag::Text {
            return None;
        }
        let own = &self.attributes[node.start as usize..node.stop as usize];
        let found = own.iter().find(|attribute| attribute.name == name)?;
        Some(&self.html[found.start as usize..found.stop as usize])
    }

    /// The kept attributes of an element; none for text.
    pub(crate) fn own_attributes(&self, id: usize) -> &[Attribute] {
        let node = self.node(id);
        if node.tag == Tag::Text { &[] } else { &self.attributes[node.start as usize..node.stop as usize] }
    }

    /// The decoded value of an attribute.
    pub(crate) fn attribute(&self, id: usize, name: AttributeName) -> Option<Cow<'a, str>> {
        self.raw_attribute(id, name).map(|raw| decode_entities(raw, true))
    }

    /// The text of a script that contains JSON-LD; `None` for other scripts and empty ones.
    pub(crate) fn linked_data(&self, script: usize) -> Option<&'a str> {
        let kind = self.raw_attribute(script, AttributeName::Type)?;
        let is_filled = kind.trim().eq_ignore_ascii_case("application/ld+json") && self.end(script) > script + 1;
        is_filled.then(|| self.raw_text(script + 1))
    }

    /// The ids of the children of `id`, in order.
    pub(crate) fn children(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.end(id);
        std::iter::successors((id + 1 < end).then_some(id + 1), move |child| {
            let next = self.end(*child);
            (next < end).then_some(next)
        })
    }

    /// The ids from the parent of `id` up to the root.
    pub(crate) fn ancestors(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors((id > 0).then(|| self.node(id).parent as usize), move |at| {
            (*at > 0).then(|| self.node(*at).parent as usize)
        })
    }

    /// The first element of this tag.
    pub(crate) fn first(&self, tag: Tag) -> Option<usize> {
        self.nodes.iter().position(|node| node.tag == tag)
    }

    /// All text below `id`, decoded, with white space collapsed, at most about `limit` bytes.
    pub(crate) fn collapsed_text(&self, id: usize, limit: usize) -> String {
        self.collapsed_range(id, self.end(id), limit)
    }

    /// The text of the nodes from `first` to `end`, decoded, with white space collapsed, at most about `limit` bytes.
    pub(crate) fn collapsed_range(&self, first: usize, end: usize, limit: usize) -> String {
        self.collapsed_nodes(first..end, limit)
    }

    /// The text of these nodes, decoded, with white space collapsed, at most about `limit` bytes.
    pub(crate) fn collapsed_nodes(&self, nodes: impl Iterator<Item = usize>, limit: usize) -> String {
        let mut out = String::new();
        for inner in nodes {
            if self.node(inner).tag.is_block() || self.node(inner).tag == Tag::Br {
                out.push(' ');
            }
            out.push_str(&decode_entities(self.raw_text(inner), false));
            if out.len() > limit {
                break;
            }
        }
        let mut squashed = String::with_capacity(out.len());
        for word in out.split_whitespace() {
            if !squashed.is_empty() {
                squashed.push(' ');
            }
            squashed.push_str(word);
        }
        squashed
    }
}
