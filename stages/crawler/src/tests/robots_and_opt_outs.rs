//! Whether the crawler obeys robots.txt and opt-outs.

use super::*;

fn text(body: &str) -> Response<Body> {
    Response::new(Body::from(body.to_owned()))
}

#[test]
fn robots_txt_is_fetched_first_and_obeyed() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => text("User-agent: corpusmill\nDisallow: /private\nAllow: /private/open\n"),
        "/" => html("<a href=/private/x><a href=/private/open><a href=/y>"),
        _ => html("x"),
    });
    let outcome = run(&CrawlSettings { concurrency_per_host: 8, ..site.settings() });
    assert_eq!(outcome.paths(), ["/", "/private/open", "/y"]);
    assert_eq!(outcome.rule("/private/x"), "robots");
    assert!(outcome.detail("/private/x").contains("line 2"), "{:?}", outcome.row("/private/x"));
    assert!(outcome.pages[1].robots.is_some());
    assert_eq!(site.hits.lock().unwrap()[0].0, "/robots.txt");
    assert_eq!(site.hits()["/robots.txt"], 1);
    assert!(!site.hits().contains_key("/private/x"));
}

#[test]
fn robots_txt_errors_disallow_and_absence_allows() {
    for (code, pages) in [(500, 0), (503, 0), (429, 0), (404, 1), (403, 1)] {
        let site = TestServer::new(move |path| if path == "/robots.txt" { status(code) } else { html("x") });
        let outcome = run(&CrawlSettings { retries: 1, ..site.settings() });
        assert_eq!(outcome.pages.len(), pages, "{code}");
        if pages == 0 {
            assert_eq!((outcome.rule("/"), site.hits()["/robots.txt"]), ("robots-unreachable", 2));
            assert_eq!(site.hits().len(), 1);
        }
    }
}

#[test]
fn robots_txt_is_read_up_to_its_limit() {
    for bytes in [700 << 10, 9 << 20] {
        let mut file = "User-agent: *\nDisallow: /early\n".to_owned();
        file.push_str(&"# a remark\n".repeat(bytes / 11));
        file.push_str("Disallow: /late\n");
        let site = TestServer::new(move |path| match path {
            "/robots.txt" => text(&file),
            "/" => html("<a href=/early><a href=/late>"),
            _ => html("x"),
        });
        let outcome = run(&CrawlSettings { retries: 0, ..site.settings() });
        assert_eq!(outcome.paths(), ["/", "/late"], "{bytes}");
        assert!(!site.hits().contains_key("/early"));
    }
}

#[test]
fn robots_txt_redirects_are_followed_five_times() {
    for (hops, pages) in [(5, 0), (6, 1)] {
        let site = TestServer::new(move |path| match path {
            "/" => html("x"),
            "/robots.txt" => redirect("/r1"),
            other => match other.strip_prefix("/r").and_then(|n| n.parse::<u32>().ok()) {
                Some(n) if n < hops => redirect(&format!("/r{}", n + 1)),
                Some(_) => text("User-agent: *\nDisallow: /\n"),
                None => status(404),
            },
        });
        assert_eq!(run(&site.settings()).pages.len(), pages, "{hops}");
    }
}

fn opting_out(path: &str) -> Response<Body> {
    let tagged = |name: &str, value: &str| {
        let head = Response::builder().header("content-type", "text/html").header(name, value);
        head.body(Body::from("x<a href=/behind>")).unwrap()
    };
    match path {
        "/" => html("<a href=/noai><a href=/meta><a href=/tdm><a href=/other><a href=/nofollow>"),
        "/noai" => tagged("x-robots-tag", "noai, nofollow"),
        "/meta" => html("<meta name=robots content='noindex'><a href=/found>"),
        "/tdm" => tagged("tdm-reservation", "1"),
        "/other" => tagged("x-robots-tag", "somebot: noai, nofollow"),
        "/nofollow" => html("<meta name=robots content=nofollow><a href=/never>"),
        "/found" | "/behind" => html("x"),
        _ => status(404),
    }
}

#[test]
fn opt_outs_are_obeyed_and_not_archived() {
    let site = TestServer::new(opting_out);
    let outcome = run(&site.settings());
    assert_eq!(outcome.paths(), ["/", "/behind", "/found", "/nofollow", "/other"]);
    for (path, statement) in [("/noai", "noai"), ("/meta", "noindex"), ("/tdm", "tdm-reservation")] {
        assert_eq!((outcome.rule(path), outcome.detail(path)), ("opt-out", statement));
    }
    assert!(!site.hits().contains_key("/never"));
    let bytes = fs_err::read(outcome.dir.path().join("crawl-00000.warc.gz")).unwrap();
    let mut archive = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut archive).unwrap();
    assert!(archive.contains("/other\r\n") && !archive.contains("/noai\r\n"));
}

#[test]
fn ignored_opt_outs_are_recorded() {
    let site = TestServer::new(opting_out);
    let outcome = run(&CrawlSettings { obey_opt_outs: false, ..site.settings() });
    let page = |path: &str| outcome.pages.iter().find(|page| path_of(&page.url) == path).unwrap();
    assert!(page("/noai").opt_outs.noai && page("/meta").opt_outs.noindex && page("/tdm").opt_outs.tdm_reservation);
    assert!(!site.hits().contains_key("/never"), "nofollow is not an opt-out from training and always applies");
}

