//! Crawls that are cancelled, killed and resumed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use corpusmill_pipeline::progress::{Event, Progress};

use super::*;
use crate::archive::writer::WarcPosition;
use crate::frontier::database::Frontier;
use crate::frontier::pending_commit::{CommitMark, PendingCommit, Round};
use crate::{recrawl, summary};

/// Cancels after a number of responses.
#[derive(Debug)]
struct CancelAfter {
    left: AtomicU64,
    cancel: AtomicBool,
}

impl Progress for CancelAfter {
    fn handle(&self, event: Event<'_>) {
        if matches!(event, Event::Advanced { .. }) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cancel.store(true, Ordering::SeqCst);
        }
    }
}

fn digests(outcome: &CrawlResult) -> Vec<(String, String)> {
    outcome.pages.iter().map(|page| (path_of(&page.url), page.payload_digest.clone())).collect()
}

fn settings(site: &TestServer) -> CrawlSettings {
    CrawlSettings { concurrency_per_host: 4, max_pages: 150, ..site.settings() }
}

#[test]
fn a_cancelled_crawl_is_resumed() {
    let site = TestServer::new(|path| web_page(path, 200));
    let whole = run(&settings(&site));
    site.hits.lock().unwrap().clear();
    let dir = TempDir::new().unwrap();
    let mut calls = 0;
    let summary = loop {
        let after = CancelAfter { left: AtomicU64::new(7 + calls * 3), cancel: AtomicBool::new(false) };
        let control = Control { name: "crawl", progress: &after, cancel: &after.cancel };
        let summary = crawl(&settings(&site), dir.path(), control).unwrap();
        calls += 1;
        if summary.finished {
            break summary;
        }
        assert!(matches!(each_page(dir.path(), drop), Err(CrawlError::Unfinished { .. })));
    };
    assert!(calls > 5, "{calls}");
    let parts = open(dir, summary);
    assert_eq!(parts.summary, whole.summary);
    assert_eq!(digests(&parts), digests(&whole));
    assert_eq!(parts.rejected, whole.rejected);
    for page in &parts.pages {
        assert!(record(parts.dir.path(), page).starts_with(b"WARC/1.1\r\nWARC-Record-ID"));
    }
    // Only requests in flight when a call was cancelled may be repeated.
    let twice: usize = site.hits().values().map(|count| count - 1).sum();
    assert!(twice <= usize::try_from(calls).unwrap() * 4, "{twice} in {calls} calls");
}

#[test]
fn a_folder_belongs_to_one_crawl() {
    let site = TestServer::new(|path| web_page(path, 3));
    let outcome = run(&site.settings());
    let dir = outcome.dir.path();
    let wider = CrawlSettings { max_pages: 77, ..site.settings() };
    assert!(matches!(crawl(&wider, dir, Control::default()), Err(CrawlError::OtherSettings { .. })));
    let gentler = CrawlSettings { requests_per_second: 0.5, ..site.settings() };
    assert!(crawl(&gentler, dir, Control::default()).is_ok());
    assert!(matches!(each_page(&dir.join("nothing"), drop), Err(CrawlError::Missing { .. })));
}

#[test]
fn a_crawl_of_another_version_is_not_resumed() {
    // The first format had other tables; a later format has another number.
    for (table, identity) in [("texts", "{}"), ("metadata", "crawl format 3\n{}")] {
        let site = TestServer::new(|path| web_page(path, 3));
        let old = TempDir::new().unwrap();
        let database = redb::Database::create(old.path().join("frontier.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        let definition: redb::TableDefinition<'_, &str, &str> = redb::TableDefinition::new(table);
        transaction.open_table(definition).unwrap().insert("identity", identity).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let resumed = crawl(&site.settings(), old.path(), Control::default());
        assert!(matches!(resumed, Err(CrawlError::OtherFormat { .. })), "{table}: {resumed:?}");
        assert!(matches!(summary(old.path()), Err(CrawlError::OtherFormat { .. })), "{table}");
        assert!(site.hits().is_empty(), "{table}");
        // A refresh ignores the old crawl and fetches every page.
        let new = TempDir::new().unwrap();
        let refreshed = recrawl(&site.settings(), new.path(), Some(old.path()), Control::default()).unwrap();
        assert_eq!((refreshed.finished, refreshed.pages, refreshed.unchanged), (true, 4, 0), "{table}");
    }
}

#[test]
fn a_stored_url_that_does_not_parse_is_rejected() {
    let site = TestServer::new(|path| web_page(path, 3));
    let settings = site.settings();
    let dir = TempDir::new().unwrap();
    let frontier = Frontier::open(dir.path(), &settings.identity(&[], &[]), settings.max_depth).unwrap();
    let mut changes = PendingCommit::default();
    changes.add_found("no URL".to_owned(), Round { depth: 0, hops: 0 });
    frontier.commit(&changes, WarcPosition::default(), CommitMark::Seeded).unwrap();
    drop(frontier);
    let summary = crawl(&settings, dir.path(), Control::default()).unwrap();
    let outcome = open(dir, summary);
    assert_eq!((outcome.rule("no URL"), outcome.detail("no URL")), ("invalid-url", "relative URL without a base"));
}

#[test]
fn an_unwritable_folder_is_named() {
    let site = TestServer::new(|path| web_page(path, 3));
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs_err::write(&file, "x").unwrap();
    let error = crawl(&site.settings(), &file.join("below"), Control::default()).unwrap_err().to_string();
    assert!(error.contains("below"), "{error}");
}
