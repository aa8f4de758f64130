//! Tests with archives built in code, read whole and in parts.
//!
//! Invariant under test: the result of a record depends only on the record.

use super::*;

/// A record as plain text, with `fields` between its type and its length.
fn record(kind: &str, fields: &str, block: &str) -> String {
    let length = block.len();
    format!("WARC/1.0\r\nWARC-Type: {kind}\r\n{fields}Content-Length: {length}\r\n\r\n{block}\r\n\r\n")
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
