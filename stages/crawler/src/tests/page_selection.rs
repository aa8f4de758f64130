//! Which pages are kept: breadth-first, in sorted order, independent of timing.

use super::*;
use crate::Scope;

#[test]
fn pages_are_fetched_and_archived_once() {
    let site = TestServer::new(|path| web_page(path, 40));
    let outcome = run(&site.settings());
    // `/` and `/p0` are two URLs of one page.
    assert_eq!(outcome.pages.len(), 41);
    assert!(site.hits().values().all(|count| *count == 1), "{:?}", site.hits());
    assert_eq!(outcome.rule("/gone3"), "status");
    assert_eq!(outcome.row("/gone3").rejection.value.to_bits(), 404f64.to_bits());
    for page in &outcome.pages {
        let record = record(outcome.dir.path(), page);
        let text = String::from_utf8(record.clone()).unwrap();
        assert!(text.starts_with("WARC/1.1\r\n") && text.contains(&format!("WARC-Target-URI: {}\r\n", page.url)));
        let (_, http) = text.split_once("\r\n\r\n").unwrap();
        let (head, body) = http.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        let body = body.strip_suffix("\r\n\r\n").unwrap();
        assert_eq!(page.payload_digest, blake3::hash(body.as_bytes()).to_hex().to_string());
        assert_eq!(page.payload_bytes, body.len() as u64);
        assert_eq!((page.media_type.as_str(), page.charset.as_deref()), ("text/html", Some("utf-8")));
    }
    // A finished crawl does nothing more.
    let before = site.hits().len();
    let again = crawl(&site.settings(), outcome.dir.path(), Control::default()).unwrap();
    assert_eq!((again, site.hits().len()), (outcome.summary, before));
}

#[test]
fn a_budget_cuts_in_sorted_order_at_any_concurrency() {
    // `/` links to 60 pages; every third is missing and some respond slowly.
    let answer = |path: &str| {
        let number: Option<u32> = path.strip_prefix("/n").and_then(|n| n.parse().ok());
        match number {
            None if path == "/" => html((0..60).map(|n| format!("<a href=/n{n:02}>")).collect::<Vec<_>>().concat()),
            Some(n) if n % 3 == 0 => status(404),
            Some(n) => {
                std::thread::sleep(std::time::Duration::from_millis(u64::from(n * 7 % 11)));
                html(format!("{n}<a href=/deeper{n}>"))
            }
            None => status(404),
        }
    };
    let expected: Vec<String> = std::iter::once("/".to_owned())
        .chain((0..30).filter(|n| n % 3 != 0).map(|n| format!("/n{n:02}")))
        .take(20)
        .collect();
    for concurrency in [1, 3, 16] {
        let site = TestServer::new(answer);
        let settings =
            CrawlSettings { max_pages: 20, concurrency_per_host: concurrency, concurrency, ..site.settings() };
        let outcome = run(&settings);
        assert_eq!(outcome.paths(), expected, "concurrency {concurrency}");
        let last: u32 = outcome.paths().last().unwrap()[2..].parse().unwrap();
        let requested = site.hits().keys().filter_map(|path| path.strip_prefix("/n")?.parse::<u32>().ok()).max();
        assert_eq!(requested, Some(last), "no page beyond the budget is fetched");
        assert_eq!(outcome.summary.over_budget, u64::from(59 - last) + 19);
    }
}

#[test]
fn depth_and_scope_bound_a_crawl() {
    let site = TestServer::new(|path| match path {
        "/docs/" => html("<a href=a.html><a href=/other><a href='http://elsewhere.invalid/'><a href='mailto:a@b.c'>"),
        "/docs/a.html" => html("<a href=b.html>"),
        "/docs/b.html" => html("<a href=c.html>"),
        _ => status(404),
    });
    let settings =
        CrawlSettings { seeds: vec![site.url("/docs/")], scope: Scope::SamePrefix, max_depth: 2, ..site.settings() };
    let outcome = run(&settings);
    assert_eq!(outcome.paths(), ["/docs/", "/docs/a.html", "/docs/b.html"]);
    assert_eq!(
        (outcome.summary.out_of_scope_links, outcome.summary.over_depth, outcome.summary.over_budget),
        (2, 1, 0)
    );
    assert!(outcome.rejected.is_empty());
}

