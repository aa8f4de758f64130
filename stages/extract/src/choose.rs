//! Chooses the element that contains the main content, and cuts link lists inside it.
//!
//! Invariant: the choice is the deepest element that still contains nearly all of the page's prose (or of the article
//! that the page declares), plus its introduction, so that errors keep too much rather than too little; the choice
//! never depends on the language. The thresholds were tuned on the development sets (those of trafilatura and WCXB).

use crate::measure::Measure;
use crate::prune::Pruned;
use crate::rule::CutRule;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Percent of the prose that the chosen element keeps at each step down.
const MIN_KEPT_PROSE_PERCENT: u64 = 95;

/// Percent of the page's prose that a declared element must contain to be accepted.
const MIN_DECLARED_PROSE_PERCENT: u64 = 60;
/// Percent of the chosen element's prose that an article inside it must contain to be chosen instead.
const MIN_ARTICLE_PROSE_PERCENT: u64 = 60;
/// A page with less prose than this, in percent of its text, is a listing, and its links are content.
const MIN_PROSE_PERCENT: u64 = 30;
/// A block with at least this share of link text, in percent, is a list of links.
const MIN_LINK_PERCENT: u64 = 75;
/// The same threshold on a page that declares itself an article.
const MIN_LINK_PERCENT_IN_ARTICLE: u64 = 60;
/// Largest share of the main element's text, in percent, that one list of links or the introduction may have.
const MAX_PART_PERCENT: u64 = 40;

/// Returns the id of the main element.
pub(crate) fn choose(tree: &Tree<'_>, measures: &[Measure], pruned: &Pruned) -> usize {
    let body = tree.first(Tag::Body).unwrap_or(0);
    let start = declared(tree, measures, pruned, body).unwrap_or(body);
    let at = descend(tree, measures, pruned, start);
    match inner_article(tree, measures, pruned, at) {
        Some(article) => descend(tree, measures, pruned, article),
        None => at,
    }
}

/// An article inside `root` that contains most of its prose.
fn inner_article(tree: &Tree<'_>, measures: &[Measure], pruned: &Pruned, root: usize) -> Option<usize> {
    let whole = content_letters(&measures[root]);
    let mut id = root + 1;
    while id < tree.end(root) {
        let own = content_letters(&measures[id]);
        if pruned.is_cut(id) || own * 2 < whole {
            id = tree.end(id);
            continue;
        }
        let tag = tree.node(id).tag;
        let article = tag == Tag::Article
            || tree.raw_attribute(id, AttributeName::Itemprop).is_some_and(|property| property == "articleBody")
            || tree.raw_attribute(id, AttributeName::Role).is_some_and(|role| role == "article");
        if own > 0 && article && own * 100 >= whole * MIN_ARTICLE_PROSE_PERCENT {
            return Some(id);
        }
        id += 1;
    }
    None
}

fn content_letters(measure: &Measure) -> u64 {
    u64::from(measure.prose) + u64::from(measure.code)
}

/// The element that the page declares as its content, if it contains enough of the prose.
fn declared(tree: &Tree<'_>, measures: &[Measure], pruned: &Pruned, body: usize) -> Option<usize> {
    let total = content_letters(&measures[body]);
    let mut best: Option<usize> = None;
    let mut id = body + 1;
    while id < tree.end(body) {
        if pruned.is_cut(id) {
            id = tree.end(id);
            continue;
        }
        if declares_content(tree, id)
            && best.is_none_or(|best| content_letters(&measures[id]) > content_letters(&measures[best]))
        {
            best = Some(id);
        }
        id += 1;
    }
    let best = best?;
    (content_letters(&measures[best]) * 100 >= total * MIN_DECLARED_PROSE_PERCENT && measures[best].text >= 200)
        .then_some(best)
}

fn declares_content(tree: &Tree<'_>, id: usize) -> bool {
    matches!(tree.node(id).tag, Tag::Main | Tag::Article)
        || tree.raw_attribute(id, AttributeName::Role).is_some_and(|role| role == "main" || role == "article")
        || tree
            .raw_attribute(id, AttributeName::Itemprop)
            .is_some_and(|property| property == "articleBody" || property == "mainEntity")
}

fn descend(tree: &Tree<'_>, measures: &[Measure], pruned: &Pruned, from: usize) -> usize {
    let mut at = from;
    loop {
        let whole = content_letters(&measures[at]);
        let next = tree.children(at).find(|child| {
            !pruned.is_cut(*child)
                && !matches!(
                    tree.node(*child).tag,
                    Tag::Pre | Tag::Table | Tag::P | Tag::Ul | Tag::Ol | Tag::Blockquote | Tag::Dl | Tag::Text
                )
                && tree.node(*child).tag.is_block()
                    | matches!(tree.node(*child).tag, Tag::Other | Tag::Span | Tag::Font)
                && whole > 0
                && measures[*child].prose >= measures[*child].code / 4
                && content_letters(&measures[*child]) * 100 >= whole * MIN_KEPT_PROSE_PERCENT
        });
        match next {
            Some(child) => at = child,
            None => return at,
        }
    }
}

