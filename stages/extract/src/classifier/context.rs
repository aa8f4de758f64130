//! The context of each node: what the elements around it say about it.
//!
//! Invariant: one pass over the arena, parents first; a node inherits sums and bits from its parent and never walks up.

use super::block::{Block, BlockKind, is_blank};
use crate::class_names::rules::RuleHints;
use crate::page::Page;
use crate::prune::Pruned;
use crate::rule::CutRule;
use crate::tree::Tree;
use crate::visibility::is_hidden_style;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Kinds of ancestors, as bits of [`NodeContext::flags`].
///
/// Rows contain them in the order of their bits, which the weights know. The flags from [`flag::ITALIC`] on were added
/// later and are at the end of the row.
pub(crate) mod flag {
    pub(crate) const ARTICLE: u32 = 1;
    pub(crate) const MAIN: u32 = 1 << 1;
    pub(crate) const NAV: u32 = 1 << 2;
    pub(crate) const ASIDE: u32 = 1 << 3;
    pub(crate) const FOOTER: u32 = 1 << 4;
    pub(crate) const HEADER: u32 = 1 << 5;
    pub(crate) const FORM: u32 = 1 << 6;
    pub(crate) const TABLE: u32 = 1 << 7;
    pub(crate) const LIST: u32 = 1 << 8;
    pub(crate) const FIGURE: u32 = 1 << 9;
    pub(crate) const QUOTE: u32 = 1 << 10;
    pub(crate) const SECTION: u32 = 1 << 11;
    pub(crate) const DETAILS: u32 = 1 << 12;
    pub(crate) const DIALOG: u32 = 1 << 13;
    pub(crate) const BUTTON: u32 = 1 << 14;
    pub(crate) const LINK: u32 = 1 << 15;
    pub(crate) const HIDDEN: u32 = 1 << 16;
    pub(crate) const NOSCRIPT: u32 = 1 << 17;
    pub(crate) const LABEL: u32 = 1 << 18;
    pub(crate) const BOLD: u32 = 1 << 19;
    pub(crate) const BODY_PROPERTY: u32 = 1 << 20;
    pub(crate) const POST: u32 = 1 << 21;
    pub(crate) const CONTENT: u32 = 1 << 22;
    pub(crate) const ITEM_SCOPE: u32 = 1 << 23;
    pub(crate) const ARIA_HIDDEN: u32 = 1 << 24;
    pub(crate) const COMMENT_PROPERTY: u32 = 1 << 25;
    pub(crate) const DEFINITIONS: u32 = 1 << 26;
    pub(crate) const INLINE_TIME: u32 = 1 << 27;
    pub(crate) const ITALIC: u32 = 1 << 28;
    pub(crate) const COMMENT_TYPE: u32 = 1 << 29;
    pub(crate) const ARTICLE_TYPE: u32 = 1 << 30;
}

/// What a node and its ancestors say about it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NodeContext {
    /// Bits of [`flag`].
    pub(crate) flags: u32,
    /// Rules that the names of the ancestors trigger, one bit per rule.
    pub(crate) named: u32,
    /// The rule that the nearest such name triggers.
    pub(crate) nearest: Option<CutRule>,
    /// Number of levels up to that name; to the top of the page if there is none.
    pub(crate) nearest_distance: u8,
    /// The rule that cut the outermost element around the node that is cut, or the node itself.
    pub(crate) cut_rule: Option<CutRule>,
    pub(crate) depth: u16,
    /// The element's class and tag as one number; for text, those of its parent.
    pub(crate) signature: u32,
    /// The signatures of the parent element and of the grandparent.
    pub(crate) parent_signature: u32,
    pub(crate) grandparent_signature: u32,
}

/// The context of every node.
pub(crate) fn contexts(page: &Page<'_>, pruned: &Pruned) -> Vec<NodeContext> {
    let tree = &page.tree;
    let mut all = vec![NodeContext::default(); tree.nodes.len()];
    for id in 1..tree.nodes.len() {
        let node = tree.node(id);
        let parent = all[node.parent as usize];
        if node.tag == Tag::Text {
            all[id] = parent;
            continue;
        }
        let mut own = NodeContext {
            flags: parent.flags | element_flags(tree, id, node.tag),
            depth: parent.depth.saturating_add(1),
            nearest_distance: parent.nearest_distance.saturating_add(1),
            parent_signature: parent.signature,
            grandparent_signature: parent.parent_signature,
            ..parent
        };
        own.cut_rule = own.cut_rule.or(pruned.rule(id));
        own.signature = page.class_names.class_number(id) << 8 | node.tag as u32;
        own.add_hints(page.class_names.class_hints(id).hints);
        own.add_hints(page.class_names.id_hints(id).hints);
        all[id] = own;
    }
    all
}

