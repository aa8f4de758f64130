//! The source step `crawl`: pages of the web, fetched politely, kept as WARC.
//!
//! Invariant: a finished crawl is never fetched again under the same settings, unless `--refresh` asks for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use corpusmill_pipeline::snapshot::{Item, Location, Refused, Sharing, Snapshot};
use corpusmill_pipeline::{Digest, StageError};

use super::{Surroundings, Watched, settings_digest, statements};
use crate::crawl::{self, CrawlError, CrawlSettings, Page};
use crate::workspace::CrawlPlace;

/// The error of a crawl as one of a stage.
pub(crate) fn crawl_error(error: CrawlError) -> StageError {
    match error {
        CrawlError::Io(error) => StageError::Io(error),
        other => StageError::Settings(format!("crawl: {other}")),
    }
}

/// Crawls, or goes on with an unfinished crawl, and lists what was taken.
///
/// # Errors
/// When the settings cannot work or the machine fails.
pub fn acquire(name: &str, settings: &CrawlSettings, surroundings: &Surroundings) -> Result<Snapshot, StageError> {
    let place = surroundings.workspace.crawl_place(settings_digest(settings)?, surroundings.fresh);
    fs_err::create_dir_all(&place.dir)?;
    run(name, settings, &place, surroundings)?;
    snapshot(&place.dir, str::to_owned)
}

/// Runs the crawl in its folder to its end.
///
/// # Errors
/// As [`acquire`]; [`StageError::Cancelled`] when the run shall stop.
pub(crate) fn run(
    name: &str,
    settings: &CrawlSettings,
    place: &CrawlPlace,
    surroundings: &Surroundings,
) -> Result<(), StageError> {
    let dir = &place.dir;
    let bar = surroundings.console.bar(&format!("{name}/crawl"), settings.max_pages, "pages");
    let watched = Watched { surroundings, bar };
    let summary = crawl::crawl_again(settings, dir, place.earlier.as_deref(), &watched).map_err(crawl_error)?;
    watched.bar.finish_and_clear();
    if !summary.finished {
        return Err(StageError::Cancelled);
    }
    let refused: u64 = summary.refused.values().sum();
    if summary.pages == 0 {
        return Err(nothing_fetched(name, dir)?);
    }
    let unchanged = if summary.unchanged > 0 { format!(", {} unchanged", summary.unchanged) } else { String::new() };
    surroundings.console.say(format!(
        "  {name}/crawl: {} pages{unchanged}, {}, {refused} refused, {} beyond the page budget",
        summary.pages,
        crate::console::bytes(summary.bytes),
        summary.over_budget
    ));
    Ok(())
}

/// A crawl without a page is a failure, not an empty source: it is set aside, so that the next run tries again.
fn nothing_fetched(name: &str, dir: &Path) -> Result<StageError, StageError> {
    let (mut count, mut list) = (0, String::new());
    let refused = crawl::each_refused(dir, |refused| {
        count += 1;
        if count <= 3 {
            let _ = write!(list, "\n  {}: {} {}", refused.url, refused.rule, refused.detail);
        }
    });
    refused.map_err(crawl_error)?;
    let failed = dir.with_extension("failed");
    if failed.exists() {
        fs_err::remove_dir_all(&failed)?;
    }
    fs_err::rename(dir, &failed)?;
    let hint = "see that the seeds can be reached, and whether `allow-loopback` or robots.txt stands against them";
    Ok(StageError::Input(format!("{name}: no page was fetched; {count} refused:{list}\nhint: {hint}")))
}

/// The snapshot of a finished crawl, with each URL renamed to its logical origin.
///
/// # Errors
/// When the crawl's folder cannot be read.
pub(crate) fn snapshot(dir: &Path, origin: impl Fn(&str) -> String) -> Result<Snapshot, StageError> {
    let mut snapshot = Snapshot::default();
    let mut archives = Archives::default();
    let mut failed = Ok(());
    let taken = crawl::each_page(dir, |page| {
        if failed.is_ok() {
            failed = archives.item(dir, page, &origin).map(|item| snapshot.items.push(item));
        }
    });
    taken.map_err(crawl_error)?;
    failed?;
    let refused = crawl::each_refused(dir, |refused| {
        snapshot.refused.push(Refused {
            origin: origin(&refused.url),
            rule: refused.rule,
            value: refused.value,
            threshold: refused.threshold,
            detail: Some(refused.detail).filter(|detail| !detail.is_empty()),
        });
    });
    refused.map_err(crawl_error)?;
    snapshot.sort();
    Ok(snapshot)
}

/// Where each WARC file is, and its size; what pages have in common is held once.
#[derive(Default)]
struct Archives {
    files: BTreeMap<String, (Arc<Path>, u64)>,
    sharing: Sharing,
}

impl Archives {
    /// The item of a page.
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
            page.payload_digest.parse().map_err(|error| StageError::Input(format!("{}: {error}", page.url)))?;
        let mut facts = BTreeMap::from([("media-type".to_owned(), page.media_type)]);
        statements::note(&mut facts, page.opt_outs);
        if let Some(charset) = page.charset {
            facts.insert("charset".to_owned(), charset);
        }
        let facts = self.sharing.facts(facts.into());
        let location = Location::Record { path, size, start: page.offset, end: page.offset + page.length };
        Ok(Item { origin: origin(&page.url), status: page.status, digest, location, facts })
    }
}
