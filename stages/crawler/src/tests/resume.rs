//! Crawls that are cancelled, killed and resumed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use corpusmill_pipeline::progress::{Event, Progress};

use super::*;

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
    assert_eq!(parts.refused, whole.refused);
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
fn an_unwritable_folder_is_named() {
    let site = TestServer::new(|path| web_page(path, 3));
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs_err::write(&file, "x").unwrap();
    let error = crawl(&site.settings(), &file.join("below"), Control::default()).unwrap_err().to_string();
    assert!(error.contains("below"), "{error}");
}