/// Moves the start of each paragraph and heading behind hidden elements that it begins with, such as a permalink sign:
/// the first node represents the block, and a hidden sign does not hide the text behind it.
pub(super) fn begin_at_visible_text(tree: &Tree<'_>, contexts: &[NodeContext], blocks: &mut [Block]) {
    for block in blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        let tag = tree.node(block.owner).tag;
        let is_line = tag == Tag::P || tag.heading().is_some();
        if is_line
            && contexts[block.first].cut_rule == Some(CutRule::Hidden)
            && contexts[block.owner].cut_rule.is_none()
        {
            let is_visible = |at: &usize| contexts[*at].cut_rule.is_none() && !is_blank(tree.raw_text(*at));
            block.first = (block.first..block.end).find(is_visible).unwrap_or(block.first);
        }
    }
}

impl NodeContext {
    fn add_hints(&mut self, named: RuleHints) {
        if let Some(rule) = named.prune {
            self.named |= 1 << rule as u32;
            self.nearest = Some(rule);
            self.nearest_distance = 0;
        }
        self.flags |= if named.post { flag::POST } else { 0 } | if named.content { flag::CONTENT } else { 0 };
    }
}

fn element_flags(tree: &Tree<'_>, id: usize, tag: Tag) -> u32 {
    let of_tag = match tag {
        Tag::Article => flag::ARTICLE,
        Tag::Main => flag::MAIN,
        Tag::Nav | Tag::Search => flag::NAV,
        Tag::Aside => flag::ASIDE,
        Tag::Footer => flag::FOOTER,
        Tag::Header => flag::HEADER,
        Tag::Form | Tag::Fieldset => flag::FORM,
        Tag::Td | Tag::Th => flag::TABLE,
        Tag::Li => flag::LIST,
        Tag::Figure | Tag::Figcaption => flag::FIGURE,
        Tag::Blockquote => flag::QUOTE,
        Tag::Section => flag::SECTION,
        Tag::Details | Tag::Summary => flag::DETAILS,
        Tag::Dialog => flag::DIALOG,
        Tag::Button => flag::BUTTON,
        Tag::A => flag::LINK,
        Tag::Noscript => flag::NOSCRIPT,
        Tag::Label => flag::LABEL,
        Tag::B | Tag::Strong => flag::BOLD,
        Tag::I | Tag::Em => flag::ITALIC,
        Tag::Dd | Tag::Dt => flag::DEFINITIONS,
        Tag::Time => flag::INLINE_TIME,
        _ => 0,
    };
    of_tag | attribute_flags(tree, id)
}

fn attribute_flags(tree: &Tree<'_>, id: usize) -> u32 {
    let mut flags = 0;
    for attribute in tree.own_attributes(id) {
        let value = || &tree.html[attribute.start as usize..attribute.stop as usize];
        flags |= match attribute.name {
            AttributeName::Role => match value() {
                "main" => flag::MAIN,
                "article" => flag::ARTICLE,
                "navigation" | "menu" | "menubar" | "search" | "tablist" | "toolbar" => flag::NAV,
                "complementary" => flag::ASIDE,
                "contentinfo" => flag::FOOTER,
                "banner" => flag::HEADER,
                "dialog" | "alertdialog" => flag::DIALOG,
                "button" | "tab" | "menuitem" => flag::BUTTON,
                _ => 0,
            },
            AttributeName::Hidden => flag::HIDDEN,
            AttributeName::AriaHidden if value() == "true" => flag::ARIA_HIDDEN,
            AttributeName::Style if is_hidden_style(value()) => flag::HIDDEN,
            AttributeName::Itemprop => match value() {
                "articleBody" | "text" | "description" | "mainEntityOfPage" | "reviewBody" => flag::BODY_PROPERTY,
                "comment" | "review" | "suggestedAnswer" | "acceptedAnswer" => flag::COMMENT_PROPERTY,
                _ => 0,
            },
            AttributeName::Itemtype => flag::ITEM_SCOPE | type_flag(value()),
            _ => 0,
        };
    }
    flags
}

/// The flag of a schema.org type: a reader's comment, or an article.
fn type_flag(address: &str) -> u32 {
    match address.rsplit('/').next().unwrap_or_default() {
        "Comment" | "UserComments" | "Answer" | "Review" => flag::COMMENT_TYPE,
        name if name.ends_with("Article") || name.ends_with("Posting") => flag::ARTICLE_TYPE,
        _ => 0,
    }
}
