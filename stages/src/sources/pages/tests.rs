//! Tests with archives built in code, read whole and in parts.
//!
//! Invariant under test: the result of a record depends only on the record.

use std::io::Write as _;

use super::*;

/// A record as plain text, with `fields` between its type and its length.
fn record(kind: &str, fields: &str, block: &str) -> String {
    let length = block.len();
    format!("WARC/1.0\r\nWARC-Type: {kind}\r\n{fields}Content-Length: {length}\r\n\r\n{block}\r\n\r\n")
}

/// A response record; `fields` are those of the HTTP header, each with its line end.
fn response_record(fields: &str, body: &[u8]) -> Vec<u8> {
    let http = [format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), body].concat();
    let length = http.len();
    let head = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n\
         WARC-Target-URI: https://e.org/\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), &http, b"\r\n\r\n"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Media type and text of each document, or rule and detail of each rejection.
fn outcomes(records: &[Vec<u8>]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc");
    fs_err::write(&path, records.concat()).unwrap();
    let outcome = |item: ReaderItem| match item {
        ReaderItem::Document(document) => (document.media_type.clone(), document.body.as_text().unwrap().to_owned()),
        ReaderItem::Rejected(rejected) => {
            (rejected.rejection.rule.into_owned(), rejected.rejection.detail.unwrap_or_default())
        }
    };
    read_part(&path, None).into_iter().map(outcome).collect()
}

fn owned(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(kind, text)| ((*kind).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_record_that_says_that_it_is_cut_is_rejected() {
    let cut = |kind: &str, block: &str| {
        record(kind, "WARC-Truncated: length\r\nContent-Type: text/plain\r\n", block).into_bytes()
    };
    let records = [cut("resource", "half a sent"), cut("resource", "\0\u{1}\u{2}"), cut("revisit", "")];
    let outcomes = outcomes(&records);
    assert_eq!(outcomes[0], ("truncated".to_owned(), "WARC-Truncated: length".to_owned()));
    assert!(["binary", "media-type"].contains(&outcomes[1].0.as_str()), "{outcomes:?}");
    assert_eq!(outcomes[2].0, "revisit");
}

#[test]
fn bodies_are_text_or_binary_whatever_the_header_says() {
    let html = "Content-Type: text/html\r\n";
    let wide: Vec<u8> = "<p>wide</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let records = [
        response_record(html, &gzip(b"<p>packed</p>")),
        response_record(&format!("{html}Content-Encoding: gzip\r\n"), &gzip(&gzip(b"<p>packed twice</p>"))),
        response_record(html, b"\x1f\x8b but no gzip"),
        response_record(html, &gzip(&gzip(b"<p>packed twice</p>"))),
        response_record(html, b"\x89PNG\r\n"),
        response_record(html, b"<p>a\0b</p>"),
        response_record("Content-Type: text/html; charset=utf-16le\r\n", &wide),
        response_record("Content-Type: application/gzip\r\n", &gzip(b"<p>packed</p>")),
        response_record(html, &gzip(&vec![b' '; (1 << 20) + 1])),
    ];
    let expected = [
        ("text/html", "<p>packed</p>"),
        ("text/html", "<p>packed twice</p>"),
        ("binary", "has the magic number of gzip"),
        ("binary", "has the magic number of gzip"),
        ("binary", "has the magic number of PNG"),
        ("binary", "NUL bytes in the first 8000 bytes"),
        ("text/html", "<p>wide</p>"),
        ("media-type", "application/gzip"),
        ("bad-http", "the body decodes to more than 1048576 bytes; raise the limit if it is not a decompression bomb"),
    ];
    assert_eq!(outcomes(&records), owned(&expected));
}

#[test]
fn a_body_without_a_media_type_has_that_of_its_beginning() {
    let records = [
        response_record("", b"<!doctype html><p>page</p>"),
        response_record("Content-Type:\r\n", &gzip(b"<p>packed</p>")),
        response_record("", b"plain words"),
        response_record("", b"<rss></rss>"),
        response_record("", b"\x01\x02"),
    ];
    let expected = [
        ("text/html", "<!doctype html><p>page</p>"),
        ("text/html", "<p>packed</p>"),
        ("text/plain", "plain words"),
        ("media-type", "no Content-Type"),
        ("media-type", "no Content-Type"),
    ];
    assert_eq!(outcomes(&records), owned(&expected));
}

fn read_part(path: &Path, part: Option<Range<u64>>) -> Vec<ReaderItem> {
    let mut items = Vec::new();
    let archive = Archive { path, origin: "a.warc", part };
    let taken = archive.read(1 << 20, &mut |item| {
        items.push(item);
        Ok(())
    });
    taken.unwrap();
    items
}

fn captures(items: &[ReaderItem]) -> Vec<(String, String)> {
    let capture = |item: &ReaderItem| match item {
        ReaderItem::Document(document) => document.capture.clone().unwrap(),
        ReaderItem::Rejected(rejected) => rejected.capture.clone().unwrap(),
    };
    items.iter().map(|item| (item.origin().to_owned(), capture(item))).collect()
}

#[test]
fn capture_ids_do_not_depend_on_splits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc");
    let http = |status: u16| format!("HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\n\r\n{}", "words ".repeat(300));
    let url = "WARC-Target-URI: https://e.org/\r\n";
    let capture = |day: u32, status| {
        let fields = format!("{url}WARC-Date: 2024-01-{day:02}T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:{day}>\r\n");
        record("response", &fields, &http(status))
    };
    let mut archive: String = (1..20).map(|day| capture(day, if day % 5 == 0 { 404 } else { 200 })).collect();
    // Two records without date and id.
    archive += &record("response", url, &http(200)).repeat(2);
    fs_err::write(&path, &archive).unwrap();
    let whole = captures(&read_part(&path, None));
    let distinct: std::collections::BTreeSet<_> = whole.iter().collect();
    assert_eq!((whole.len(), distinct.len()), (21, 21));
    assert_eq!(whole[4].1, "2024-01-05T00:00:00Z <urn:uuid:5>");
    for bytes in [2000, 5000, 9000, 30_000] {
        let parts = warc::parts(&path, bytes).unwrap();
        assert!(parts.len() > 1 || bytes == 30_000, "{parts:?}");
        let divided = parts.into_iter().flat_map(|part| captures(&read_part(&path, Some(part))));
        assert_eq!(divided.collect::<Vec<_>>(), whole, "parts of {bytes} bytes");
    }
}

