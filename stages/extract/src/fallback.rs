//! Extracts the main text of a tree; retries with looser rules when strict ones leave too little.
//!
//! On a document's path: after `build` and `metadata`; calls `prune`, `choose`, the classifier and `render`.
//!
//! Invariant: each attempt keeps more than the one before; the first that leaves enough text wins, and its cuts are the
//! ones counted.

use url::Url;

use super::CleanSettings;
use super::choose::{choose, cut_empty_sections, cut_link_lists, introduction};
use super::classifier::{GradientBoostedTrees, classify};
use super::math::tex;
use super::measure::{Measure, measure, remeasure};
use super::prune::{KeepOptions, Pruned, prune};
use super::render::Renderer;
use super::rule::{Cut, CutRule};
use super::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Minimum length of a main text, in weighted letters; with less, looser rules are tried if the page has more text.
const MIN_MAIN_LETTERS: u32 = 250;

/// The main text and what was cut for it.
pub(crate) struct MainText {
    pub(crate) text: String,
    pub(crate) cut: Vec<Cut>,
    /// The expected F1 of the words kept; `None` if only the rules decided.
    pub(crate) confidence: Option<f64>,
}

/// The result of the rules on a page.
pub(crate) struct HeuristicResult {
    pub(crate) pruned: Pruned,
    /// The subtrees chosen as main content, in document order.
    pub(crate) roots: Vec<usize>,
    pub(crate) forum: bool,
    pub(crate) article: bool,
    pub(crate) has_tex_scripts: bool,
}

/// Applies the rules; returns the first attempt that leaves enough text.
pub(crate) fn apply_rules(tree: &Tree<'_>, settings: &CleanSettings) -> HeuristicResult {
    let raw = measure(tree, |id| is_not_measured(tree, id) || tree.node(id).tag == Tag::Noscript);
    let forum = is_forum(tree, &raw);
    let keep = KeepOptions {
        comments: settings.comments || forum,
        tables: settings.tables,
        noscript: false,
        article: !forum && declares_article(tree),
        ignore_names: false,
    };
    let mut best = attempt(tree, &raw, keep);
    if best.left < MIN_MAIN_LETTERS && raw[0].text > best.left.saturating_mul(2) {
        let wider = attempt(tree, &raw, KeepOptions { comments: true, ignore_names: true, ..keep });
        if wider.left > best.left {
            best = wider;
        }
    }
    if best.left < MIN_MAIN_LETTERS && tree.first(Tag::Noscript).is_some() {
        let raw = remeasure(tree, &raw, |id| is_not_measured(tree, id));
        let wider = attempt(tree, &raw, KeepOptions { comments: true, noscript: true, ..keep });
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

/// Finds and renders the main text: the rules propose, the classifier decides.
pub(crate) fn main_text(
    tree: &Tree<'_>,
    settings: &CleanSettings,
    base: Option<Url>,
    model: Option<&GradientBoostedTrees>,
) -> MainText {
    let mut heuristics = apply_rules(tree, settings);
    let classification = model.and_then(|model| classify(tree, &heuristics, settings, model));
    let confidence = classification.as_ref().map(|classification| classification.confidence);
    if let Some(classification) = classification {
        heuristics.pruned = classification.pruned;
        heuristics.roots = vec![0];
    }
    let HeuristicResult { pruned, roots, has_tex_scripts, .. } = heuristics;
    let cut = count_cuts(tree, &pruned, &roots);
    let renderer = Renderer { tree, pruned: &pruned, settings, base, has_tex_scripts };
    MainText { text: renderer.render(&roots), cut, confidence }
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

fn attempt(tree: &Tree<'_>, raw: &[Measure], keep: KeepOptions) -> Attempt {
    let mut pruned = prune(tree, raw, keep);
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
fn is_forum(tree: &Tree<'_>, raw: &[Measure]) -> bool {
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
        let names = [tree.class_names.class_hints(id).hints, tree.class_names.id_hints(id).hints];
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

/// Counts what each rule cut.
fn count_cuts(tree: &Tree<'_>, pruned: &Pruned, roots: &[usize]) -> Vec<Cut> {
    let mut counts = [(0_u64, 0_u64); CutRule::ALL.len()];
    let bytes = |from: usize, to: usize| (from..to).map(|id| tree.raw_text(id).len() as u64).sum::<u64>();
    let (mut outside, mut root_index) = (0, 0);
    let mut id = 1;
    while id < tree.nodes.len() {
        if let Some(rule) = pruned.rule(id) {
            let count = &mut counts[rule as usize];
            count.0 += 1;
            count.1 += bytes(id, tree.end(id));
            id = tree.end(id);
            continue;
        }
        while roots.get(root_index).is_some_and(|at| tree.end(*at) <= id) {
            root_index += 1;
        }
        if roots.get(root_index).is_none_or(|at| id < *at) {
            outside += tree.raw_text(id).trim().len() as u64;
        }
        id += 1;
    }
    if outside > 0 {
        counts[CutRule::OutsideMain as usize] = (1, outside);
    }
    let named = CutRule::ALL.iter().zip(counts).filter(|(_, (count, _))| *count > 0);
    named.map(|(rule, (count, bytes))| Cut { rule: rule.name(), count, bytes }).collect()
}
