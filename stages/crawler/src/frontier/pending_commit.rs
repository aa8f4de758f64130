//! Changes between two commits of the frontier, and the position of the crawl.
//!
//! Invariant: merging batches in order equals one batch of all their changes; a URL keeps the smallest round of any
//! link to it.

use std::collections::BTreeMap;

use corpusmill_pipeline::Rejection;

use crate::archive::writer::WarcPosition;
use crate::frontier::page_table::Page;
use crate::rejected::RejectedUrl;

/// Position of a URL: links from a seed, then redirects. Rounds run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct Round {
    pub(crate) depth: u32,
    pub(crate) hops: u32,
}

/// Changes since the last commit.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct PendingCommit {
    pub(crate) pages: Vec<Page>,
    pub(crate) rejected: Vec<RejectedUrl>,
    /// URLs found, each with its smallest round.
    pub(crate) found: BTreeMap<String, Round>,
    pub(crate) robots: BTreeMap<String, Vec<u8>>,
    /// Hosts that sent Retry-After, and when the wait ends, in seconds since the Unix epoch.
    #[serde(default)]
    pub(crate) retry_after: BTreeMap<String, u64>,
    /// Hosts that are given up, with the rejection of their URLs.
    pub(crate) given_up: BTreeMap<String, Rejection>,
    /// Sitemaps read, and the further sitemaps that each names.
    pub(crate) sitemaps: BTreeMap<String, Vec<String>>,
    pub(crate) out_of_scope: u64,
    /// Number of queued URLs that are finished, with any outcome.
    pub(crate) finished: u64,
}

impl PendingCommit {
    /// Records that a link or redirect of `round` leads to a URL.
    pub(crate) fn add_found(&mut self, url: String, round: Round) {
        let place = self.found.entry(url).or_insert(round);
        *place = (*place).min(round);
    }

    /// Whether the batch has no changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty()
            && self.rejected.is_empty()
            && self.found.is_empty()
            && self.robots.is_empty()
            && self.retry_after.is_empty()
            && self.given_up.is_empty()
            && self.sitemaps.is_empty()
            && self.out_of_scope + self.finished == 0
    }

    /// Adds the changes of a later batch.
    pub(crate) fn merge(&mut self, later: Self) {
        self.pages.extend(later.pages);
        self.rejected.extend(later.rejected);
        later.found.into_iter().for_each(|(url, round)| self.add_found(url, round));
        self.robots.extend(later.robots);
        self.retry_after.extend(later.retry_after);
        self.given_up.extend(later.given_up);
        self.sitemaps.extend(later.sitemaps);
        self.out_of_scope += later.out_of_scope;
        self.finished += later.finished;
    }
}

/// The counters that the engine needs to resume.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CrawlCounters {
    pub(crate) seeded: bool,
    pub(crate) crawl_finished: bool,
    pub(crate) pages: u64,
    pub(crate) bytes: u64,
    /// Number of finished URLs.
    pub(crate) finished: u64,
    pub(crate) commits: u64,
    pub(crate) warc: WarcPosition,
}

/// A state change that a commit also records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitMark {
    None,
    Seeded,
    CrawlFinished,
}
