//! Changes between two commits of the frontier, and the position of the crawl.
//!
//! Invariant: merging batches in order equals one batch of all their changes; a URL keeps the smallest round of any
//! link to it.

use std::collections::BTreeMap;

use super::page_table::{Page, Refused};

/// Position of a URL: links from a seed, then redirects. Rounds run in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct Round {
    pub(super) depth: u32,
    pub(super) hops: u32,
}

/// The end of the committed records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct WarcPosition {
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// Changes since the last commit.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct PendingCommit {
    pub(super) pages: Vec<Page>,
    pub(super) refused: Vec<Refused>,
    /// URLs found, each with its smallest round.
    pub(super) found: BTreeMap<String, Round>,
    pub(super) robots: BTreeMap<String, Vec<u8>>,
    /// Hosts that sent Retry-After, and when the wait ends, in seconds since the Unix epoch.
    #[serde(default)]
    pub(super) told: BTreeMap<String, u64>,
    /// Sitemaps read, and the further sitemaps that each names.
    pub(super) sitemaps: BTreeMap<String, Vec<String>>,
    pub(super) off_scope: u64,
    /// Number of queued URLs that are resolved, with any outcome.
    pub(super) resolved: u64,
}

impl PendingCommit {
    /// Records that a link or redirect of `round` leads to a URL.
    pub(super) fn find(&mut self, url: String, round: Round) {
        let place = self.found.entry(url).or_insert(round);
        *place = (*place).min(round);
    }

    /// Whether the batch has no changes.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
            && self.refused.is_empty()
            && self.found.is_empty()
            && self.robots.is_empty()
            && self.told.is_empty()
            && self.sitemaps.is_empty()
            && self.off_scope + self.resolved == 0
    }

    /// Adds the changes of a later batch.
    pub(super) fn merge(&mut self, later: Self) {
        self.pages.extend(later.pages);
        self.refused.extend(later.refused);
        later.found.into_iter().for_each(|(url, round)| self.find(url, round));
        self.robots.extend(later.robots);
        self.told.extend(later.told);
        self.sitemaps.extend(later.sitemaps);
        self.off_scope += later.off_scope;
        self.resolved += later.resolved;
    }
}

/// The counters that the engine needs to resume.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CrawlCounters {
    pub(super) seeded: bool,
    pub(super) finished: bool,
    pub(super) pages: u64,
    pub(super) bytes: u64,
    pub(super) resolved: u64,
    pub(super) commits: u64,
    pub(super) warc: WarcPosition,
}

/// A state change that a commit also records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitMark {
    None,
    Seeded,
    Finished,
}
