//! Repeated crawls of the same site.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::recrawl;
use corpusmill_warc::{ArchiveItem, RecordKind, WarcReader};

/// A site with an `ETag` on `/tagged`, a date on `/dated`, neither on `/bare`, and `/changing`.
fn versioned(version: &Arc<AtomicU64>) -> TestServer {
    let version = Arc::clone(version);
    TestServer::with_handler(move |request| {
        let now = version.load(Ordering::SeqCst);
        let page = |body: String| {
            let head = Response::builder().header("content-type", "text/html");
            (head, body)
        };
        let date = "Sat, 01 Jan 2022 00:00:00 GMT";
        let (head, body) = match request.path.as_str() {
            "/" => page("<a href=/tagged><a href=/dated><a href=/bare><a href=/changing>".into()),
            "/tagged" if request.if_none_match.as_deref() == Some("\"one\"") => return std::future::ready(status(304)),
            "/tagged" => {
                let (head, body) = page("tagged<a href=/behind>".into());
                (head.header("etag", "\"one\""), body)
            }
            "/dated" if request.if_modified_since.as_deref() == Some(date) => return std::future::ready(status(304)),
            "/dated" => {
                let (head, body) = page("dated".into());
                (head.header("last-modified", date), body)
            }
            "/bare" | "/behind" => page("bare".into()),
            "/changing" => page(format!("version {now}")),
            _ => return std::future::ready(status(404)),
        };
        std::future::ready(head.body(Body::from(body)).unwrap())
    })
}

fn records(dir: &Path, kind: RecordKind) -> Vec<corpusmill_warc::Record> {
    let bytes = fs_err::read(dir.join("crawl-00000.warc.gz")).unwrap();
    let records = WarcReader::new(bytes.as_slice()).unwrap().map(|item| match item.unwrap() {
        ArchiveItem::Record(record) => record,
        other => panic!("{other:?}"),
    });
    records.filter(|record| record.kind == kind).collect()
}

fn refreshed(site: &TestServer, dirs: &Path, number: u32) -> (CrawlSummary, Vec<Page>) {
    let dir = |number: u32| dirs.join(format!("crawl.{number}"));
    let previous = number.checked_sub(1).map(dir);
    let summary = recrawl(&site.settings(), &dir(number), previous.as_deref(), Control::default()).unwrap();
    let mut pages = Vec::new();
    each_page(&dir(number), |page| pages.push(page)).unwrap();
    (summary, pages)
}

#[test]
fn unchanged_pages_are_not_transferred_again() {
    let version = Arc::new(AtomicU64::new(1));
    let site = versioned(&version);
    let dirs = TempDir::new().unwrap();
    let (first, before) = refreshed(&site, dirs.path(), 0);
    assert_eq!((first.pages, first.unchanged), (6, 0));
    version.store(2, Ordering::SeqCst);
    let (second, after) = refreshed(&site, dirs.path(), 1);
    assert_eq!((second.pages, second.unchanged), (6, 5), "all but /changing");
    let of = |pages: &[Page], path: &str| pages.iter().find(|page| path_of(&page.url) == path).unwrap().clone();
    assert_ne!(of(&before, "/changing").payload_digest, of(&after, "/changing").payload_digest);
    for path in ["/tagged", "/dated", "/bare"] {
        let (old, new) = (of(&before, path), of(&after, path));
        assert_eq!((new.payload_digest, new.status), (old.payload_digest, 200), "{path}");
        assert_eq!((new.warc.as_str(), new.offset), ("../crawl.0/crawl-00000.warc.gz", old.offset));
    }
    let dir = dirs.path().join("crawl.1");
    let revisits = records(&dir, RecordKind::Revisit);
    let profile = |path: &str| {
        let found = revisits.iter().find(|record| path_of(record.target_uri().unwrap()) == path).unwrap();
        assert_eq!(found.header("WARC-Refers-To-Target-URI"), found.target_uri());
        assert_eq!(found.header("WARC-Refers-To-Date"), Some(of(&before, path).fetched.as_str()));
        found.header("WARC-Profile").unwrap().rsplit('/').next().unwrap().to_owned()
    };
    assert_eq!(
        ["/tagged", "/dated", "/bare"].map(profile),
        ["server-not-modified", "server-not-modified", "identical-payload-digest"]
    );
    assert_eq!(records(&dir, RecordKind::Response).len(), 1);
    // A third crawl refers to the records of the first two crawls.
    let (third, last) = refreshed(&site, dirs.path(), 2);
    assert_eq!((third.unchanged, of(&last, "/changing").warc.as_str()), (6, "../crawl.1/crawl-00000.warc.gz"));
    assert_eq!(of(&last, "/tagged").warc, "../crawl.0/crawl-00000.warc.gz");
}

#[test]
fn pages_with_a_lost_record_are_fetched_again() {
    let site = versioned(&Arc::new(AtomicU64::new(1)));
    let dirs = TempDir::new().unwrap();
    refreshed(&site, dirs.path(), 0);
    fs_err::write(dirs.path().join("crawl.0/crawl-00000.warc.gz"), b"").unwrap();
    let (second, pages) = refreshed(&site, dirs.path(), 1);
    assert_eq!((second.pages, second.unchanged), (6, 0));
    assert!(pages.iter().all(|page| page.warc == "crawl-00000.warc.gz"));
}
