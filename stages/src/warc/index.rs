//! CDXJ: one line a capture, sorted by site, by which replay tools find a record.
//!
//! A line is the SURT of the address, a timestamp of 14 digits, and a JSON object (pywb's CDXJ; SURT after the Internet Archive's
//! `surt` module). Lines sort as bytes, so an index is built by sorting what [`cdxj_line`] gives.
//!
//! Invariant: a line holds no line break, whatever the address.

use url::Url;

use super::Written;

/// The index line of a capture, without a line break at its end.
///
/// `date` is the record's `WARC-Date`; `status` and `mime` come from the response, `filename` is the archive's name.
pub fn cdxj_line(url: &Url, date: &str, status: u16, mime: &str, written: &Written, filename: &str) -> String {
    let timestamp: String = date.chars().filter(char::is_ascii_digit).take(14).collect();
    let fields = serde_json::json!({
        "url": url.as_str(),
        "mime": mime,
        "status": status.to_string(),
        "digest": written.payload_digest,
        "length": written.length.to_string(),
        "offset": written.offset.to_string(),
        "filename": filename,
    });
    format!("{} {timestamp} {fields}", surt(url))
}

/// The sortable form of an address: host reversed and without `www.`, lower-case path and query, the query sorted.
pub fn surt(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let mut key = match url.host() {
        Some(url::Host::Domain(_)) => host.rsplit('.').collect::<Vec<_>>().join(","),
        _ => host.to_owned(),
    };
    if let Some(port) = url.port() {
        key.push(':');
        key.push_str(&port.to_string());
    }
    key.push(')');
    key.push_str(&url.path().to_ascii_lowercase());
    if let Some(query) = url.query().filter(|query| !query.is_empty()) {
        let query = query.to_ascii_lowercase();
        let mut pairs: Vec<_> = query.split('&').collect();
        pairs.sort_unstable();
        key.push('?');
        key.push_str(&pairs.join("&"));
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_site() {
        for (address, key) in [
            ("https://www.Example.org/A/b?z=1&Y=2#f", "org,example)/a/b?y=2&z=1"),
            ("http://a.b.example.org:8080", "org,example,b,a:8080)/"),
            ("http://127.0.0.1:99/x?", "127.0.0.1:99)/x"),
        ] {
            assert_eq!(surt(&Url::parse(address).unwrap()), key);
        }
    }

    #[test]
    fn a_line() {
        let url = Url::parse("https://example.org/").unwrap();
        let written =
            Written { offset: 5, length: 7, record_id: String::new(), payload_digest: Some("blake3:00".to_owned()) };
        let line = cdxj_line(&url, "2026-01-31T12:00:00.5Z", 200, "text/html", &written, "a\n.warc.gz");
        assert!(line.starts_with("org,example)/ 20260131120000 {"), "{line}");
        assert!(line.contains(r#""offset":"5""#) && line.contains(r#""filename":"a\n.warc.gz""#), "{line}");
    }
}
