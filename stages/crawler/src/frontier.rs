//! The state of a crawl: URLs found, waiting and finished; on disk, and in memory while they wait for a host.
//!
//! Invariant: a URL is stored once and ends as a page or a rejection; a crash loses no outcome that was recorded.

pub(crate) mod budget;
pub(crate) mod database;
pub(crate) mod journal;
pub(crate) mod page_table;
pub(crate) mod pending_commit;
pub(crate) mod previous_crawl;
pub(crate) mod queue;
pub(crate) mod results;
