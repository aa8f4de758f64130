//! What a browser does not show: `hidden`, `display: none` and `visibility: hidden`, as computed from attributes.
//!
//! Runs once per page, before the rules. Whatever rules and classifier decide, text in these nodes is never written.
//! `aria-hidden` is not part of it: it hides from screen readers only, often what the reader sees.
//!
//! An element is not hidden if a reader gets to see it: the panel of a tab or accordion, or one of several slides, which
//! a click opens as it opens `<details>`; a part of a page that React streams as `<div hidden id="S:1">` and a script
//! moves into place; the `<body>`, or an element around nearly all text, that a script shows once the page is complete;
//! and the MathML source of a formula that is drawn otherwise.
//!
//! Invariant: the roots are in document order and their subtrees do not overlap; whether a node is hidden depends on
//! its own attributes and those of the elements around it, and time is linear in the page.

use crate::name_words::begins_word;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};

/// Minimum length in bytes of the text of an element that can be the whole page.
const MIN_PAGE_BYTES: usize = 500;
/// Parts of classes and ids of text that a click opens.
const PANEL_NAMES: [&[u8]; 4] = [b"accordion", b"collaps", b"expand", b"faq"];

/// How the words in the classes of messages begin, which a script shows for one state of the page.
const MESSAGE_NAMES: [&str; 9] =
    ["alert", "dialog", "error", "modal", "notification", "popup", "toast", "tooltip", "warning"];

/// The subtrees that a browser does not show.
#[derive(Debug)]
pub(crate) struct HiddenNodes(Vec<usize>);

impl HiddenNodes {
    /// Finds the hidden subtrees of a page.
    pub(crate) fn find(tree: &Tree<'_>) -> Self {
        let styled = styled_elements(tree);
        let mut roots = Vec::new();
        let mut from = 0;
        for (at, (id, style)) in styled.iter().enumerate() {
            if *id < from {
                continue;
            }
            let end = tree.end(*id);
            if style.undisplayed == Some(true) {
                roots.push(*id);
                from = end;
            } else if style.invisible == Some(true) {
                let behind = &styled[at + 1..];
                let inside = &behind[..behind.partition_point(|(inner, _)| *inner < end)];
                if inside.iter().any(|(_, style)| style.invisible == Some(false)) {
                    push_invisible(tree, *id, inside, &mut roots);
                } else {
                    roots.push(*id);
                }
                from = end;
            }
        }
        Self(roots)
    }

    /// Whether the subtree of this node is hidden, and not only a part of it or a subtree around it.
    pub(crate) fn is_root(&self, id: usize) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Whether this node is in a hidden subtree.
    pub(crate) fn contains(&self, tree: &Tree<'_>, id: usize) -> bool {
        let before = self.0.partition_point(|root| *root <= id);
        before.checked_sub(1).is_some_and(|last| id < tree.end(self.0[last]))
    }

    /// The nodes in hidden subtrees.
    pub(crate) fn nodes(&self, tree: &Tree<'_>) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(move |root| *root..tree.end(*root))
    }
}

/// What the attributes of an element say about its visibility; `None` if they say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    /// Whether `display` is `none`, which applies to the whole subtree.
    undisplayed: Option<bool>,
    /// Whether `visibility` is `hidden`, which elements inside can override.
    invisible: Option<bool>,
}

impl Style {
    /// Whether the element is hidden.
    fn hides(self) -> bool {
        self.undisplayed == Some(true) || self.invisible == Some(true)
    }

    /// Parses the value of a `style` attribute: the last valid declaration of each property applies, unless an earlier
    /// one is `!important`.
    fn parse(value: &str) -> Self {
        let mut style = Self::default();
        let (mut display_is_fixed, mut visibility_is_fixed) = (false, false);
        for declaration in value.split(';') {
            let Some((name, value)) = declaration.split_once(':') else { continue };
            let (value, important) = value.split_once('!').map_or((value, false), |(value, _)| (value, true));
            let (name, value) = (name.trim(), value.trim());
            let (slot, is_fixed, found) = if name.eq_ignore_ascii_case("display") {
                let found = (!value.is_empty()).then(|| value.eq_ignore_ascii_case("none"));
                (&mut style.undisplayed, &mut display_is_fixed, found)
            } else if name.eq_ignore_ascii_case("visibility") {
                let is = |word: &str| value.eq_ignore_ascii_case(word);
                let hides = is("hidden") || is("collapse");
                let found = (hides || is("visible") || is("initial")).then_some(hides);
                (&mut style.invisible, &mut visibility_is_fixed, found)
            } else {
                continue;
            };
            if found.is_some() && (important || !*is_fixed) {
                *slot = found;
                *is_fixed |= important;
            }
        }
        style
    }
}

