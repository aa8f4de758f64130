//! Splits a page into blocks that are kept or cut as one: runs of text, code blocks, data tables, plain lists.
//!
//! Hidden elements that begin a line are blocks of their own, since the classifier was trained on pages as they are;
//! hidden parts of a line belong to no block, so that they say nothing about the text around them.
//!
//! Invariant: blocks are in document order and do not overlap, every visible character outside scripts and form
//! controls belongs to one, and a code block, a data table or a list of short items is never split.

use crate::code::is_gutter;
use crate::data_table::is_data_table;
use crate::math::{is_rendered_copy, is_tex_script};
use crate::page::Page;
use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// The kind of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// A run of text within one block element.
    Text,
    /// A `<pre>`.
    Code,
    /// A data table.
    Table,
    /// A list whose items are mostly single runs of text.
    List,
}

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// The first node: the first text node, or the element itself if the block is one element.
    pub(crate) first: usize,
    /// One past the last node.
    pub(crate) end: usize,
    /// The block element that contains the text, or that is the block.
    pub(crate) owner: usize,
    /// The kind of the block.
    pub(crate) kind: BlockKind,
}

impl Block {
    /// Whether the block is or contains code.
    pub(crate) fn has_code(&self, tree: &Tree<'_>) -> bool {
        let contains_code = || (self.first..self.end).any(|id| tree.node(id).tag.is_preformatted());
        self.kind == BlockKind::Code || self.kind == BlockKind::Table && contains_code()
    }
}

/// Whether an element never becomes text, on any page.
pub(crate) fn is_never_text(tag: Tag) -> bool {
    use Tag::{
        Applet, Audio, Canvas, Datalist, Embed, Head, Iframe, Input, Link, Map, Meta, Noembed, Noframes, Object,
        Option, Rp, Rt, Script, Select, Style, Svg, Template, Textarea, Title, Video,
    };
    matches!(
        tag,
        Applet
            | Audio
            | Canvas
            | Datalist
            | Embed
            | Head
            | Iframe
            | Input
            | Link
            | Map
            | Meta
            | Noembed
            | Noframes
            | Object
            | Option
            | Rp
            | Rt
            | Script
            | Select
            | Style
            | Svg
            | Template
            | Textarea
            | Title
            | Video
    )
}

/// Whether text before and after the start of an element belongs to different blocks.
fn separates(tag: Tag) -> bool {
    tag.is_block() || tag == Tag::Button
}

/// Splits a page into blocks; includes the contents of `<noscript>`, since some pages have no other content.
pub(crate) fn blocks(page: &Page<'_>, has_tex_scripts: bool) -> Vec<Block> {
    let tree = &page.tree;
    let mut splitter = Splitter { owners: vec![0; tree.nodes.len()], found: Vec::new(), starts_block: true, breaks: 0 };
    let mut lists = Vec::new();
    let mut id = 1;
    while id < tree.nodes.len() {
        let node = tree.node(id);
        let skipped = is_never_text(node.tag) && !(node.tag == Tag::Script && is_tex_script(tree, id));
        let hidden = !separates(node.tag) && page.hidden.is_root(id);
        if skipped || hidden || is_gutter(page, id) || is_rendered_copy(page, id, has_tex_scripts) {
            splitter.starts_block |= node.tag.is_block();
            id = tree.end(id);
            continue;
        }
        let parent = splitter.owners[node.parent as usize];
        splitter.owners[id] = if separates(node.tag) { id } else { parent };
        match node.tag {
            Tag::Text => splitter.text(tree, id, parent),
            tag if tag.is_preformatted() => {
                splitter.push_element(tree, id, BlockKind::Code);
                id = tree.end(id);
                continue;
            }
            Tag::Table if is_data_table(page, id) => {
                splitter.push_element(tree, id, BlockKind::Table);
                id = tree.end(id);
                continue;
            }
            Tag::Br => {
                splitter.breaks += 1;
                splitter.starts_block |= splitter.breaks > 1;
            }
            Tag::Ul | Tag::Ol | Tag::Menu | Tag::Dl => {
                splitter.starts_block = true;
                lists.push(id);
            }
            tag => splitter.starts_block |= separates(tag),
        }
        id += 1;
    }
    join_lists(tree, splitter.found, &lists)
}

