//! Bodies that are not what their headers say, or that have no header.

use std::io::Write as _;

use super::*;

fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn answer(fields: &[(&'static str, &'static str)], body: impl Into<Body>) -> Response<Body> {
    let head = fields.iter().fold(Response::builder(), |head, (name, value)| head.header(*name, *value));
    head.body(body.into()).unwrap()
}

const HTML: (&str, &str) = ("content-type", "text/html");
const XML: (&str, &str) = ("content-type", "text/xml");
const PACKED: (&str, &str) = ("content-encoding", "gzip");

#[test]
fn the_first_bytes_decide_whether_a_body_is_gzip() {
    let site = TestServer::new(|path| match path {
        "/" => answer(&[HTML, PACKED], "<a href=/unnamed><a href=/almost><a href=/broken><a href=/empty>"),
        "/unnamed" => answer(&[HTML], gzip("<a href=/linked>")),
        "/linked" => answer(&[HTML, PACKED], gzip("linked")),
        "/almost" => answer(&[HTML, PACKED], &b"\x1f"[..]),
        "/broken" => answer(&[HTML, PACKED], &b"\x1f\x8b but no gzip"[..]),
        "/empty" => answer(&[HTML, PACKED], ""),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    assert_eq!(outcome.paths(), ["/", "/almost", "/empty", "/linked", "/unnamed"]);
    assert_eq!(outcome.rule("/broken"), "content-encoding");
    let record = record(outcome.dir.path(), &outcome.pages[4]);
    assert!(record.ends_with(b"\r\n\r\n<a href=/linked>\r\n\r\n"), "stored unpacked");
}

#[test]
fn a_sitemap_and_robots_txt_may_be_labelled_gzip_and_plain() {
    let site = TestServer::new(|path| match path {
        "/robots.txt" => answer(&[PACKED], "User-agent: *\nDisallow: /no\nSitemap: /map.xml\n"),
        "/map.xml" => answer(&[XML, PACKED], "<urlset><url><loc>/hidden</loc></url><url><loc>/no</loc></url></urlset>"),
        "/" | "/hidden" => html("page"),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { sitemaps: true, ..site.settings() });
    assert_eq!((outcome.paths(), outcome.rule("/no")), (vec!["/".to_owned(), "/hidden".to_owned()], "robots"));
}

#[test]
fn a_body_without_a_media_type_has_that_of_its_beginning() {
    let site = TestServer::new(|path| match path {
        "/" => answer(&[], "<!doctype html><a href=/text><a href=/markup><a href=/binary><a href=/packed>"),
        "/text" => answer(&[], "plain words"),
        "/markup" => answer(&[], "<rss></rss>"),
        "/binary" => answer(&[], "a\0b"),
        "/packed" => answer(&[], gzip("<p>packed")),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    let pages: Vec<(String, &str)> =
        outcome.pages.iter().map(|page| (path_of(&page.url), page.media_type.as_str())).collect();
    let expected = [("/", "text/html"), ("/packed", "text/html"), ("/text", "text/plain")];
    assert_eq!(pages, expected.map(|(path, kind)| (path.to_owned(), kind)));
    for path in ["/markup", "/binary"] {
        assert_eq!((outcome.rule(path), outcome.detail(path)), ("media-type", "no Content-Type"));
    }
    let only_html = run(&CrawlSettings { accept: vec!["text/html".to_owned()], ..site.settings() });
    assert_eq!((only_html.rule("/text"), only_html.detail("/text")), ("media-type", "text/plain"));
}
