//! The source `crawl`: web pages, fetched politely and stored as WARC.
//!
//! Invariant: a finished crawl is fetched again under the same settings only with `--refresh`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use corpusmill_pipeline::snapshot::{Interner, Item, Location, RejectedItem, Snapshot};
use corpusmill_pipeline::{Digest, StageError, UserError};
use indicatif::DecimalBytes;

use super::{AcquireContext, crawler_error, settings_digest, statements};
use crate::workspace::CrawlFolders;
use corpusmill_crawler::{self as crawl, CrawlSettings, Page};

/// Crawls, or resumes an unfinished crawl, and returns the snapshot of its pages.
///
/// # Errors
/// If the settings are invalid, no page could be fetched, or an I/O error occurs.
pub fn acquire(name: &str, settings: &CrawlSettings, context: &AcquireContext) -> Result<Snapshot, StageError> {
    let folders = context.workspace.crawl_folders(settings_digest(settings)?, context.fresh);
    fs_err::create_dir_all(&folders.dir)?;
    run(name, settings, &folders, context)?;
    snapshot(&folders.dir, str::to_owned)
}

/// Runs the crawl in its folder until it finishes.
///
/// # Errors
/// As [`acquire`], and [`StageError::Cancelled`] if the run is cancelled.
pub(crate) fn run(
    name: &str,
    settings: &CrawlSettings,
    folders: &CrawlFolders,
    context: &AcquireContext,
) -> Result<(), StageError> {
    let dir = &folders.dir;
    let work = format!("{name}/crawl");
    if crawl::summary(dir).is_ok_and(|summary| summary.finished) {
        context.progress.message(&format!("  {work}: uses the stored crawl; --refresh fetches the pages again"));
    }
    let summary = crawl::recrawl(settings, dir, folders.previous.as_deref(), context.control(&work))
        .map_err(crawler_error("crawl"))?;
    if !summary.finished {
        return Err(StageError::Cancelled);
    }
    let rejected: u64 = summary.rejected.values().sum();
    if summary.pages == 0 {
        return Err(nothing_fetched(name, settings, dir)?);
    }
    let unchanged = if summary.unchanged > 0 { format!(", {} unchanged", summary.unchanged) } else { String::new() };
    context.progress.message(&format!(
        "  {name}/crawl: {} pages{unchanged}, {}, {rejected} rejected, {} beyond the page budget",
        summary.pages,
        DecimalBytes(summary.bytes),
        summary.over_budget
    ));
    Ok(())
}

/// The error of a crawl without pages. Renames the crawl's folder, so that the next run crawls again.
fn nothing_fetched(name: &str, settings: &CrawlSettings, dir: &Path) -> Result<StageError, StageError> {
    let (mut count, mut list, mut is_local) = (0, String::new(), false);
    let rejected = crawl::each_rejected(dir, |rejected| {
        count += 1;
        let url = url::Url::parse(&rejected.url);
        is_local |= url.is_ok_and(|url| url.host_str().is_some_and(crawl::is_loopback_host));
        if count <= 3 {
            let _ = write!(
                list,
                "\n  {}: {} {}",
                rejected.url,
                rejected.rejection.rule,
                rejected.rejection.detail.unwrap_or_default()
            );
        }
    });
    rejected.map_err(crawler_error("crawl"))?;
    let failed = dir.with_extension("failed");
    if failed.exists() {
        fs_err::remove_dir_all(&failed)?;
    }
    fs_err::rename(dir, &failed)?;
    let message = format!("{name}: no page was fetched; {count} rejected:{list}");
    let error = UserError::new(message).with_hint("check that the seeds are reachable and that robots.txt allows them");
    if !is_local || settings.allow_loopback {
        return Ok(StageError::input(error));
    }
    let local =
        "for pages on this machine, set `allow-loopback: true` (`--set allow-loopback=true` for `corpusmill crawl`)";
    Ok(StageError::input(error.with_hint(local)))
}

/// The snapshot of a finished crawl, with each URL renamed to its logical origin.
///
/// # Errors
/// If the crawl's folder cannot be read.
pub(crate) fn snapshot(dir: &Path, origin: impl Fn(&str) -> String) -> Result<Snapshot, StageError> {
    let mut snapshot = Snapshot::default();
    let mut archives = WarcFiles::default();
    let mut failed = Ok(());
    let listed = crawl::each_page(dir, |page| {
        if failed.is_ok() {
            failed = archives.item(dir, page, &origin).map(|item| snapshot.items.push(item));
        }
    });
    listed.map_err(crawler_error("crawl"))?;
    failed?;
    let rejected = crawl::each_rejected(dir, |rejected| {
        snapshot.rejected.push(RejectedItem { origin: origin(&rejected.url), rejection: rejected.rejection });
    });
    rejected.map_err(crawler_error("crawl"))?;
    snapshot.sort();
    Ok(snapshot)
}

/// Path and size of each WARC file. Facts that pages have in common are stored once.
#[derive(Default)]
struct WarcFiles {
    files: BTreeMap<String, (Arc<Path>, u64)>,
    interner: Interner,
}

impl WarcFiles {
    /// The snapshot item of a page.
    fn item(&mut self, dir: &Path, page: Page, origin: &impl Fn(&str) -> String) -> Result<Item, StageError> {
        let (path, size) = if let Some((path, size)) = self.files.get(&page.warc) {
            (Arc::clone(path), *size)
        } else {
            let path: Arc<Path> = fs_err::canonicalize(dir.join(&page.warc))?.into();
            let size = fs_err::metadata(&path)?.len();
            self.files.insert(page.warc, (Arc::clone(&path), size));
            (path, size)
        };
        let digest: Digest =
            page.payload_digest.parse().map_err(|error| StageError::input(format!("{}: {error}", page.url)))?;
        let mut metadata = BTreeMap::from([("media-type".to_owned(), page.media_type)]);
        statements::store(&mut metadata, page.opt_outs);
        if let Some(charset) = page.charset {
            metadata.insert("charset".to_owned(), charset);
        }
        let metadata = self.interner.metadata(metadata.into());
        let location = Location::Record { path, size, start: page.offset, end: page.offset + page.length };
        Ok(Item { origin: origin(&page.url), status: page.status, digest, location, metadata })
    }
}