struct Splitter {
    /// The block element that each node belongs to.
    owners: Vec<usize>,
    found: Vec<Block>,
    /// Whether the next text begins a block.
    starts_block: bool,
    /// Line breaks since the last text.
    breaks: u32,
}

impl Splitter {
    fn text(&mut self, tree: &Tree<'_>, id: usize, owner: usize) {
        if is_blank(tree.raw_text(id)) {
            return;
        }
        match self.found.last_mut() {
            Some(last) if !self.starts_block && last.owner == owner => last.end = id + 1,
            _ => self.found.push(Block { first: id, end: id + 1, owner, kind: BlockKind::Text }),
        }
        self.starts_block = false;
        self.breaks = 0;
    }

    fn push_element(&mut self, tree: &Tree<'_>, id: usize, kind: BlockKind) {
        let end = tree.end(id);
        if (id..end).any(|at| !is_blank(tree.raw_text(at))) {
            self.found.push(Block { first: id, end, owner: id, kind });
        }
        self.starts_block = true;
        self.breaks = 0;
    }
}

/// Whether a text consists of white space.
pub(super) fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(behind) = rest.strip_prefix("&nbsp;") {
        rest = behind.trim_start();
    }
    rest.is_empty()
}

/// Joins the blocks of each outermost list that contains only text and has at most 5/4 as many blocks as items.
///
/// A definition list is joined only among paragraphs: elsewhere it is often a card of data, such as a user's number of
/// posts, which is not content although it has the shape of a list.
fn join_lists(tree: &Tree<'_>, found: Vec<Block>, lists: &[usize]) -> Vec<Block> {
    if lists.is_empty() {
        return found;
    }
    let sums = count_before(tree);
    let has_definitions = lists.iter().any(|list| tree.node(*list).tag == Tag::Dl);
    let prose = if has_definitions { parents_of_prose(tree) } else { Vec::new() };
    let mut out = Vec::with_capacity(found.len());
    let mut rest = found.as_slice();
    for &list in lists {
        let (end, node) = (tree.end(list), tree.node(list));
        let is_definitions = node.tag == Tag::Dl;
        if is_definitions && !prose[node.parent as usize] {
            continue;
        }
        let before = rest.partition_point(|block| block.first < list);
        out.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        let inside = rest.partition_point(|block| block.first < end);
        let (from, to) = (sums[list], sums[end]);
        let definitions = if is_definitions { to.definitions - from.definitions } else { 0 };
        let items = to.items - from.items + definitions;
        if inside > 1 && to.mixed == from.mixed && inside * 4 <= items as usize * 5 {
            out.push(Block { first: list, end, owner: list, kind: BlockKind::List });
            rest = &rest[inside..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Whether each element contains paragraphs or headings as children, or is an element that is made for them.
fn parents_of_prose(tree: &Tree<'_>) -> Vec<bool> {
    use Tag::{Article, Body, Html, Main, Root, Section};
    let is_flow = |tag: Tag| matches!(tag, Article | Body | Html | Main | Root | Section);
    let mut found: Vec<bool> = tree.nodes.iter().map(|node| is_flow(node.tag)).collect();
    for node in tree.nodes.iter().filter(|node| node.tag == Tag::P || node.tag.heading().is_some()) {
        found[node.parent as usize] = true;
    }
    found
}

/// How often something occurs before a node.
#[derive(Clone, Copy, Default)]
struct ListCounts {
    /// List items.
    items: u32,
    /// Terms and descriptions.
    definitions: u32,
    /// Elements that make a list more than a list of text.
    mixed: u32,
}

/// Counts before each node what tells lists of text from other lists.
fn count_before(tree: &Tree<'_>) -> Vec<ListCounts> {
    use Tag::{Article, Blockquote, Button, Dd, Dt, Figure, Form, H1, H2, H3, H4, H5, H6, Li, Pre, Section, Table};
    let mut sums = Vec::with_capacity(tree.nodes.len() + 1);
    let mut sum = ListCounts::default();
    sums.push(sum);
    for node in &tree.nodes {
        match node.tag {
            Li => sum.items += 1,
            Dd | Dt => sum.definitions += 1,
            Article | Blockquote | Button | Figure | Form | H1 | H2 | H3 | H4 | H5 | H6 | Pre | Section | Table => {
                sum.mixed += 1;
            }
            _ => {}
        }
        sums.push(sum);
    }
    sums
}
