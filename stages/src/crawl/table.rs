//! What a crawl took and what it left: the page table and the refusals, as read from a finished crawl's folder.
//!
//! Invariant: every URL that was found in scope is a page, a refusal, or counted as beyond the budget or depth.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::CrawlError;
use super::frontier::Frontier;
use super::optout::OptOuts;

/// A page that was taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// The canonical URL, the one the bytes were fetched from (redirects lead to rows of their own).
    pub url: String,
    /// The HTTP status with which the payload came.
    pub status: u16,
    /// The media type without parameters, in lower case.
    pub media_type: String,
    /// The charset that the Content-Type header names, in lower case.
    pub charset: Option<String>,
    /// BLAKE3 of the decoded body, hexadecimal.
    pub payload_digest: String,
    /// Bytes of the decoded body.
    pub payload_bytes: u64,
    /// The file that holds the response record, relative to the crawl's folder: one of its own, or that of an earlier crawl
    /// whose payload this page still has.
    pub warc: String,
    /// Where the response record's gzip member begins in that file, in bytes.
    pub offset: u64,
    /// Bytes of the member.
    pub length: u64,
    /// When the answer began, UTC, as in WARC-Date. Sidecar data: no part of the snapshot's identity.
    pub fetched: String,
    /// Whether an earlier crawl had the same payload, so that a revisit record was written and `warc` is the earlier file.
    #[serde(default)]
    pub unchanged: bool,
    /// Links from the nearest seed (1 for sitemap entries).
    pub depth: u32,
    /// Redirects that led here from a URL of the same depth.
    pub redirects: u32,
    /// The line of robots.txt that allowed the page, if one spoke of it.
    pub robots: Option<String>,
    /// What the page and its headers say about training and indexing.
    pub opt_outs: OptOuts,
    /// The `ETag` header, for a later conditional request.
    pub etag: Option<String>,
    /// The `Last-Modified` header, for a later conditional request.
    pub last_modified: Option<String>,
}

/// A URL that was found in scope and not taken.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// The canonical URL.
    pub url: String,
    /// The rule that refused it: `robots`, `trap`, `status`, `opt-out`, …
    pub rule: String,
    /// What was measured: a status, bytes, redirects; 1 where a rule only matches or does not.
    pub value: f64,
    /// The value's limit.
    pub threshold: f64,
    /// What matched: the robots.txt line, the word, the media type, the redirect's target.
    pub detail: String,
}

/// The rules by which a crawl refuses a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    Robots,
    RobotsUnreachable,
    RefusedDomain,
    RefusedWord,
    Trap,
    Address,
    Status,
    Redirect,
    RedirectOffScope,
    RedirectLoop,
    TooManyRedirects,
    MediaType,
    TooLarge,
    CompressionRatio,
    Encoding,
    OptOut,
    Canonical,
    Feed,
    Sitemap,
    HostBudget,
    Timeout,
    Network,
}

impl Rule {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Robots => "robots",
            Self::RobotsUnreachable => "robots-unreachable",
            Self::RefusedDomain => "refused-domain",
            Self::RefusedWord => "refused-word",
            Self::Trap => "trap",
            Self::Address => "address",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::RedirectOffScope => "redirect-off-scope",
            Self::RedirectLoop => "redirect-loop",
            Self::TooManyRedirects => "too-many-redirects",
            Self::MediaType => "media-type",
            Self::TooLarge => "too-large",
            Self::CompressionRatio => "compression-ratio",
            Self::Encoding => "content-encoding",
            Self::OptOut => "opt-out",
            Self::Canonical => "canonical",
            Self::Feed => "feed",
            Self::Sitemap => "sitemap",
            Self::HostBudget => "host-budget",
            Self::Timeout => "timeout",
            Self::Network => "network",
        }
    }
}

/// The figures of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CrawlSummary {
    /// Whether the crawl reached its end; if not, it was cancelled and goes on when called again.
    pub finished: bool,
    /// Pages taken.
    pub pages: u64,
    /// Of these, pages whose payload an earlier crawl had.
    pub unchanged: u64,
    /// Bytes of their decoded bodies.
    pub bytes: u64,
    /// URLs refused, by rule.
    pub refused: BTreeMap<String, u64>,
    /// Links that led out of scope, counted once a page.
    pub off_scope_links: u64,
    /// URLs found within the depth limit but not fetched, because the page budget was spent.
    pub over_budget: u64,
    /// URLs found beyond the depth limit.
    pub over_depth: u64,
}

/// Gives `take` each page of a finished crawl, sorted by canonical URL; one is held at a time.
///
/// # Errors
/// [`CrawlError::Missing`] or [`CrawlError::Unfinished`] where there is no finished crawl, else an unreadable frontier.
pub fn each_page(dir: &Path, take: impl FnMut(Page)) -> Result<(), CrawlError> {
    finished(dir)?.each_page(take)
}

/// Gives `take` every URL that a finished crawl found in scope and did not take, sorted, with the rule; one is held at a
/// time. URLs beyond the page budget or the depth limit are counted in the [`CrawlSummary`] instead.
///
/// # Errors
/// As [`each_page`].
pub fn each_refused(dir: &Path, mut take: impl FnMut(Refused)) -> Result<(), CrawlError> {
    let frontier = finished(dir)?;
    let mut failed = Ok(());
    frontier.each_refused(|mut row| {
        if failed.is_ok() {
            failed = name_loop(&mut row, |url| frontier.refusal(url));
            take(row);
        }
    })?;
    failed
}

/// The figures of a crawl, finished or not.
///
/// # Errors
/// [`CrawlError::Missing`] where there is no crawl, else an unreadable frontier.
pub fn summary(dir: &Path) -> Result<CrawlSummary, CrawlError> {
    Frontier::open_existing(dir)?.summary()
}

fn finished(dir: &Path) -> Result<Frontier, CrawlError> {
    let frontier = Frontier::open_existing(dir)?;
    if frontier.is_finished()? { Ok(frontier) } else { Err(CrawlError::Unfinished { dir: dir.to_owned() }) }
}

/// Redirects in a row that are looked at for a loop.
const MAX_HOPS: usize = 64;

/// Renames a redirect that leads back to itself: each hop is a row of its own, so a loop shows only in their sum.
fn name_loop(
    row: &mut Refused,
    refusal: impl Fn(&str) -> Result<Option<Refused>, CrawlError>,
) -> Result<(), CrawlError> {
    let redirects = |row: &Refused| row.rule == Rule::Redirect.name();
    if !redirects(row) {
        return Ok(());
    }
    let mut at = row.detail.clone();
    for _ in 0..MAX_HOPS {
        if at == row.url {
            Rule::RedirectLoop.name().clone_into(&mut row.rule);
            break;
        }
        let Some(next) = refusal(&at)?.filter(redirects) else { break };
        at = next.detail;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_of_redirects_is_named() {
        let row = |from: &str, to: &str| Refused {
            url: from.into(),
            rule: "redirect".into(),
            value: 302.0,
            threshold: 0.0,
            detail: to.into(),
        };
        let rows = [row("a", "b"), row("b", "c"), row("c", "b"), row("d", "page")];
        let named = |row: &Refused| {
            let mut row = row.clone();
            name_loop(&mut row, |url| Ok(rows.iter().find(|row| row.url == url).cloned())).unwrap();
            row.rule
        };
        let rules: Vec<String> = rows.iter().map(named).collect();
        assert_eq!(rules, ["redirect", "redirect-loop", "redirect-loop", "redirect"]);
    }
}
