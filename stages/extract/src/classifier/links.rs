//! The target of a block's first link: a place on the page, another page of the site, or another site.
//!
//! Invariant: the address only, never a word of it; the length of its last part tells a story from a section.

use super::context::flag;
use super::page_blocks::PageBlocks;
use super::row::FeatureRow;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

impl PageBlocks<'_, '_> {
    /// Appends the kind of the target (0 no link, 1 a place on the page, 2 a relative address, 3 an address with the
    /// page's own host, 4 another host, 5 another scheme), its number of path segments, and the number of words and
    /// of bytes of its last segment.
    pub(super) fn link_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let href = self.first_link(at).and_then(|id| self.page.tree.raw_attribute(id, AttributeName::Href));
        let Some(href) = href.map(str::trim) else {
            (0..4).for_each(|_| row.push(0));
            return;
        };
        let (kind, path) = match href.split_once("//") {
            _ if href.starts_with('#') || href.is_empty() => (1, ""),
            Some(("" | "http:" | "https:", rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                (if self.is_own_host(host) { 3 } else { 4 }, path)
            }
            _ if href.split('/').next().is_some_and(|head| head.contains(':')) => (5, ""),
            _ => (2, href),
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        row.push(kind);
        row.push(i64::try_from(path.split('/').filter(|part| !part.is_empty()).count()).unwrap_or(0));
        row.push(i64::try_from(last.split(['-', '_']).count()).unwrap_or(0));
        row.push(i64::try_from(last.len()).unwrap_or(0));
    }

    /// The first link in a block, or the link around it.
    fn first_link(&self, at: usize) -> Option<usize> {
        let (tree, block) = (&self.page.tree, &self.blocks[at]);
        if self.contexts[block.first].flags & flag::LINK != 0 {
            return std::iter::once(block.first)
                .chain(tree.ancestors(block.first))
                .find(|id| tree.node(*id).tag == Tag::A);
        }
        if self.shapes[at].links == 0 {
            return None;
        }
        (block.first..block.end).find(|id| tree.node(*id).tag == Tag::A)
    }

    fn is_own_host(&self, host: &str) -> bool {
        let host = host.strip_prefix("www.").unwrap_or(host);
        !host.is_empty() && self.summary.host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(host))
    }
}
