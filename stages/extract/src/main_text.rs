//! Finds and renders the main text of a page: the rules propose, the classifier decides.
//!
//! Runs after `metadata`. Calls `fallback`, the classifier, `main_heading` and `render`, in this order.
//!
//! Invariant: a cut subtree is counted once, under the rule that cut it; nothing inside it is counted again.

use url::Url;

use crate::classifier::{GradientBoostedTrees, classify};
use crate::fallback::apply_rules;
use crate::heuristic_result::HeuristicResult;
use crate::main_heading::{heading_beside_title, place_heading};
use crate::metadata::Metadata;
use crate::page::Page;
use crate::prune::Pruned;
use crate::render::render;
use crate::render_context::RenderContext;
use crate::rule::{Cut, CutRule};
use crate::settings::CleanSettings;
use crate::tree::Tree;

/// The main text and what was cut for it.
pub(crate) struct MainText {
    pub(crate) text: String,
    pub(crate) cut: Vec<Cut>,
    /// The expected F1 of the words kept; `None` if only the rules decided.
    pub(crate) confidence: Option<f64>,
}

/// Finds and renders the main text: the rules propose, the classifier decides.
pub(crate) fn main_text(
    page: &Page<'_>,
    metadata: &Metadata,
    settings: &CleanSettings,
    base: Option<Url>,
    model: Option<&GradientBoostedTrees>,
) -> MainText {
    let mut heuristics = apply_rules(page, settings);
    let heading = heading_beside_title(page, metadata, &heuristics.pruned);
    let classification = model.and_then(|model| classify(page, &heuristics, settings, model));
    let confidence = classification.as_ref().map(|classification| classification.confidence);
    if let Some(classification) = classification {
        heuristics.pruned = classification.pruned;
        heuristics.roots = vec![0];
    }
    let HeuristicResult { mut pruned, mut roots, has_tex_scripts, .. } = heuristics;
    place_heading(page, metadata.title.as_deref(), heading, &mut pruned, &mut roots);
    let cut = count_cuts(&page.tree, &pruned, &roots);
    let context = RenderContext { page, pruned: &pruned, settings, base, has_tex_scripts };
    MainText { text: render(&context, &roots), cut, confidence }
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