#[test]
fn conversions_and_resources_are_documents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc.wet");
    let url = "WARC-Target-URI: https://e.org/\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n";
    let archive = [
        record("warcinfo", "", "software: another\r\n"),
        record("conversion", &format!("{url}Content-Type: text/plain\r\n"), "Text of a WET file: \u{e9}t\u{e9}.\n"),
        record("resource", &format!("{url}Content-Type: text/html; charset=latin1\r\n"), "<p>resource</p>"),
        record("resource", &format!("{url}Content-Type: image/png\r\n"), "PNG"),
        record("metadata", url, "a: b\r\n"),
    ];
    fs_err::write(&path, archive.concat()).unwrap();
    let items: Vec<(String, String)> = read_part(&path, None)
        .into_iter()
        .map(|item| match item {
            ReaderItem::Document(document) => {
                (document.media_type.clone(), document.body.as_text().unwrap().to_owned())
            }
            ReaderItem::Rejected(rejected) => {
                (rejected.rejection.rule.into_owned(), rejected.rejection.detail.unwrap())
            }
        })
        .collect();
    let expected = [
        ("text/plain", "Text of a WET file: \u{e9}t\u{e9}.\n"),
        ("text/html", "<p>resource</p>"),
        ("media-type", "image/png"),
    ];
    assert_eq!(items, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn revisit_names_the_original_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc");
    let own = "WARC-Target-URI: https://e.org/b\r\nWARC-Date: 2014-11-29T09:30:53Z\r\n";
    let other = "WARC-Refers-To-Target-URI: https://e.org/a\r\nWARC-Refers-To-Date: 2014-11-29T09:18:39Z\r\n\
                 WARC-Refers-To: <urn:uuid:7>\r\nWARC-Payload-Digest: sha1:IUTF\r\n\
                 WARC-Profile: http://netpreserve.org/warc/1.0/revisit/identical-payload-digest\r\n";
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let archive = [record("revisit", &format!("{own}{other}"), head), record("revisit", own, "")].concat();
    fs_err::write(&path, archive).unwrap();
    let details: Vec<(String, String)> = read_part(&path, None)
        .into_iter()
        .map(|item| match item {
            ReaderItem::Rejected(rejected) => {
                (rejected.rejection.rule.into_owned(), rejected.rejection.detail.unwrap())
            }
            ReaderItem::Document(document) => panic!("{document:?}"),
        })
        .collect();
    let named = "has the payload of https://e.org/a as captured 2014-11-29T09:18:39Z, record <urn:uuid:7>, payload sha1:IUTF, \
                 by identical-payload-digest";
    let unnamed = "has the payload of https://e.org/b";
    assert_eq!(details, [("revisit", named), ("revisit", unnamed)].map(|(a, b)| (a.to_owned(), b.to_owned())));
}
