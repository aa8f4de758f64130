//! A polite web crawler that writes WARC files, and a downloader of listed files.
//!
//! [`crawl`] visits web sites from seed URLs, breadth-first in sorted order, into a folder. [`DownloadClient`] fetches
//! files and API responses that a user listed. Both are the first step of a source: later steps read what they stored.
//!
//! ```
//! use corpusmill_crawler::{Control, CrawlSettings, crawl, each_page, serve};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let site = tempfile::tempdir()?;
//! std::fs::write(site.path().join("index.html"), "<a href=second.html>next</a>")?;
//! std::fs::write(site.path().join("second.html"), "the end")?;
//! let server = serve::serve(site.path(), 0, serve::ServeOptions::default())?;
//!
//! let settings = CrawlSettings {
//!     seeds: vec![server.url()],
//!     sitemaps: false,
//!     allow_loopback: true,
//!     requests_per_second: 0.0, // no limit, which only loopback hosts may have
//!     ..CrawlSettings::default()
//! };
//! let folder = tempfile::tempdir()?;
//! let summary = crawl(&settings, folder.path(), Control::default())?;
//! assert!(summary.finished);
//!
//! let mut pages = Vec::new();
//! each_page(folder.path(), |page| pages.push(page.url.replace(&server.url(), "/")))?;
//! assert_eq!(pages, ["/", "/second.html"]);
//! assert!(folder.path().join("crawl-00000.warc.gz").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - Politeness: robots.txt is read before any page and obeyed by RFC 9309, with the tolerance of Google's parser; so
//!   are the Crawl-delay, the Retry-After header, and opt-outs from training and indexing (unless `obey-opt-outs` is
//!   off). A public host needs a rate limit and a contact in the User-Agent header.
//! - Safety: each request goes to an address that was checked, on every hop of a redirect; bodies, compression ratios
//!   and times are limited, and time is linear on hostile pages.
//! - Nothing disappears: a URL found in scope becomes a page, a rejection with the rule and the measured value, or is
//!   counted as beyond the page budget or the depth limit.
//! - Nothing is done twice: a second call resumes an interrupted crawl, also after a kill, and does nothing for a
//!   finished one; [`recrawl`] transfers only pages that have changed.
//!
//! # What a crawl writes
//!
//! | file | contents |
//! |---|---|
//! | `crawl-00000.warc.gz`, … | requests and responses, in WARC 1.1; a file ends after 1 GiB |
//! | `frontier.redb` | the URLs found and their outcomes; [`each_page`], [`each_rejected`] and [`summary`] read it |
//! | `journal` | the outcomes since the last commit of the frontier |
//! | `index.cdxj` | the position of each capture, for replay tools; written at the end |
//!
//! # The code
//!
//! `engine` is the main loop; `seeding` starts it, `classify` decides about a response, and `outcome` applies the
//! decision; `inspect` shows the rules of a site without a crawl. Each folder below depends only on those above it:
//! `fetch` (one request), `robots` (the rules of sites), `pages` (what a body contains), `archive` (WARC files),
//! `frontier` (the state of a crawl); `download` depends on `fetch` alone.
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
mod inspect;
mod outcome;
mod pages;
mod rejected;
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
pub use fetch::address::is_loopback_host;
pub use fetch::credential::Credential;
pub use frontier::page_table::{CrawlSummary, Page};
pub use frontier::results::{each_page, each_rejected, summary};
pub use inspect::{Inspection, inspect};
pub use pages::canonical::requested_url;
pub use rejected::RejectedUrl;
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
/// page that cannot be fetched is not an error: see [`each_rejected`].
pub fn crawl(settings: &CrawlSettings, dir: &Path, control: Control<'_>) -> Result<CrawlSummary, CrawlError> {
    recrawl(settings, dir, None, control)
}

/// Like [`crawl`], with a finished crawl of the same settings in the folder `previous`, a sibling of `dir`. Pages
/// unchanged since then are not transferred again and become revisit records.
///
/// # Errors
/// See [`crawl`].
pub fn recrawl(
    settings: &CrawlSettings,
    dir: &Path,
    previous: Option<&Path>,
    control: Control<'_>,
) -> Result<CrawlSummary, CrawlError> {
    if tokio::runtime::Handle::try_current().is_ok() {
        let problem = "called inside an asynchronous runtime; call it from a separate thread".to_owned();
        return Err(CrawlError::Client { problem });
    }
    let _running = control.start(settings.max_pages, "pages");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(engine::run(settings, dir, previous, control));
    // A pending DNS lookup on a blocking thread must not delay the return.
    runtime.shutdown_background();
    result?;
    summary(dir)
}
