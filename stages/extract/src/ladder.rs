//! Extracts the main text of a tree; retries with looser rules when strict ones leave too little.
//!
//! On a document's path: after `build` and `metadata`; calls `prune`, `choose`, the classifier and `render`.
//!
//! Invariant: each attempt keeps more than the one before; the first that leaves enough text wins, and its cuts are the
//! ones counted.

use url::Url;

use super::CleanSettings;
use super::choose::{choose, cut_empty_sections, cut_link_lists, lead};
use super::judge::{Model, judge};
use super::math::tex;
use super::measure::{Measure, measure, measure_again};
use super::prune::{Keep, Pruned, prune};
use super::render::Renderer;
use super::rule::{Cut, Rule};
use super::tree::Tree;
use corpusmill_html::attribute::Name;
use corpusmill_html::tag::Tag;

/// Minimum length of a main text, in weighted letters; with less, looser rules are tried if the page has more text.
const ENOUGH: u32 = 250;

/// The main text and what was cut for it.
pub(crate) struct Main {
    pub(crate) text: String,
    pub(crate) cut: Vec<Cut>,
    /// The expected F1 of the words kept; `None` if only the rules decided.
    pub(crate) confidence: Option<f64>,
}

/// The result of the rules on a page.
pub(crate) struct Ruled {
    pub(crate) pruned: Pruned,
    /// The subtrees chosen as main content, in document order.
    pub(crate) parts: Vec<usize>,
    pub(crate) forum: bool,
    pub(crate) article: bool,
    pub(crate) has_tex_scripts: bool,
}

/// Applies the rules; returns the first attempt that leaves enough text.
pub(crate) fn rule(tree: &Tree<'_>, settings: &CleanSettings) -> Ruled {
    let raw = measure(tree, |id| is_never_text(tree, id) || tree.node(id).tag == Tag::Noscript);
    let forum = is_forum(tree, &raw);
    let keep = Keep {
        comments: settings.comments || forum,
        tables: settings.tables,
        noscript: false,
        article: !forum && says_article(tree),
        named: false,
    };
    let mut best = rung(tree, &raw, keep);
    if best.left < ENOUGH && raw[0].text > best.left.saturating_mul(2) {
        let wider = rung(tree, &raw, Keep { comments: true, named: true, ..keep });
        if wider.left > best.left {
            best = wider;
        }
    }
    if best.left < ENOUGH && tree.first(Tag::Noscript).is_some() {
        let raw = measure_again(tree, &raw, |id| is_never_text(tree, id));
        let wider = rung(tree, &raw, Keep { comments: true, noscript: true, ..keep });
        if wider.left > best.left.saturating_mul(2) {
            best = wider;
        }
    }
    let has_tex_scripts = (0..tree.nodes.len()).any(|id| tree.node(id).tag == Tag::Script && tex(tree, id).is_some());
    let lead = if forum { Vec::new() } else { lead(tree, &best.measures, &best.pruned, best.root, best.left) };
    let parts: Vec<usize> = lead.into_iter().chain([best.root]).collect();
    Ruled { pruned: best.pruned, parts, forum, article: keep.article, has_tex_scripts }
}

/// Finds and renders the main text: the rules propose, the classifier decides.
pub(crate) fn main_text(tree: &Tree<'_>, settings: &CleanSettings, base: Option<Url>, model: Option<&Model>) -> Main {
    let mut ruled = rule(tree, settings);
    let judged = model.and_then(|model| judge(tree, &ruled, settings, model));
    let confidence = judged.as_ref().map(|judged| judged.confidence);
    if let Some(judged) = judged {
        ruled.pruned = judged.pruned;
        ruled.parts = vec![0];
    }
    let Ruled { pruned, parts, has_tex_scripts, .. } = ruled;
    let cut = account(tree, &pruned, &parts);
    let renderer = Renderer { tree, pruned: &pruned, settings, base, has_tex_scripts };
    Main { text: renderer.render(&parts), cut, confidence }
}

/// The result of one attempt.
struct Rung {
    pruned: Pruned,
    /// The main element.
    root: usize,
    /// The main element's text, in weighted letters.
    left: u32,
    /// Measures from before anything is cut inside the main element.
    measures: Vec<Measure>,
}

