//! Crawls web sites from seed URLs into a folder of WARC files and a page table. The first step of a web source.
//!
//! [`crawl`] reads robots.txt first, keeps to each host's rate limit, connects only to checked addresses, and visits
//! URLs breadth-first in sorted order. The folder holds `frontier.redb` (the URLs found and their outcomes),
//! `crawl-00000.warc.gz` and further WARC files (requests and responses) and, after the end, `index.cdxj` (the position
//! of each capture). A second call resumes an interrupted crawl and does nothing for a finished one. [`each_page`] and
//! [`each_refused`] read the result.
//!
//! | file | purpose |
//! |---|---|
//! | `settings`, `contact` | the recipe keys and their checks |
//! | `url_filter`, `canonical` | which URLs are refused before they are fetched; one canonical URL per page |
//! | `address`, `fetch` | checked addresses; one bounded request |
//! | `robots`, `origin`, `tdm`, `sitemap`, `optout` | the rules that sites set for crawlers |
//! | `politeness`, `hosts`, `queue` | when a host may receive a request |
//! | `scan`, `links`, `classify` | how a response is classified |
//! | `frontier`, `pending_commit`, `journal`, `archive`, `cdxj`, `page_table`, `earlier_crawl` | what this and an earlier crawl stored |
//! | `engine`, `outcome`, `seeding`, `budget` | the main loop, its start and its limits |
//! | `download`, `partial_download`, `api`, `credential` | whole files, resumable; API responses; access tokens |
//! | `inspect` | a report of what a robots.txt allows |
//!
//! Invariant: the pages kept, and their digests, depend only on the settings and the servers' responses.

mod archive;
mod classify;
mod control;
mod download;
mod engine;
mod error;
mod fetch;
mod frontier;
mod outcome;
mod pages;
mod refusal;
pub mod robots;
mod seeding;
pub mod serve;
mod settings;
mod url_filter;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use control::{Control, RunningWork};
pub use download::api::ApiResponse;
pub use download::client::DownloadClient;
pub use download::partial_download::{DownloadRequest, DownloadedFile};
pub use download::settings::DownloadSettings;
pub use error::CrawlError;
pub use fetch::credential::Credential;
pub use frontier::page_table::{CrawlSummary, Page};
pub use frontier::results::{each_page, each_refused, summary};
pub use refusal::Refused;
pub use robots::inspect::{Inspection, inspect};
pub use robots::optout::OptOuts;
pub use settings::{CrawlSettings, Scope};

/// The crawler's name in robots.txt, in lower case, and the first word of its User-Agent header.
pub const AGENT: &str = "corpusmill";

/// Crawls into its own folder, and resumes the crawl that the folder holds. Does nothing if that crawl is finished.
///
/// Memory: the URLs in flight (at most 4096), `concurrency` responses of up to twice `max-page-bytes` each, and 32 MiB
/// for the frontier. The URLs found are on disk.
///
/// # Errors
/// [`CrawlError`] for invalid settings, for a folder that holds another crawl, and for a failing disk or HTTP client. A
/// page that cannot be fetched is not an error: see [`each_refused`].
pub fn crawl(settings: &CrawlSettings, dir: &Path, control: Control<'_>) -> Result<CrawlSummary, CrawlError> {
    recrawl(settings, dir, None, control)
}

/// Like [`crawl`], with a finished crawl of the same settings in the folder `earlier`, a sibling of `dir`. Pages
/// unchanged since then are not transferred again and become revisit records.
///
/// # Errors
/// See [`crawl`].
pub fn recrawl(
    settings: &CrawlSettings,
    dir: &Path,
    earlier: Option<&Path>,
    control: Control<'_>,
) -> Result<CrawlSummary, CrawlError> {
    if tokio::runtime::Handle::try_current().is_ok() {
        let problem = "called inside an asynchronous runtime; call it from a separate thread".to_owned();
        return Err(CrawlError::Client { problem });
    }
    let _running = control.start(settings.max_pages, "pages");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(engine::run(settings, dir, earlier, control));
    // A pending DNS lookup on a blocking thread must not delay the return.
    runtime.shutdown_background();
    result?;
    summary(dir)
}
