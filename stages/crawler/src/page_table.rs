//! The page table and the refusals of a finished crawl.
//!
//! Invariant: every URL found in scope is a page, a refusal, or counted as beyond the page budget or depth limit.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::CrawlError;
use super::frontier::Frontier;
use super::optout::OptOuts;

/// A page that the crawl kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// The canonical URL, from which the body was fetched (redirects are separate rows).
    pub url: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// The media type without parameters, in lower case.
    pub media_type: String,
    /// The charset in the Content-Type header, in lower case.
    pub charset: Option<String>,
    /// BLAKE3 of the decoded body, in hexadecimal.
    pub payload_digest: String,
    /// Length of the decoded body in bytes.
    pub payload_bytes: u64,
    /// The file with the response record, relative to the crawl's folder: a file of this crawl, or of an earlier crawl
    /// with the same payload.
    pub warc: String,
    /// Start of the response record's gzip member in that file, in bytes.
    pub offset: u64,
    /// Length of the member in bytes.
    pub length: u64,
    /// When the response began, UTC, as in WARC-Date. Not part of the identity of the snapshot.
    pub fetched: String,
    /// Whether an earlier crawl had the same payload. A revisit record was then written, and `warc` is the earlier
    /// file.
    #[serde(default)]
    pub unchanged: bool,
    /// Number of links from the nearest seed (1 for sitemap entries).
    pub depth: u32,
    /// Number of redirects from a URL of the same depth to this one.
    pub redirects: u32,
    /// The line of robots.txt that allowed the page, if one matched.
    pub robots: Option<String>,
    /// Statements of the page and its headers about training and indexing.
    pub opt_outs: OptOuts,
    /// The `ETag` header, for a later conditional request.
    pub etag: Option<String>,
    /// The `Last-Modified` header, for a later conditional request.
    pub last_modified: Option<String>,
}

/// A URL found in scope but not kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// The canonical URL.
    pub url: String,
    /// The rule that refused the URL: `robots`, `trap`, `status`, `opt-out`, …
    pub rule: String,
    /// The measured value: a status, bytes, redirects; 1 for a rule without a measured value.
    pub value: f64,
    /// The limit of the value.
    pub threshold: f64,
    /// What matched: the robots.txt line, the word, the media type, the redirect's target.
    pub detail: String,
}

/// The rules by which a crawl refuses a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CrawlRule {
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

impl CrawlRule {
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

/// Counts of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CrawlSummary {
    /// Whether the crawl is finished; if not, it was cancelled, and the next call resumes it.
    pub finished: bool,
    /// Number of pages kept.
    pub pages: u64,
    /// Number of these whose payload an earlier crawl had.
    pub unchanged: u64,
    /// Total length of their decoded bodies in bytes.
    pub bytes: u64,
    /// Number of URLs refused, by rule.
    pub refused: BTreeMap<String, u64>,
    /// Number of links out of scope, each counted once per page.
    pub off_scope_links: u64,
    /// Number of URLs within the depth limit that were not fetched because the page budget was spent.
    pub over_budget: u64,
    /// Number of URLs found beyond the depth limit.
    pub over_depth: u64,
}

/// Calls `take` with each page of a finished crawl, sorted by canonical URL; holds one page at a time.
///
/// # Errors
/// [`CrawlError::Missing`] or [`CrawlError::Unfinished`] if there is no finished crawl; other errors if the frontier is
/// unreadable.
pub fn each_page(dir: &Path, take: impl FnMut(Page)) -> Result<(), CrawlError> {
    finished(dir)?.each_page(take)
}

/// Calls `take` with every URL that a finished crawl found in scope and did not keep, sorted, with the rule; holds one
/// row at a time. URLs beyond the page budget or the depth limit are only counted in the [`CrawlSummary`].
///
/// # Errors
/// See [`each_page`].
pub fn each_refused(dir: &Path, mut take: impl FnMut(Refused)) -> Result<(), CrawlError> {
    let frontier = finished(dir)?;
    let mut failed = Ok(());
    frontier.each_refused(|mut row| {
        if failed.is_ok() {
            failed = mark_redirect_loop(&mut row, |url| frontier.refusal(url));
            take(row);
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
    row: &mut Refused,
    refusal: impl Fn(&str) -> Result<Option<Refused>, CrawlError>,
) -> Result<(), CrawlError> {
    let redirects = |row: &Refused| row.rule == CrawlRule::Redirect.name();
    if !redirects(row) {
        return Ok(());
    }
    let mut at = row.detail.clone();
    for _ in 0..MAX_HOPS {
        if at == row.url {
            CrawlRule::RedirectLoop.name().clone_into(&mut row.rule);
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
    fn redirect_cycles_are_reported() {
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
            mark_redirect_loop(&mut row, |url| Ok(rows.iter().find(|row| row.url == url).cloned())).unwrap();
            row.rule
        };
        let rules: Vec<String> = rows.iter().map(named).collect();
        assert_eq!(rules, ["redirect", "redirect-loop", "redirect-loop", "redirect"]);
    }
}
