//! Endless sites: loops in paths, calendars, sort orders, errors, and overlong URLs.

use super::*;

#[test]
fn traps_words_and_domains_are_rejected() {
    let site = TestServer::new(|path| match path {
        "/" => html("<a href=/casino/x><a href=/a/a/a/a/a/a/a/a/a/a/a/a><a href=/fine>"),
        _ => html(""),
    });
    let outcome = run(&CrawlSettings { blocked_words: vec!["casino".into()], ..site.settings() });
    assert_eq!(outcome.paths(), ["/", "/fine"]);
    assert_eq!((outcome.rule("/casino/x"), outcome.rule("/a/a/a/a/a/a/a/a/a/a/a/a")), ("blocked-word", "trap"));
    let gone = run(&CrawlSettings { blocked_domains: vec!["127.0.0.1".into()], ..site.settings() });
    assert_eq!((gone.pages.len(), gone.rule("/")), (0, "blocked-domain"));
}

#[test]
fn a_crawl_of_errors_ends() {
    // Every page is a redirect to another; so are robots.txt, which is requested six times, and tdmrep.json.
    let site = TestServer::new(|path| redirect(&format!("{path}x")));
    let outcome = run(&CrawlSettings { max_redirects: 1_000_000, max_pages: 1, ..site.settings() });
    assert!(outcome.pages.is_empty());
    assert!(site.hits().len() <= 1007, "{}", site.hits().len());
}

#[test]
fn page_limits_per_host_hold_at_any_concurrency() {
    let answer = |path: &str| {
        let number: Option<u32> = path.strip_prefix("/n").and_then(|n| n.parse().ok());
        match number {
            None if path == "/" => html((0..40).map(|n| format!("<a href=/n{n:02}>")).collect::<Vec<_>>().concat()),
            Some(n) if n % 3 == 0 => status(404),
            Some(n) => html(format!("{n}<a href=/deeper{n}>")),
            None => status(404),
        }
    };
    let taken = ["/", "/n01", "/n02", "/n04", "/n05", "/n07"];
    for concurrency in [1, 3, 16] {
        let site = TestServer::new(answer);
        let settings = CrawlSettings {
            max_pages_per_host: Some(6),
            concurrency_per_host: concurrency,
            concurrency,
            ..site.settings()
        };
        let outcome = run(&settings);
        assert_eq!(outcome.paths(), taken, "concurrency {concurrency}");
        assert_eq!(
            (outcome.rule("/n08"), outcome.rule("/n39"), outcome.rule("/deeper1")),
            ("host-budget", "host-budget", "host-budget")
        );
        assert!(!site.hits().contains_key("/n08"), "no page beyond the budget is fetched");
        assert_eq!(outcome.summary.over_budget, 0);
    }
}

#[test]
fn calendars_and_sort_orders_are_rejected() {
    let site = TestServer::new(|path| match path {
        "/" => html("<a href=/calendar/2024/1><a href='/list?sort=price&order=desc'><a href=/list?sort=name>"),
        "/list" => html("x"),
        month if month.starts_with("/calendar/") => {
            let parts: Vec<u32> = month[10..].split('/').map(|part| part.parse().unwrap()).collect();
            let next = (parts[0] * 12 + parts[1], 12);
            html(format!("<a href=/calendar/{}/{}>", next.0 / next.1, next.0 % next.1 + 1))
        }
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { max_depth: 1000, ..site.settings() });
    assert_eq!(outcome.pages.len(), 402, "the front, the list, and 400 months");
    assert_eq!(outcome.rejected.iter().filter(|row| row.rejection.rule == "trap").count(), 1);
}

#[test]
fn overlong_urls_are_not_requested() {
    let long = "x".repeat(100_000);
    let target = format!("/{}", "y".repeat(3000));
    let site = TestServer::new(move |path| match path {
        "/" => html(format!("<a href='/{long}'><a href='/?{long}'><a href=/moved><a href=/fine>")),
        "/moved" => redirect(&target),
        "/fine" => html("x"),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    assert_eq!(outcome.paths(), ["/", "/fine"]);
    assert_eq!(outcome.rule("/moved"), "redirect");
    let traps: Vec<&RejectedUrl> = outcome.rejected.iter().filter(|row| row.rejection.rule == "trap").collect();
    assert_eq!(traps.len(), 3);
    assert!(
        traps.iter().all(|row| row.rejection.value > row.rejection.threshold && row.url.len() <= 2083),
        "{traps:?}"
    );
    assert!(site.hits().keys().all(|path| path.len() < 100), "no overlong URL was requested");
}
