//! When a host is asked, and how often: nothing before its turn, and no more at once than allowed.
//!
//! No test here measures time. One waits until a crawl has looked around a few times, a tenth of a second apart, while a host may
//! not be asked for minutes; how far apart requests are is tested with a clock of its own in [`hosts`](crate::crawl::hosts).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::*;
use crate::crawl::Control;

/// Lets a crawl run until it has looked around this often after a path was asked for.
struct Watching<'a> {
    site: &'a Site,
    path: &'a str,
    looks: AtomicU32,
}

const LOOKS: u32 = 5;

impl Control for Watching<'_> {
    fn cancelled(&self) -> bool {
        self.site.hits().contains_key(self.path) && self.looks.fetch_add(1, Ordering::SeqCst) >= LOOKS
    }
}

/// The paths asked for, in order, until a while after `path`, and the folder of the crawl.
fn asked_until(site: &Site, settings: &CrawlSettings, path: &str) -> (Vec<String>, TempDir) {
    let dir = TempDir::new().unwrap();
    let summary = crawl(settings, dir.path(), &Watching { site, path, looks: AtomicU32::new(0) }).unwrap();
    assert!(!summary.finished);
    let asked = site.hits.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    (asked, dir)
}

type Robots = Box<dyn Fn() -> Response<Body> + Send + Sync>;

#[test]
fn nothing_is_asked_before_its_turn() {
    let robots = |body: &'static str| move || Response::new(Body::from(body));
    let slow: [(f64, Robots); 4] = [
        (0.01, Box::new(robots(""))),
        (0.01, Box::new(|| redirect("/elsewhere.txt"))),
        (0.01, Box::new(|| status(503))),
        // No limit of ours, but the site's.
        (0.0, Box::new(robots("User-agent: *\nCrawl-delay: 60\n"))),
    ];
    for (requests_per_second, robots) in slow {
        let site = Site::new(move |path| if path == "/robots.txt" { robots() } else { web_page(path, 6) });
        let settings = CrawlSettings { requests_per_second, concurrency_per_host: 4, ..site.settings() };
        assert_eq!(asked_until(&site, &settings, "/robots.txt").0, ["/robots.txt"], "{requests_per_second}");
    }
}

#[test]
fn retry_after_is_waited_for_in_both_forms() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(280));
    for (code, value) in [(429, "290".to_owned()), (503, date)] {
        let calm = Arc::new(AtomicBool::new(false));
        let now = Arc::clone(&calm);
        let site = Site::new(move |path| match path {
            "/" => html("<a href=/busy><a href=/next>"),
            "/busy" if !now.load(Ordering::SeqCst) => {
                Response::builder().status(code).header("retry-after", &value).body(Body::empty()).unwrap()
            }
            "/busy" | "/next" => html("at last"),
            _ => status(404),
        });
        let settings = CrawlSettings { concurrency_per_host: 1, ..site.settings() };
        let (asked, dir) = asked_until(&site, &settings, "/busy");
        // The whole host is left alone, not the one page.
        assert_eq!(asked, ["/robots.txt", "/.well-known/tdmrep.json", "/", "/busy"]);
        calm.store(true, Ordering::SeqCst);
        let summary = crawl(&settings, dir.path(), &RunToEnd).unwrap();
        assert_eq!(open(dir, summary).paths(), ["/", "/busy", "/next"]);
    }
}

#[test]
fn a_retry_after_of_nothing_is_no_wait_and_one_of_a_day_gives_up() {
    let tries = AtomicU32::new(0);
    let site = Site::new(move |path| {
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

#[test]
fn temporary_errors_are_tried_again_and_then_recorded() {
    let site = Site::new(|path| {
        if path == "/" { html("<a href=/broken>") } else { status(if path == "/broken" { 500 } else { 404 }) }
    });
    let outcome = run(&CrawlSettings { retries: 2, ..site.settings() });
    assert_eq!((outcome.rule("/broken"), site.hits()["/broken"]), ("status", 3));
}

#[test]
fn no_more_requests_are_under_way_than_allowed() {
    let under_way = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
    let (sum, most) = (Arc::clone(&under_way), Arc::clone(&under_way));
    let site = Site::new_slow(move |path| {
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
