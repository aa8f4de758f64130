//! The crawl: from seeds to a folder of WARC files and a page table. The first station of a web source.
//!
//! [`crawl`] asks robots.txt first, keeps each host's pace, connects to checked addresses only, and works off the web
//! breadth-first in sorted order. The folder holds `frontier.redb` (what was found and what became of it) and
//! `crawl-00000.warc.gz` and on (what was asked and answered), and at the end `index.cdxj` (where each capture is). Calling it again goes on after a crash or does nothing.
//! [`each_page`] and [`each_refused`] read the result.
//!
//! | file | idea |
//! |---|---|
//! | `settings`, `contact` | the recipe keys and their checks |
//! | `refuse`, `canonical` | what is left alone before it is fetched; one spelling per page |
//! | `address`, `fetch` | checked addresses; one bounded request |
//! | `robots`, `origin`, `tdm`, `sitemap`, `optout` | what sites ask of crawlers |
//! | `politeness`, `hosts`, `queue` | when a host may be asked |
//! | `scan`, `links`, `visit` | what an answer becomes |
//! | `frontier`, `batch`, `journal`, `archive`, `cdxj`, `table`, `earlier` | what is kept, and what an earlier crawl kept |
//! | `engine`, `settle`, `opening`, `budget` | the loop, its beginning and its bounds |
//! | `download`, `place`, `api`, `credential` | whole files, resumed; small answers of an interface; tokens |
//! | `inspect` | what a robots.txt says, for people |
//!
//! Invariant: which pages are taken, and their digests, depend on the settings and the servers' answers alone.

mod address;
mod api;
mod archive;
mod batch;
mod budget;
pub mod canonical;
mod cdxj;
mod contact;
mod credential;
mod download;
mod earlier;
mod engine;
mod error;
mod fetch;
mod frontier;
mod hosts;
mod inspect;
mod journal;
mod links;
mod opening;
mod optout;
mod origin;
mod place;
mod politeness;
mod queue;
mod refuse;
pub mod robots;
mod scan;
mod settings;
mod settle;
pub mod sitemap;
mod table;
mod tdm;
mod visit;

#[cfg(test)]
mod trials;

use std::path::Path;
use std::time::Duration;

pub use api::Reply;
pub use credential::Credential;
pub use download::{Client, Fetched, Wanted};
pub use error::CrawlError;
pub use inspect::{Inspection, inspect};
pub use optout::OptOuts;
pub use settings::{CrawlSettings, Scope};
pub use table::{CrawlSummary, Page, Refused, each_page, each_refused, summary};

/// The crawler's name in robots.txt, in lower case, and the first word of its User-Agent.
pub const AGENT: &str = "corpusmill";

/// How a caller watches and stops a crawl.
pub trait Control {
    /// Whether the crawl shall stop. It then makes durable what it has and returns an unfinished summary.
    fn cancelled(&self) -> bool;
    /// Called after each answer: pages taken, URLs that wait, bytes of decoded bodies taken.
    fn progress(&self, fetched: u64, queued: u64, bytes: u64) {
        let _ = (fetched, queued, bytes);
    }
}

/// How often cancellation is looked for while nothing happens.
const POLL: Duration = Duration::from_millis(100);

/// What a future gives; nothing if the caller cancels first. A host may ask to be left alone for minutes, a person at the
/// keyboard does not wait as long.
async fn unless_cancelled<T>(control: &dyn Control, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    while !control.cancelled() {
        if let Ok(done) = tokio::time::timeout(POLL, future.as_mut()).await {
            return Some(done);
        }
    }
    None
}

/// A [`Control`] that lets a crawl run to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunToEnd;

impl Control for RunToEnd {
    fn cancelled(&self) -> bool {
        false
    }
}

/// Crawls into a folder of its own, going on with what the folder holds. A finished crawl does nothing more.
///
/// Holds the URLs under way (4096 at most), `concurrency` answers of up to twice `max-page-bytes`, and 32 MiB of the
/// frontier; not the URLs found.
///
/// # Errors
/// [`CrawlError`] for settings that cannot be meant, a folder with another crawl, and a disk or client that fails. A page
/// that cannot be had is no error: see [`each_refused`].
pub fn crawl(settings: &CrawlSettings, dir: &Path, control: &dyn Control) -> Result<CrawlSummary, CrawlError> {
    crawl_again(settings, dir, None, control)
}

/// As [`crawl`], with a finished crawl of the same settings in the folder `earlier`, which lies beside this one: pages that
/// have not changed since are not transferred again, and become revisit records.
///
/// # Errors
/// As [`crawl`].
pub fn crawl_again(
    settings: &CrawlSettings,
    dir: &Path,
    earlier: Option<&Path>,
    control: &dyn Control,
) -> Result<CrawlSummary, CrawlError> {
    if tokio::runtime::Handle::try_current().is_ok() {
        let problem = "called inside an asynchronous runtime; call it from a thread of its own".to_owned();
        return Err(CrawlError::Client { problem });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(engine::run(settings, dir, earlier, control));
    // A name being resolved on a helper thread must not hold up the end.
    runtime.shutdown_background();
    result?;
    summary(dir)
}