/// Whether a `style` attribute hides its element.
pub(crate) fn is_hidden_style(style: &str) -> bool {
    Style::parse(style).hides()
}

/// The elements whose attributes say something about their visibility, in document order, without those that are never
/// shown or always.
fn styled_elements(tree: &Tree<'_>) -> Vec<(usize, Style)> {
    let mut styled = Vec::new();
    let later = ShownLater::new(tree);
    for (id, node) in tree.nodes.iter().enumerate().skip(1) {
        let is_fixed = matches!(
            node.tag,
            Tag::Body | Tag::Head | Tag::Html | Tag::Script | Tag::Style | Tag::Svg | Tag::Template | Tag::Text
        );
        if is_fixed || node.start == node.stop {
            continue;
        }
        let style = style_of(tree, id);
        if style != Style::default() && !(style.hides() && (later.contains(id) || is_formula_source(tree, id))) {
            styled.push((id, style));
        }
    }
    styled
}

/// The visibility of an element by its own attributes: `style` takes precedence over `hidden`, as in the standard's
/// style sheet.
fn style_of(tree: &Tree<'_>, id: usize) -> Style {
    let (mut style, mut hidden) = (None, None);
    for attribute in tree.own_attributes(id) {
        let value = &tree.html[attribute.start as usize..attribute.stop as usize];
        match attribute.name {
            AttributeName::Style if style.is_none() => style = Some(Style::parse(&decode_entities(value, true))),
            AttributeName::Hidden if hidden.is_none() => hidden = Some(!value.eq_ignore_ascii_case("until-found")),
            _ => {}
        }
    }
    let style = style.unwrap_or_default();
    Style { undisplayed: style.undisplayed.or(hidden.filter(|hidden| *hidden)), ..style }
}

/// Elements that a reader gets to see later: by a click, or when a script moves or shows them.
struct ShownLater<'t> {
    tree: &'t Tree<'t>,
    /// Values of `aria-controls`, whose words are the ids of elements that a control opens.
    controlled: OnceCell<HashSet<&'t str>>,
    /// For each node, the bytes of text before it; then those of the page.
    text_before: OnceCell<Vec<usize>>,
    /// Tags and first classes of the shown children of a parent.
    shown_children: RefCell<HashMap<usize, HashSet<(Tag, &'t str)>>>,
}

impl<'t> ShownLater<'t> {
    fn new(tree: &'t Tree<'t>) -> Self {
        Self { tree, controlled: OnceCell::new(), text_before: OnceCell::new(), shown_children: RefCell::default() }
    }

    fn contains(&self, id: usize) -> bool {
        let value = |name: AttributeName| self.tree.raw_attribute(id, name);
        let is_streamed = value(AttributeName::Hidden).is_some()
            && value(AttributeName::Id).is_some_and(|name| name.starts_with("S:"));
        let is_panel = value(AttributeName::Role) == Some("tabpanel")
            || value(AttributeName::Class).is_some_and(names_panel)
            || value(AttributeName::Id).is_some_and(|name| names_panel(name) || self.is_controlled(name));
        is_streamed || is_panel || self.is_slide(id) || self.is_around_page(id)
    }

