//! Rate and concurrency of requests: no request before it is allowed, and no more at once than allowed.
//!
//! No test here measures time. Some wait until a crawl has checked for cancellation a few times, a tenth of a second
//! apart, while a host may not receive a request for minutes; [`hosts`](crate::fetch::hosts) tests the interval between
//! requests with a simulated clock.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::*;
use crate::control::POLL_INTERVAL;
use crate::fetch::hosts::Hosts;
use crate::{DownloadClient, DownloadRequest, DownloadSettings};

/// Runs `work`, and cancels it a few checks for cancellation after the request of a path.
fn cancel_after_request<T>(site: &TestServer, path: &str, work: impl FnOnce(Control<'_>) -> T) -> T {
    let cancel = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let asked = (0..600).any(|_| {
                std::thread::sleep(POLL_INTERVAL);
                site.hits().contains_key(path)
            });
            if asked {
                std::thread::sleep(POLL_INTERVAL * CHECKS_BEFORE_CANCEL);
            }
            cancel.store(true, Ordering::SeqCst);
        });
        work(Control { cancel: &cancel, ..Control::default() })
    })
}

const CHECKS_BEFORE_CANCEL: u32 = 5;

/// The paths requested, in order, by a crawl in this folder until shortly after `path`.
fn requests_until(site: &TestServer, settings: &CrawlSettings, dir: &TempDir, path: &str) -> Vec<String> {
    let summary = cancel_after_request(site, path, |control| crawl(settings, dir.path(), control)).unwrap();
    assert!(!summary.finished);
    site.hits.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
}

type Robots = Box<dyn Fn() -> Response<Body> + Send + Sync>;

#[test]
fn no_request_precedes_its_turn() {
    let robots = |body: &'static str| move || Response::new(Body::from(body));
    let slow: [(f64, Robots); 4] = [
        (0.01, Box::new(robots(""))),
        (0.01, Box::new(|| redirect("/elsewhere.txt"))),
        (0.01, Box::new(|| status(503))),
        // No limit in the settings, but a Crawl-delay of the site.
        (0.0, Box::new(robots("User-agent: *\nCrawl-delay: 60\n"))),
    ];
    for (requests_per_second, robots) in slow {
        let site = TestServer::new(move |path| if path == "/robots.txt" { robots() } else { web_page(path, 6) });
        let settings = CrawlSettings { requests_per_second, concurrency_per_host: 4, ..site.settings() };
        assert_eq!(
            requests_until(&site, &settings, &TempDir::new().unwrap(), "/robots.txt"),
            ["/robots.txt"],
            "{requests_per_second}"
        );
    }
}

#[test]
fn retry_after_holds_in_both_forms_and_after_resuming() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(280));
    for (code, value) in [(429, "290".to_owned()), (503, date)] {
        let site = TestServer::new(move |path| match path {
            "/" => html("<a href=/busy><a href=/next>"),
            "/busy" => Response::builder().status(code).header("retry-after", &value).body(Body::empty()).unwrap(),
            "/next" => html("at last"),
            _ => status(404),
        });
        let settings = CrawlSettings { concurrency_per_host: 1, ..site.settings() };
        let dir = TempDir::new().unwrap();
        // The wait applies to the whole host, not only to the page, and to later calls too.
        for call in 0..3 {
            let requested = requests_until(&site, &settings, &dir, "/busy");
            assert_eq!(requested, ["/robots.txt", "/.well-known/tdmrep.json", "/", "/busy"], "call {call}");
        }
    }
}

#[test]
fn cancelling_does_not_wait_for_a_busy_host() {
    for busy in ["/robots.txt", "/sitemap.xml"] {
        let site = TestServer::new(move |path| match path {
            _ if path == busy => {
                Response::builder().status(503).header("retry-after", "250").body(Body::empty()).unwrap()
            }
            "/" => html("x"),
            _ => status(404),
        });
        let settings = CrawlSettings { sitemaps: true, ..site.settings() };
        let dir = TempDir::new().unwrap();
        for call in 0..2 {
            requests_until(&site, &settings, &dir, busy);
            assert_eq!(site.hits()[busy], 1, "{busy}, call {call}");
        }
    }
}