fn rung(tree: &Tree<'_>, raw: &[Measure], keep: Keep) -> Rung {
    let mut pruned = prune(tree, raw, keep);
    let measures = measure_again(tree, raw, |id| pruned.is_cut(id));
    let root = choose(tree, &measures, &pruned);
    cut_link_lists(tree, &measures, &mut pruned, root, keep.article);
    cut_empty_sections(tree, raw, &mut pruned, root);
    let left = text_left(tree, &measures, &pruned, root);
    Rung { pruned, root, left, measures }
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
fn says_article(tree: &Tree<'_>) -> bool {
    (1..tree.nodes.len()).any(|id| match tree.node(id).tag {
        Tag::Meta => {
            let property = tree.raw_attribute(id, Name::Property).unwrap_or_default();
            property == "og:type"
                && tree.raw_attribute(id, Name::Content).is_some_and(|kind| kind.eq_ignore_ascii_case("article"))
                || property == "article:published_time"
        }
        Tag::Text => false,
        _ => tree
            .raw_attribute(id, Name::Itemtype)
            .is_some_and(|kind| kind.ends_with("Article") || kind.ends_with("BlogPosting")),
    })
}

fn is_never_text(tree: &Tree<'_>, id: usize) -> bool {
    matches!(tree.node(id).tag, Tag::Head | Tag::Script | Tag::Style | Tag::Template | Tag::Svg | Tag::Title)
}

/// Whether the page is a discussion: it declares so in schema.org terms, or most of its prose is in several posts.
fn is_forum(tree: &Tree<'_>, raw: &[Measure]) -> bool {
    let (mut posts, mut in_posts, mut in_comments) = (0_u64, 0_u64, 0_u64);
    let prose = u64::from(raw[0].prose);
    let mut id = 1;
    while id < tree.nodes.len() {
        let tag = tree.node(id).tag;
        if tag == Tag::Text || is_never_text(tree, id) {
            id = tree.end(id);
            continue;
        }
        let kind = tree.raw_attribute(id, Name::Itemtype).unwrap_or_default();
        if kind.ends_with("DiscussionForumPosting") || kind.ends_with("QAPage") || kind.ends_with("/Question") {
            return true;
        }
        let own = u64::from(raw[id].prose);
        let names = [tree.names.class(id).hints, tree.names.identity(id).hints];
        if own > 0 && own * 100 <= prose * 60 && names.iter().any(|found| found.post) && tag.is_block() {
            posts += 1;
            in_posts += own;
            id = tree.end(id);
        } else if own > 0 && names.iter().any(|found| found.prune == Some(Rule::Comments)) {
            in_comments += own;
            id = tree.end(id);
        } else {
            id += 1;
        }
    }
    (posts >= 3 && in_posts * 2 > prose) || in_comments * 100 > prose * 75
}

/// Counts what each rule cut.
fn account(tree: &Tree<'_>, pruned: &Pruned, parts: &[usize]) -> Vec<Cut> {
    let mut counts = [(0_u64, 0_u64); Rule::ALL.len()];
    let bytes = |from: usize, to: usize| (from..to).map(|id| tree.raw_text(id).len() as u64).sum::<u64>();
    let (mut outside, mut part) = (0, 0);
    let mut id = 1;
    while id < tree.nodes.len() {
        if let Some(rule) = pruned.rule(id) {
            let count = &mut counts[rule as usize];
            count.0 += 1;
            count.1 += bytes(id, tree.end(id));
            id = tree.end(id);
            continue;
        }
        while parts.get(part).is_some_and(|at| tree.end(*at) <= id) {
            part += 1;
        }
        if parts.get(part).is_none_or(|at| id < *at) {
            outside += tree.raw_text(id).trim().len() as u64;
        }
        id += 1;
    }
    if outside > 0 {
        counts[Rule::OutsideMain as usize] = (1, outside);
    }
    let named = Rule::ALL.iter().zip(counts).filter(|(_, (count, _))| *count > 0);
    named.map(|(rule, (count, bytes))| Cut { rule: rule.name(), count, bytes }).collect()
}
