//! Applies the rules to a page; retries with looser rules when strict ones leave too little.
//!
//! Runs after `metadata`, before the classifier. Calls `measure`, `prune` and `choose`.
//!
//! Invariant: each attempt keeps more than the one before; the first that leaves enough text wins. No attempt keeps
//! what a browser does not show.

use crate::choose::{choose, cut_empty_sections, cut_link_lists, introduction};
use crate::heuristic_result::HeuristicResult;
use crate::math::tex;
use crate::measure::{Measure, measure, remeasure};
use crate::page::Page;
use crate::prune::{KeepOptions, Pruned, prune};
use crate::rule::CutRule;
use crate::settings::{CleanSettings, Comments};
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Minimum length of a main text, in weighted letters; with less, looser rules are tried if the page has more text.
const MIN_MAIN_LETTERS: u32 = 250;

/// Applies the rules; returns the first attempt that leaves enough text.
pub(crate) fn apply_rules(page: &Page<'_>, settings: &CleanSettings) -> HeuristicResult {
    let tree = &page.tree;
    let raw = measure(tree, |id| is_not_measured(tree, id) || tree.node(id).tag == Tag::Noscript);
    let forum = is_forum(page, &raw);
    let may_keep_comments = settings.comments != Comments::Drop;
    let keep = KeepOptions {
        comments: settings.comments == Comments::Keep || forum && may_keep_comments,
        tables: settings.tables,
        noscript: false,
        article: !forum && declares_article(tree),
        ignore_names: false,
    };
    let mut best = attempt(page, &raw, keep);
    if best.left < MIN_MAIN_LETTERS && raw[0].text > best.left.saturating_mul(2) {
        let wider = attempt(page, &raw, KeepOptions { comments: may_keep_comments, ignore_names: true, ..keep });
        if wider.left > best.left {
            best = wider;
        }
    }
    if best.left < MIN_MAIN_LETTERS && tree.first(Tag::Noscript).is_some() {
        let raw = remeasure(tree, &raw, |id| is_not_measured(tree, id));
        let wider = attempt(page, &raw, KeepOptions { comments: may_keep_comments, noscript: true, ..keep });
        if wider.left > best.left.saturating_mul(2) {
            best = wider;
        }
    }
    let has_tex_scripts = (0..tree.nodes.len()).any(|id| tree.node(id).tag == Tag::Script && tex(tree, id).is_some());
    let introduction =
        if forum { Vec::new() } else { introduction(tree, &best.measures, &best.pruned, best.root, best.left) };
    let roots: Vec<usize> = introduction.into_iter().chain([best.root]).collect();
    HeuristicResult { pruned: best.pruned, roots, forum, article: keep.article, has_tex_scripts }
}

/// The result of one attempt.
struct Attempt {
    pruned: Pruned,
    /// The main element.
    root: usize,
    /// The main element's text, in weighted letters.
    left: u32,
    /// Measures from before anything is cut inside the main element.
    measures: Vec<Measure>,
}

fn attempt(page: &Page<'_>, raw: &[Measure], keep: KeepOptions) -> Attempt {
    let tree = &page.tree;
    let mut pruned = prune(page, raw, keep);
    let measures = remeasure(tree, raw, |id| pruned.is_cut(id));
    let root = choose(tree, &measures, &pruned);
    cut_link_lists(tree, &measures, &mut pruned, root, keep.article);
    cut_empty_sections(tree, raw, &mut pruned, root);
    let left = text_left(tree, &measures, &pruned, root);
    Attempt { pruned, root, left, measures }
}

/// The text of `root` that is not cut, in weighted letters.
fn text_left(tree: &Tree<'_>, measures: &[Measure], pruned: &Pruned, root: usize) -> u32 {
    let (mut left, mut id) = (0, root);
    while id < tree.end(root) {
        if pruned.is_cut(id) {
            id = tree.end(id);
            continue;
        }
        if tree.node(id).tag == Tag::Text {
            left += measures[id].text;
        }
        id += 1;
    }
    left
}

/// Whether the page declares itself an article in OpenGraph or schema.org terms.
fn declares_article(tree: &Tree<'_>) -> bool {
    (1..tree.nodes.len()).any(|id| match tree.node(id).tag {
        Tag::Meta => {
            let property = tree.raw_attribute(id, AttributeName::Property).unwrap_or_default();
            property == "og:type"
                && tree
                    .raw_attribute(id, AttributeName::Content)
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("article"))
                || property == "article:published_time"
        }
        Tag::Text => false,
        _ => tree
            .raw_attribute(id, AttributeName::Itemtype)
            .is_some_and(|kind| kind.ends_with("Article") || kind.ends_with("BlogPosting")),
    })
}

fn is_not_measured(tree: &Tree<'_>, id: usize) -> bool {
    matches!(tree.node(id).tag, Tag::Head | Tag::Script | Tag::Style | Tag::Template | Tag::Svg | Tag::Title)
}

/// Whether the page is a discussion: it declares so in schema.org terms, or most of its prose is in several posts.
fn is_forum(page: &Page<'_>, raw: &[Measure]) -> bool {
    let tree = &page.tree;
    let (mut posts, mut in_posts, mut in_comments) = (0_u64, 0_u64, 0_u64);
    let prose = u64::from(raw[0].prose);
    let mut id = 1;
    while id < tree.nodes.len() {
        let tag = tree.node(id).tag;
        if tag == Tag::Text || is_not_measured(tree, id) {
            id = tree.end(id);
            continue;
        }
        let kind = tree.raw_attribute(id, AttributeName::Itemtype).unwrap_or_default();
        if kind.ends_with("DiscussionForumPosting") || kind.ends_with("QAPage") || kind.ends_with("/Question") {
            return true;
        }
        let own = u64::from(raw[id].prose);
        let names = [page.class_names.class_hints(id).hints, page.class_names.id_hints(id).hints];
        if own > 0 && own * 100 <= prose * 60 && names.iter().any(|found| found.post) && tag.is_block() {
            posts += 1;
            in_posts += own;
            id = tree.end(id);
        } else if own > 0 && names.iter().any(|found| found.prune == Some(CutRule::Comments)) {
            in_comments += own;
            id = tree.end(id);
        } else {
            id += 1;
        }
    }
    (posts >= 3 && in_posts * 2 > prose) || in_comments * 100 > prose * 75
}