#[test]
fn cancelling_a_download_does_not_wait() {
    let site =
        TestServer::new(|_| Response::builder().status(503).header("retry-after", "250").body(Body::empty()).unwrap());
    let settings = DownloadSettings { requests_per_second: 0.0, allow_loopback: true, ..DownloadSettings::default() };
    let client = || DownloadClient::new(&settings, None).unwrap();
    let url = |path: &str| url::Url::parse(&site.url(path)).unwrap();
    let dir = TempDir::new().unwrap();
    let wanted = DownloadRequest { url: url("/file"), dir: dir.path().to_owned(), sha256: None };
    let files = cancel_after_request(&site, "/file", |control| client().files(&[wanted], false, control));
    assert!(files.unwrap().is_none());
    let listing = cancel_after_request(&site, "/listing", |control| client().get(&url("/listing"), 1 << 10, control));
    assert_eq!(listing.unwrap(), None);
    assert_eq!(site.hits().into_values().collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_stored_retry_after_expires() {
    let hosts = Hosts::new(&CrawlSettings { requests_per_second: 0.0, ..CrawlSettings::default() }.requests());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    hosts.restore_retry_after("127.0.0.1", now.saturating_sub(5));
    assert!(hosts.is_free("127.0.0.1", tokio::time::Instant::now()));
    hosts.restore_retry_after("127.0.0.1", u64::MAX);
    let longest = tokio::time::Instant::now() + hosts.max_retry_after();
    assert!(!hosts.is_free("127.0.0.1", tokio::time::Instant::now()));
    assert!(hosts.is_free("127.0.0.1", longest), "with a clock set back, the wait does not exceed the limit");
}

#[test]
fn zero_retry_after_retries_and_one_day_gives_up() {
    let tries = AtomicU32::new(0);
    let site = TestServer::new(move |path| {
        let busy =
            |after: &str| Response::builder().status(429).header("retry-after", after).body(Body::empty()).unwrap();
        match path {
            "/" => html("<a href=/busy><a href=/never>"),
            "/busy" if tries.fetch_add(1, Ordering::SeqCst) == 0 => busy("0"),
            "/busy" => html("at last"),
            "/never" => busy("86400"),
            _ => status(404),
        }
    });
    let outcome = run(&site.settings());
    assert_eq!((outcome.paths(), site.hits()["/busy"]), (vec!["/".to_owned(), "/busy".to_owned()], 2));
    assert_eq!((outcome.rule("/never"), site.hits()["/never"]), ("status", 1));
}

/// The given-up host is asked once, its other URLs are on record, and another host goes on; also after a restart.
#[test]
fn a_host_that_asks_for_too_long_a_wait_is_given_up_on_record() {
    let site = TestServer::new(|path| match path {
        "/" => html((0..30).fold(String::new(), |page, n| page + "<a href=/busy/" + &n.to_string() + ">")),
        path if path.starts_with("/busy/") => {
            Response::builder().status(429).header("retry-after", "3600").body(Body::empty()).unwrap()
        }
        _ => status(404),
    });
    let other = TestServer::new(|path| if path.starts_with("/page") { html("x") } else { status(404) });
    let seeds = std::iter::once(site.url("/")).chain((0..5).map(|n| format!("http://other.localhost/page{n}")));
    let settings = CrawlSettings {
        seeds: seeds.collect(),
        concurrency_per_host: 1,
        routes: [("other.localhost".to_owned(), other.address)].into(),
        ..site.settings()
    };
    let outcome = run(&settings);
    assert_eq!(outcome.paths().iter().filter(|path| path.starts_with("/page")).count(), 5, "{:?}", outcome.paths());
    let hits = site.hits();
    assert_eq!(hits.keys().filter(|path| path.starts_with("/busy/")).count(), 1, "{hits:?}");
    let rules: Vec<String> = (0..30).map(|n| outcome.rule(&format!("/busy/{n}")).to_owned()).collect();
    assert_eq!(rules.iter().filter(|rule| *rule == "host-unavailable").count(), 29, "{rules:?}");
    assert_eq!(rules.iter().filter(|rule| *rule == "status").count(), 1, "{rules:?}");
    let row = outcome.row("/busy/29");
    assert_eq!((row.rejection.value, row.rejection.threshold), (3600.0, 600.0), "{row:?}");
}

#[test]
fn temporary_errors_are_retried_then_recorded() {
    let site = TestServer::new(|path| {
        if path == "/" { html("<a href=/broken>") } else { status(if path == "/broken" { 500 } else { 404 }) }
    });
    let outcome = run(&CrawlSettings { retries: 2, ..site.settings() });
    assert_eq!((outcome.rule("/broken"), site.hits()["/broken"]), ("status", 3));
}

#[test]
fn concurrency_limits_hold() {
    let under_way = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
    let (sum, most) = (Arc::clone(&under_way), Arc::clone(&under_way));
    let site = TestServer::new_slow(move |path| {
        let now = sum.0.fetch_add(1, Ordering::SeqCst) + 1;
        sum.1.fetch_max(now, Ordering::SeqCst);
        let (sum, answer) = (Arc::clone(&sum), web_page(path, 60));
        async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            sum.0.fetch_sub(1, Ordering::SeqCst);
            answer
        }
    });
    for (concurrency, per_host) in [(16, 3), (2, 8)] {
        most.1.store(0, Ordering::SeqCst);
        let outcome = run(&CrawlSettings { concurrency, concurrency_per_host: per_host, ..site.settings() });
        assert_eq!(outcome.pages.len(), 61);
        let most = most.1.load(Ordering::SeqCst);
        assert!(most as usize <= concurrency.min(per_host), "{most} of {concurrency}, {per_host}");
    }
}
