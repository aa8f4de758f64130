//! Sitemaps, and those that cannot be fetched.

use std::io::Write as _;

use super::*;

fn xml(body: &str) -> Response<Body> {
    Response::builder().header("content-type", "application/xml").body(Body::from(body.to_owned())).unwrap()
}

/// A `.gz` file as served: compressed, without a content coding.
fn packed(body: &str) -> Response<Body> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    Response::builder().header("content-type", "application/gzip").body(Body::from(encoder.finish().unwrap())).unwrap()
}

#[test]
fn sitemaps_are_read_before_the_first_page() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => xml("Sitemap: /map.xml\nUser-agent: *\nDisallow: /no\n"),
        "/map.xml" => xml("<sitemapindex><sitemap><loc>/inner.xml.gz</loc></sitemap></sitemapindex>"),
        "/inner.xml.gz" => packed(
            "<urlset><url><loc>/hidden</loc></url><url><loc>/no</loc></url><url><loc>http://other.invalid/</loc></url></urlset>",
        ),
        "/" | "/hidden" => html("page"),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { sitemaps: true, ..site.settings() });
    assert_eq!(outcome.paths(), ["/", "/hidden"]);
    assert_eq!(outcome.rule("/no"), "robots");
    assert_eq!((site.hits()["/robots.txt"], site.hits()["/inner.xml.gz"]), (1, 1));
    assert!(outcome.rejected.iter().all(|row| row.rejection.rule != "sitemap"), "{:?}", outcome.rejected);
}

#[test]
fn unreadable_sitemaps_are_recorded() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => xml(
            "Sitemap: http://10.0.0.1/map.xml\nSitemap: https://doc.rust-lang.org/map.xml\nSitemap: /gone.xml\nSitemap: /cut.xml\n\
             Sitemap: /busy.xml\nSitemap: /moved.xml\n",
        ),
        "/cut.xml" => xml("<urlset><url><loc>/one</loc></url><url><loc>/tw"),
        "/busy.xml" => status(503),
        "/moved.xml" => redirect("http://169.254.169.254/map.xml"),
        "/" | "/one" => html("page"),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { sitemaps: true, retries: 1, ..site.settings() });
    assert_eq!(outcome.paths(), ["/", "/one"]);
    let details: BTreeMap<String, String> = outcome
        .rejected
        .iter()
        .filter(|row| row.rejection.rule == "sitemap")
        .map(|row| {
            (
                row.url.replace(&site.url(""), ""),
                format!("{} {}", row.rejection.value, row.rejection.detail.as_deref().unwrap_or_default()),
            )
        })
        .collect();
    let expected = [
        ("/busy.xml", "503 status"),
        ("/cut.xml", "1 damaged or too long: read up to entry 1"),
        ("/gone.xml", "404 status"),
        ("/moved.xml", "1 http://169.254.169.254/map.xml is out of scope"),
        ("http://10.0.0.1/map.xml", "1 http://10.0.0.1/map.xml is out of scope"),
        ("https://doc.rust-lang.org/map.xml", "1 https://doc.rust-lang.org/map.xml is out of scope"),
    ];
    assert_eq!(details, expected.map(|(url, detail)| (url.to_owned(), detail.to_owned())).into());
    assert_eq!(site.hits()["/busy.xml"], 2);
}

#[test]
fn an_endless_index_is_read_up_to_the_limit() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => xml("Sitemap: /map0.xml\n"),
        "/" => html("page"),
        path => match path.strip_prefix("/map").and_then(|rest| rest.strip_suffix(".xml")?.parse::<u32>().ok()) {
            Some(number) => {
                xml(&format!("<sitemapindex><sitemap><loc>/map{}.xml</loc></sitemap></sitemapindex>", number + 1))
            }
            None => status(404),
        },
    });
    let outcome = run(&CrawlSettings { sitemaps: true, ..site.settings() });
    assert_eq!((outcome.paths(), site.hits().len()), (vec!["/".to_owned()], 103));
    let row = outcome.row("/map100.xml");
    assert_eq!(
        format!("{} {} {}", row.rejection.rule, row.rejection.value, row.rejection.threshold),
        "sitemap 101 100"
    );
}