/// The prose between the page's main heading and the chosen element: the introduction of an article.
///
/// `left` is the chosen element's text.
pub(crate) fn introduction(
    tree: &Tree<'_>,
    measures: &[Measure],
    pruned: &Pruned,
    root: usize,
    left: u32,
) -> Vec<usize> {
    let mut found = Vec::new();
    let mut heading = None;
    let mut id = 1;
    while id < root {
        let tag = tree.node(id).tag;
        if pruned.is_cut(id) {
            id = tree.end(id);
        } else if tag == Tag::H1 {
            heading = Some(id);
            found.clear();
            id = tree.end(id);
        } else if heading.is_some() && tree.end(id) <= root && is_leaf(tree, id) {
            let own = &measures[id];
            if own.prose >= 40 && own.link * 4 < own.text {
                found.push(id);
            }
            id = tree.end(id);
        } else {
            id += 1;
        }
    }
    let text: u64 = found.iter().map(|id| u64::from(measures[*id].text)).sum();
    if text * 100 > u64::from(left) * MAX_PART_PERCENT {
        found.clear();
    }
    found
}

/// Whether the element is a block that contains no other blocks.
fn is_leaf(tree: &Tree<'_>, id: usize) -> bool {
    tree.node(id).tag.is_block() && !tree.children(id).any(|child| tree.node(child).tag.is_block())
}

/// Cuts blocks inside `root` that are mostly links.
pub(crate) fn cut_link_lists(tree: &Tree<'_>, measures: &[Measure], pruned: &mut Pruned, root: usize, article: bool) {
    let mut id = root + 1;
    while id < tree.end(root) {
        let tag = tree.node(id).tag;
        if pruned.is_cut(id) || matches!(tag, Tag::Pre | Tag::Code | Tag::Text) {
            id = tree.end(id);
        } else if is_link_list(tag, &measures[id], &measures[root], article) {
            pruned.cut(id, CutRule::LinkDense);
            id = tree.end(id);
        } else {
            id += 1;
        }
    }
}

/// Cuts headings whose whole section is cut, and headings at the very end.
pub(crate) fn cut_empty_sections(tree: &Tree<'_>, measures: &[Measure], pruned: &mut Pruned, root: usize) {
    /// A heading, its level, and whether something below it is cut.
    type Section = (usize, usize, bool);
    let mut open: Vec<Section> = Vec::new();
    let mut empty: Vec<usize> = Vec::new();
    let mut id = root + 1;
    while id < tree.end(root) {
        let node = tree.node(id);
        if pruned.is_cut(id) {
            if measures[id].text > 0 {
                for section in &mut open {
                    section.2 = true;
                }
            }
            id = tree.end(id);
        } else if let Some(level) = node.tag.heading() {
            while open.last().is_some_and(|section| section.1 >= level) {
                empty.extend(open.pop().filter(|section| section.2).map(|section| section.0));
            }
            open.push((id, level, false));
            id = tree.end(id);
        } else {
            let text = node.tag == Tag::Text && tree.raw_text(id).bytes().any(|byte| !byte.is_ascii_whitespace());
            if text || matches!(node.tag, Tag::Pre | Tag::Math) {
                open.clear();
            }
            id += 1;
        }
    }
    empty.extend(open.into_iter().map(|section| section.0));
    for heading in empty {
        pruned.cut(heading, CutRule::EmptySection);
    }
}

fn is_link_list(tag: Tag, own: &Measure, root: &Measure, article: bool) -> bool {
    if !matches!(tag, Tag::Ul | Tag::Ol | Tag::Div | Tag::Section | Tag::Table | Tag::Dl | Tag::P) || own.text == 0 {
        return false;
    }
    if u64::from(root.prose + root.code) * 100 < u64::from(root.text) * MIN_PROSE_PERCENT {
        return false;
    }
    let small = u64::from(own.text) * 100 <= u64::from(root.text) * MAX_PART_PERCENT;
    let dense = u64::from(own.link) * 100
        >= u64::from(own.text) * if article { MIN_LINK_PERCENT_IN_ARTICLE } else { MIN_LINK_PERCENT };
    if tag == Tag::Table {
        return small && dense && own.links >= 8;
    }
    small && dense && own.links >= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::measure;
    use crate::page::Page;
    use crate::prune::{KeepOptions, prune};

    #[test]
    fn the_deepest_element_with_the_prose_is_chosen() {
        let prose = "<p>A paragraph of some length, which is written as prose is written.</p>".repeat(3);
        let html = format!("<body><div><a href=a>home</a></div><div id=c><h1>t</h1><div>{prose}</div></div>");
        let page = Page::parse(&html, 512);
        let tree = &page.tree;
        let measures = measure(tree, |_| false);
        let pruned = prune(
            &page,
            &measures,
            KeepOptions { comments: false, tables: true, noscript: false, article: false, ignore_names: false },
        );
        let chosen = choose(tree, &measures, &pruned);
        assert_eq!(
            tree.collapsed_text(chosen, 20),
            "A paragraph of some length, which is written as prose is written."
        );
    }
}
