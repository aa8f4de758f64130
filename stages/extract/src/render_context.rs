//! What rendering reads: the page, its cuts, the settings, and the URL for relative links.
//!
//! Made by `main_text`, read by `render` and `render_blocks`.
//!
//! Invariant: nothing in it changes while a page is rendered.

use url::Url;

use crate::code::is_gutter;
use crate::math::is_rendered_copy;
use crate::page::Page;
use crate::prune::Pruned;
use crate::settings::{CleanSettings, Format};
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// One page to render.
pub(crate) struct RenderContext<'t, 'a> {
    pub(crate) page: &'t Page<'a>,
    pub(crate) pruned: &'t Pruned,
    pub(crate) settings: &'t CleanSettings,
    /// The URL against which relative links are resolved.
    pub(crate) base: Option<Url>,
    pub(crate) has_tex_scripts: bool,
}

impl RenderContext<'_, '_> {
    /// Whether the output is Markdown.
    pub(super) fn markdown(&self) -> bool {
        self.settings.format == Format::Markdown
    }

    /// Whether an element is not written: it is cut, or it repeats or marks what is written.
    pub(super) fn is_skipped(&self, id: usize) -> bool {
        self.pruned.is_cut(id)
            || is_gutter(self.page, id)
            || is_rendered_copy(self.page, id, self.has_tex_scripts)
            || is_permalink(&self.page.tree, id)
    }

    /// The absolute form of a link.
    pub(super) fn resolve(&self, href: &str) -> String {
        match &self.base {
            Some(base) => base.join(href.trim()).map_or_else(|_| href.trim().to_owned(), String::from),
            None => href.trim().to_owned(),
        }
    }
}

/// Whether an element is a permalink sign after a heading: a short link to a fragment, without letters or digits.
fn is_permalink(tree: &Tree<'_>, id: usize) -> bool {
    if tree.node(id).tag != Tag::A || tree.end(id) - id > 6 {
        return false;
    }
    let Some(href) = tree.raw_attribute(id, AttributeName::Href) else { return false };
    href.contains('#') && {
        let text = tree.collapsed_text(id, 64);
        text.chars().count() <= 2 && !text.chars().any(char::is_alphanumeric)
    }
}