#[test]
fn redirects_lead_to_pages_of_the_same_depth() {
    let site = TestServer::new(|path| match path {
        "/" => redirect("/home"),
        "/home" => redirect("home.html"),
        "/home.html" => html("<a href=/x><a href=/chain1>"),
        "/x" => html("x"),
        chain if chain.starts_with("/chain") => redirect(&format!("/chain{}", chain[6..].parse::<u32>().unwrap() + 1)),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { max_redirects: 2, max_depth: 1, ..site.settings() });
    assert_eq!(outcome.paths(), ["/home.html", "/x"]);
    assert_eq!((outcome.pages[0].depth, outcome.pages[0].redirects), (0, 2));
    assert_eq!((outcome.rule("/"), outcome.rule("/home")), ("redirect", "redirect"));
    assert_eq!(outcome.detail("/"), site.url("/home"));
    assert_eq!((outcome.rule("/chain2"), outcome.rule("/chain3")), ("redirect", "too-many-redirects"));
    assert!(!site.hits().contains_key("/chain4"));
}

#[test]
fn a_short_refresh_is_a_redirect() {
    let refresh = |content: &str, more: &str| html(format!("<meta http-equiv=refresh content='{content}'>{more}"));
    let site = TestServer::new(move |path| match path {
        "/" => refresh("0; url=docs/", "<meta name=robots content=noindex><a href=/beside>Redirecting"),
        "/docs/" => html("<a href=/late><a href=/self><a href=/away><a href=/loop><a href=/header><a href=/nofollow>"),
        "/late" => refresh("60; url=/late-target", "a page to be read"),
        "/self" => refresh("5; url=/self#again", "reloads"),
        "/away" => refresh("0; url=http://elsewhere.invalid/", ""),
        "/loop" => refresh("0; url=/loop2", ""),
        "/loop2" => refresh("0; url=/loop", ""),
        "/header" => Response::builder()
            .header("content-type", "text/html")
            .header("refresh", "1; url=/header-target")
            .body(Body::from("x"))
            .unwrap(),
        "/nofollow" => refresh("0; url=/never", "<meta name=robots content=nofollow>"),
        "/beside" | "/late-target" | "/header-target" => html("x"),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    let expected =
        ["/beside", "/docs/", "/header-target", "/late", "/late-target", "/nofollow", "/self"].map(str::to_owned);
    assert_eq!(outcome.paths(), expected);
    assert_eq!((outcome.rule("/"), outcome.detail("/")), ("redirect", site.url("/docs/").as_str()));
    let docs = outcome.pages.iter().find(|page| path_of(&page.url) == "/docs/").unwrap();
    assert_eq!((docs.depth, docs.redirects), (0, 1));
    assert_eq!((outcome.rule("/away"), outcome.rule("/header")), ("redirect-out-of-scope", "redirect"));
    assert_eq!((outcome.rule("/loop"), outcome.rule("/loop2")), ("redirect-loop", "redirect-loop"));
    assert!(!site.hits().contains_key("/never"));
    let index = fs_err::read_to_string(outcome.dir.path().join("index.cdxj")).unwrap();
    assert_eq!(index.lines().count(), outcome.pages.len(), "a page that redirects is not archived: {index}");
}

#[test]
fn a_route_gives_a_server_a_name_without_a_port() {
    let site = TestServer::new(|path| web_page(path, 5));
    let settings = CrawlSettings {
        seeds: vec!["http://rust-docs.localhost/".into()],
        routes: BTreeMap::from([("rust-docs.localhost".to_owned(), site.address)]),
        ..site.settings()
    };
    let outcome = run(&settings);
    assert_eq!(outcome.pages.len(), 6);
    assert_eq!(outcome.pages[0].url, "http://rust-docs.localhost/");
}

#[test]
fn pages_are_kept_under_their_canonical_url() {
    let site = TestServer::new(|path| match path {
        "/" => html("<link rel=canonical href='/elsewhere'><a href='/a?print=1'><a href='/b/index.html'>"),
        "/a?print=1" | "/a" => html("<link rel=canonical href=/a>a"),
        "/b/index.html" => html("<link rel=canonical href='/b/'>b"),
        "/b/" => html("b"),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    assert_eq!(outcome.paths(), ["/", "/a", "/b/"]);
    assert_eq!((outcome.rule("/a?print=1"), outcome.detail("/b/index.html")), ("canonical", site.url("/b/").as_str()));
    let all = run(&CrawlSettings { canonical: false, ..site.settings() });
    assert_eq!(all.paths(), ["/", "/a?print=1", "/b/index.html"]);
}

#[test]
fn feeds_link_to_pages_and_are_not_pages() {
    let feed = |media_type: &str, body: &str| {
        Response::builder().header("content-type", media_type).body(Body::from(body.to_owned())).unwrap()
    };
    let site = TestServer::new(move |path| match path {
        "/" => html("<link rel=alternate type=application/rss+xml href=/rss><a href=/atom.xml><a href=/data.xml>"),
        "/rss" => feed("application/rss+xml", "<rss><channel><item><link>/new</link></item></channel></rss>"),
        "/atom.xml" => feed("text/xml", "<feed><entry><link href='/newer'/></entry></feed>"),
        "/data.xml" => feed("text/xml", "<data/>"),
        "/new" | "/newer" => html("x"),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    assert_eq!(outcome.paths(), ["/", "/new", "/newer"]);
    assert_eq!(["/rss", "/atom.xml", "/data.xml"].map(|path| outcome.rule(path)), ["feed", "feed", "media-type"]);
    let without = run(&CrawlSettings { feeds: false, ..site.settings() });
    assert_eq!((without.paths(), without.rule("/atom.xml")), (vec!["/".to_owned()], "media-type"));
}

#[test]
fn the_index_lists_every_capture() {
    let site = TestServer::new(|path| if path == "/moved" { redirect("/p1") } else { web_page(path, 9) });
    let outcome = run(&CrawlSettings { seeds: vec![site.url("/"), site.url("/moved")], ..site.settings() });
    let index = fs_err::read_to_string(outcome.dir.path().join("index.cdxj")).unwrap();
    let lines: Vec<&str> = index.lines().collect();
    assert!(lines.is_sorted());
    assert_eq!(lines.len(), outcome.pages.len() + 1, "{index}");
    for page in &outcome.pages {
        let found = lines.iter().find(|line| line.contains(&format!("\"url\":\"{}\"", page.url))).unwrap();
        assert!(found.contains(&format!("\"offset\":\"{}\"", page.offset)), "{found}");
        assert!(found.contains(&format!("\"length\":\"{}\"", page.length)) && found.contains("\"sha256:"), "{found}");
    }
}