#[test]
fn reserved_paths_are_not_requested() {
    let file = r#"[{"location":"/closed/*","tdm-reservation":1},{"location":"/open","tdm-reservation":0}]"#;
    let site = TestServer::new(move |path| match path {
        "/.well-known/tdmrep.json" => text(file),
        "/" => html("<a href=/closed/x><a href=/open>"),
        _ => html("x"),
    });
    let outcome = run(&site.settings());
    assert_eq!((outcome.paths(), outcome.rule("/closed/x")), (vec!["/".to_owned(), "/open".to_owned()], "opt-out"));
    assert!(!site.hits().contains_key("/closed/x") && site.hits()["/.well-known/tdmrep.json"] == 1);
    let outcome = run(&CrawlSettings { obey_opt_outs: false, ..site.settings() });
    let reserved: Vec<bool> = outcome.pages.iter().map(|page| page.opt_outs.tdm_reservation).collect();
    assert_eq!((outcome.paths().len(), reserved), (3, vec![false, true, false]));
}

#[test]
fn reservations_are_retried_when_the_site_is_busy() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let site = TestServer::new(move |path| match path {
        "/.well-known/tdmrep.json" if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 => status(503),
        "/.well-known/tdmrep.json" => text(r#"[{"location":"/closed","tdm-reservation":1}]"#),
        "/" => html("<a href=/closed>"),
        _ => html("x"),
    });
    let outcome = run(&CrawlSettings { retries: 2, ..site.settings() });
    assert_eq!((outcome.paths(), outcome.rule("/closed")), (vec!["/".to_owned()], "opt-out"));
    assert_eq!(site.hits()["/.well-known/tdmrep.json"], 3);
}

#[test]
fn inspect_reports_what_a_site_allows() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => {
            text("User-agent: *\nDisallow: /private\nCrawl-delay: 2\nContent-Signal: ai-train=no\nSitemap: /map.xml\n")
        }
        _ => status(404),
    });
    let settings = CrawlSettings { seeds: vec![site.url("/private/x"), site.url("/")], ..site.settings() };
    let found = crate::inspect(&settings, "somebot/1.0").unwrap();
    assert_eq!((found[0].decision.allowed, found[0].decision.line), (false, Some(2)));
    assert!(found[1].decision.allowed && found[1].signal.ai_train == Some(false));
    assert_eq!((found[1].crawl_delay_seconds, found[1].sitemaps.as_slice()), (Some(2.0), &["/map.xml".to_owned()][..]));
    assert_eq!(site.hits().into_keys().collect::<Vec<_>>(), ["/.well-known/tdmrep.json", "/robots.txt"]);
    let public = CrawlSettings { seeds: vec!["https://docs.rs/".into()], ..settings };
    assert!(matches!(crate::inspect(&public, "a"), Err(CrawlError::Setting { key: "requests-per-second", .. })));
}

#[test]
fn ai_train_no_rejects_an_origin() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => text("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n"),
        _ => html("x"),
    });
    let outcome = run(&site.settings());
    assert_eq!((outcome.rule("/"), site.hits().len()), ("opt-out", 1));
    let outcome = run(&CrawlSettings { obey_opt_outs: false, ..site.settings() });
    assert_eq!(outcome.pages[0].opt_outs.ai_train, Some(false));
}

/// A server that answers the first request for `path` with 408, and then as `answer` does.
fn times_out_once(path: &'static str, answer: fn(&str) -> Response<Body>) -> TestServer {
    let asked = std::sync::atomic::AtomicBool::new(false);
    TestServer::new(move |requested| {
        let first = requested == path && !asked.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first { status(408) } else { answer(requested) }
    })
}

#[test]
fn a_timeout_of_the_server_is_no_permission() {
    let site = times_out_once("/.well-known/tdmrep.json", |path| match path {
        "/.well-known/tdmrep.json" => text(r#"[{"location":"/*","tdm-reservation":1}]"#),
        "/" => html("x"),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    assert_eq!((outcome.paths(), outcome.rule("/")), (Vec::new(), "opt-out"));
    assert_eq!(site.hits()["/.well-known/tdmrep.json"], 2);

    let site = times_out_once("/robots.txt", |path| match path {
        "/robots.txt" => text("User-agent: *\nDisallow: /\n"),
        _ => html("x"),
    });
    let outcome = run(&site.settings());
    assert_eq!((outcome.paths(), outcome.rule("/")), (Vec::new(), "robots"));
}

#[test]
fn a_sitemap_is_requested_again_after_a_timeout() {
    let site = times_out_once("/map.txt", |path| match path {
        "/robots.txt" => text("Sitemap: /map.txt\n"),
        "/map.txt" => text("http://127.0.0.1/elsewhere\n"),
        "/" => html("x"),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { sitemaps: true, ..site.settings() });
    assert_eq!((outcome.paths(), site.hits()["/map.txt"]), (vec!["/".to_owned()], 2));
}
