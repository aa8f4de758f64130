//! What the rules decide about a page, before the classifier.
//!
//! Made by `fallback`, read by the classifier.
//!
//! Invariant: `roots` are in document order and do not overlap.

use crate::prune::Pruned;

/// The result of the rules on a page.
pub(crate) struct HeuristicResult {
    pub(crate) pruned: Pruned,
    /// The subtrees chosen as main content, in document order.
    pub(crate) roots: Vec<usize>,
    pub(crate) forum: bool,
    pub(crate) article: bool,
    pub(crate) has_tex_scripts: bool,
}
