//! What a crawl learns between two commits of its frontier, and where it stands.
//!
//! Invariant: merging batches in the order in which they came gives what one batch of all of it would be; a URL keeps the
//! smallest round at which anything led to it.

use std::collections::BTreeMap;

use super::table::{Page, Refused};

/// Where a URL stands: links from a seed, then redirects. Rounds are worked off in this order.
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

/// What happened since the last commit.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Batch {
    pub(super) pages: Vec<Page>,
    pub(super) refused: Vec<Refused>,
    /// URLs found, each at its smallest round.
    pub(super) found: BTreeMap<String, Round>,
    pub(super) robots: BTreeMap<String, Vec<u8>>,
    /// Hosts that asked to be left alone, and until when, in seconds of the Unix epoch.
    #[serde(default)]
    pub(super) told: BTreeMap<String, u64>,
    /// Sitemaps read, and the further ones that each names.
    pub(super) sitemaps: BTreeMap<String, Vec<String>>,
    pub(super) off_scope: u64,
    /// URLs of the queue that are resolved, however they ended.
    pub(super) resolved: u64,
}

impl Batch {
    /// Notes that something at `round` leads to a URL.
    pub(super) fn find(&mut self, url: String, round: Round) {
        let place = self.found.entry(url).or_insert(round);
        *place = (*place).min(round);
    }

    /// Whether nothing happened.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
            && self.refused.is_empty()
            && self.found.is_empty()
            && self.robots.is_empty()
            && self.told.is_empty()
            && self.sitemaps.is_empty()
            && self.off_scope + self.resolved == 0
    }

    /// Takes in what happened later.
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

/// The figures that the engine needs to go on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) opened: bool,
    pub(super) finished: bool,
    pub(super) pages: u64,
    pub(super) bytes: u64,
    pub(super) resolved: u64,
    pub(super) commits: u64,
    pub(super) warc: WarcPosition,
}

/// What a commit also changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Opened,
    Finished,
}
