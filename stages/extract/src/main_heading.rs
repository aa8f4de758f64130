//! Keeps the main heading in the text, unless it is the title.
//!
//! Runs in `main_text`, after the classifier and before `render`.
//!
//! Invariant: a page with text has its main heading either as title or in the text. A heading that boilerplate
//! contains, or that names the site, is not the main one.

use crate::metadata::{Metadata, same_letters};
use crate::page::Page;
use crate::prune::Pruned;
use crate::rule::CutRule;
use corpusmill_html::tag::Tag;

/// Maximum length of a heading that is compared with the title, in bytes.
const MAX_HEADING_BYTES: usize = 1000;
/// Maximum number of nodes of such a heading, so that the cost is bounded on any page.
const MAX_HEADING_NODES: usize = 200;

/// The main heading that the text must contain, since the title is another.
///
/// `by_rules` are the cuts of the rules, before the classifier: a heading in a menu, a side column or a dialog is not
/// content. One in a page-wide `<header>` is, although the rules cut the menu that it also contains. If any heading of
/// the page repeats the title, it is the main one, and the `<h1>` is the name of the site or of a part of it, as on
/// many blogs.
pub(crate) fn heading_beside_title(page: &Page<'_>, metadata: &Metadata, by_rules: &Pruned) -> Option<usize> {
    let heading = metadata.main_heading?;
    let title = metadata.title.as_deref()?;
    let tree = &page.tree;
    let mut headings = tree.nodes.iter().enumerate().filter(|(_, node)| node.tag.heading().is_some());
    if headings.any(|(id, _)| repeats(page, id, title)) {
        return None;
    }
    let is_content = |id: usize| match by_rules.rule(id) {
        Some(CutRule::Navigation) => tree.node(id).tag == Tag::Header,
        None
        | Some(
            CutRule::Byline
            | CutRule::Caption
            | CutRule::EmptySection
            | CutRule::LinkDense
            | CutRule::OutsideMain
            | CutRule::Unlikely,
        ) => true,
        Some(_) => false,
    };
    (is_content(heading) && tree.ancestors(heading).all(is_content)).then_some(heading)
}

/// Cuts headings that repeat the title, and keeps the heading beside it, if the page has any other text.
///
/// `roots` are the subtrees that become text, in document order.
pub(crate) fn place_heading(
    page: &Page<'_>,
    title: Option<&str>,
    heading: Option<usize>,
    pruned: &mut Pruned,
    roots: &mut Vec<usize>,
) {
    if let Some(title) = title {
        for root in &*roots {
            cut_repeated_title(page, title, *root, pruned);
        }
    }
    let Some(heading) = heading.filter(|_| has_text(page, pruned, roots)) else { return };
    pruned.keep(&page.tree, heading);
    let is_inside = |root: &usize| (*root..page.tree.end(*root)).contains(&heading);
    let is_around = |root: &usize| (heading..page.tree.end(heading)).contains(root);
    if !roots.iter().any(|root| is_inside(root) || is_around(root)) {
        let at = roots.partition_point(|root| *root < heading);
        roots.insert(at, heading);
    }
}

/// Cuts the headings below `root` that repeat the title: main headings anywhere, others only before any other text,
/// where they take the place of the main heading.
fn cut_repeated_title(page: &Page<'_>, title: &str, root: usize, pruned: &mut Pruned) {
    let tree = &page.tree;
    let end = tree.end(root);
    let mut has_begun = false;
    let mut id = root;
    while id < end {
        let tag = tree.node(id).tag;
        let stands_for_title = tag.heading().is_some_and(|level| level == 1 || !has_begun);
        if pruned.is_cut(id) {
            id = tree.end(id);
        } else if stands_for_title && repeats(page, id, title) {
            pruned.cut(id, CutRule::MainHeading);
            id = tree.end(id);
        } else {
            has_begun |= tag == Tag::Text && !tree.raw_text(id).trim().is_empty();
            id += 1;
        }
    }
}

/// Whether a heading has the same letters as the title.
fn repeats(page: &Page<'_>, heading: usize, title: &str) -> bool {
    page.tree.end(heading) - heading <= MAX_HEADING_NODES
        && title.chars().any(char::is_alphanumeric)
        && same_letters(&page.shown_text(heading, MAX_HEADING_BYTES), title)
}

/// Whether any text is kept.
fn has_text(page: &Page<'_>, pruned: &Pruned, roots: &[usize]) -> bool {
    let tree = &page.tree;
    roots.iter().any(|root| {
        let mut id = *root;
        while id < tree.end(*root) {
            if pruned.is_cut(id) {
                id = tree.end(id);
                continue;
            }
            if !tree.raw_text(id).trim().is_empty() {
                return true;
            }
            id += 1;
        }
        false
    })
}
