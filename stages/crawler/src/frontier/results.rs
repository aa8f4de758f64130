//! Reads the page table, the rejections and the counts of a crawl's folder.
//!
//! Invariant: every URL found in scope is a page, a rejection, or counted as beyond the page budget or depth limit.

use std::path::Path;

use crate::error::CrawlError;
use crate::frontier::database::Frontier;
use crate::frontier::page_table::{CrawlSummary, Page};
use crate::rejected::{CrawlRule, RejectedUrl};

/// Calls `visit` with each page of a finished crawl, sorted by canonical URL; holds one page at a time.
///
/// # Errors
/// [`CrawlError::Missing`] or [`CrawlError::Unfinished`] if there is no finished crawl; other errors if the frontier is
/// unreadable.
pub fn each_page(dir: &Path, visit: impl FnMut(Page)) -> Result<(), CrawlError> {
    finished(dir)?.each_page(visit)
}

/// Calls `visit` with every URL that a finished crawl found in scope and did not keep, sorted, with the rule; holds one
/// row at a time. URLs beyond the page budget or the depth limit are only counted in the [`CrawlSummary`].
///
/// # Errors
/// See [`each_page`].
pub fn each_rejected(dir: &Path, mut visit: impl FnMut(RejectedUrl)) -> Result<(), CrawlError> {
    let frontier = finished(dir)?;
    let mut failed = Ok(());
    frontier.each_rejected(|mut row| {
        if failed.is_ok() {
            failed = mark_redirect_loop(&mut row, |url| frontier.rejection(url));
            visit(row);
        }
    })?;
    failed
}

/// The counts of a crawl, finished or not.
///
/// # Errors
/// [`CrawlError::Missing`] if there is no crawl; other errors if the frontier is unreadable.
pub fn summary(dir: &Path) -> Result<CrawlSummary, CrawlError> {
    Frontier::open_existing(dir)?.summary()
}

fn finished(dir: &Path) -> Result<Frontier, CrawlError> {
    let frontier = Frontier::open_existing(dir)?;
    if frontier.is_finished()? { Ok(frontier) } else { Err(CrawlError::Unfinished { dir: dir.to_owned() }) }
}

/// Maximum number of consecutive redirects checked for a loop.
const MAX_HOPS: usize = 64;

/// Changes the rule of a redirect that leads back to itself to `redirect-loop`: each hop is a separate row, so a loop
/// shows only across rows.
fn mark_redirect_loop(
    row: &mut RejectedUrl,
    rejection: impl Fn(&str) -> Result<Option<RejectedUrl>, CrawlError>,
) -> Result<(), CrawlError> {
    let redirects = |row: &RejectedUrl| row.rejection.rule == CrawlRule::Redirect.name();
    if !redirects(row) {
        return Ok(());
    }
    let target = |row: &RejectedUrl| row.rejection.detail.clone().unwrap_or_default();
    let mut at = target(row);
    for _ in 0..MAX_HOPS {
        if at == row.url {
            row.rejection.rule = CrawlRule::RedirectLoop.into();
            break;
        }
        let Some(next) = rejection(&at)?.filter(redirects) else { break };
        at = target(&next);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use corpusmill_pipeline::Rejection;

    use super::*;

    #[test]
    fn redirect_cycles_are_reported() {
        let row = |from: &str, to: &str| RejectedUrl {
            url: from.into(),
            rejection: Rejection::new("redirect", 302.0, 0.0).with_detail(to),
        };
        let rows = [row("a", "b"), row("b", "c"), row("c", "b"), row("d", "page")];
        let named = |row: &RejectedUrl| {
            let mut row = row.clone();
            mark_redirect_loop(&mut row, |url| Ok(rows.iter().find(|row| row.url == url).cloned())).unwrap();
            row.rejection.rule.into_owned()
        };
        let rules: Vec<String> = rows.iter().map(named).collect();
        assert_eq!(rules, ["redirect", "redirect-loop", "redirect-loop", "redirect"]);
    }
}