    /// Whether a sibling of the same tag and first class is shown, as the current one of several slides is. Rows,
    /// inline elements and messages are no slides: the shown message is another one, for another state of the page.
    fn is_slide(&self, id: usize) -> bool {
        let tree = self.tree;
        if !matches!(tree.node(id).tag, Tag::Article | Tag::Div | Tag::Figure | Tag::Li | Tag::Section) {
            return false;
        }
        let value = |name: AttributeName| tree.raw_attribute(id, name).unwrap_or_default();
        if [AttributeName::Class, AttributeName::Role].iter().any(|name| begins_word(value(*name), &MESSAGE_NAMES)) {
            return false;
        }
        let kind = |id: usize| {
            let classes = tree.raw_attribute(id, AttributeName::Class)?;
            Some((tree.node(id).tag, classes.split_ascii_whitespace().next()?))
        };
        let (Some(kind_of_id), Some(parent)) = (kind(id), tree.ancestors(id).next()) else { return false };
        let mut shown_children = self.shown_children.borrow_mut();
        let shown = shown_children.entry(parent).or_insert_with(|| {
            tree.children(parent).filter(|child| !style_of(tree, *child).hides()).filter_map(kind).collect()
        });
        shown.contains(&kind_of_id)
    }

    fn is_controlled(&self, name: &str) -> bool {
        let controlled = self.controlled.get_or_init(|| {
            let values = self.tree.nodes.iter().enumerate().filter(|(_, node)| node.tag != Tag::Text);
            let values = values.filter_map(|(id, _)| self.tree.raw_attribute(id, AttributeName::AriaControls));
            values.flat_map(str::split_ascii_whitespace).collect()
        });
        controlled.contains(name)
    }

    /// Whether nearly all text of the page is in this element.
    fn is_around_page(&self, id: usize) -> bool {
        let text_before = self.text_before.get_or_init(|| text_before(self.tree));
        let inside = text_before[self.tree.end(id)] - text_before[id];
        let all = text_before.last().copied().unwrap_or_default();
        inside >= MIN_PAGE_BYTES && inside * 10 >= all * 9
    }
}

/// Whether a class or id is that of text that a click opens.
fn names_panel(name: &str) -> bool {
    let name = name.as_bytes();
    PANEL_NAMES.iter().any(|part| name.windows(part.len()).any(|bytes| bytes.eq_ignore_ascii_case(part)))
}

/// For each node, the bytes of text before it; then those of the page.
fn text_before(tree: &Tree<'_>) -> Vec<usize> {
    let mut before = Vec::with_capacity(tree.nodes.len() + 1);
    let (mut sum, mut skipped_to) = (0, 0);
    for (id, node) in tree.nodes.iter().enumerate() {
        before.push(sum);
        if matches!(node.tag, Tag::Head | Tag::Script | Tag::Style | Tag::Svg | Tag::Template) {
            skipped_to = skipped_to.max(tree.end(id));
        } else if node.tag == Tag::Text && id >= skipped_to {
            sum += tree.raw_text(id).trim().len();
        }
    }
    before.push(sum);
    before
}

/// Whether the element is MathML, or contains nothing else.
fn is_formula_source(tree: &Tree<'_>, id: usize) -> bool {
    let is_formula = |id: usize| tree.node(id).tag == Tag::Math;
    is_formula(id)
        || tree.children(id).any(is_formula)
            && tree.children(id).all(|child| {
                is_formula(child) || tree.node(child).tag == Tag::Text && tree.raw_text(child).trim().is_empty()
            })
}

/// Adds the invisible text and images of an element that also contains visible ones; `styled` are the elements inside.
fn push_invisible(tree: &Tree<'_>, root: usize, styled: &[(usize, Style)], roots: &mut Vec<usize>) {
    let end = tree.end(root);
    let mut open = vec![(end, true)];
    let mut rest = styled.iter().peekable();
    let mut id = root + 1;
    while id < end {
        while open.last().is_some_and(|(end, _)| *end <= id) {
            open.pop();
        }
        while rest.next_if(|(inner, _)| *inner < id).is_some() {}
        let own = rest.next_if(|(inner, _)| *inner == id).map(|(_, style)| *style).unwrap_or_default();
        if own.undisplayed == Some(true) {
            roots.push(id);
            id = tree.end(id);
            continue;
        }
        if let Some(invisible) = own.invisible {
            open.push((tree.end(id), invisible));
        }
        let invisible = open.last().is_some_and(|(_, invisible)| *invisible);
        if invisible && matches!(tree.node(id).tag, Tag::Text | Tag::Img) {
            roots.push(id);
        }
        id += 1;
    }
}

#[cfg(test)]
mod tests;
