//! CDXJ index: one line per capture, sorted by site, with which replay tools find a record.
//!
//! [`index`] reads an archive and returns the lines of its captures: responses, resources and revisits.
//!
//! A line consists of the URL's SURT, a timestamp of 14 digits, and a JSON object (the CDXJ of pywb; SURT as in the
//! Internet Archive's `surt` module). Lines sort as bytes, so sorting the output of [`cdxj_line`] builds an index.
//!
//! Invariant: a line never contains a line break, whatever the URL.

use std::io::BufReader;
use std::path::Path;

use url::Url;

use super::record::header_end;
use super::{ArchiveItem, Record, RecordKind, RecordLocation, WarcError, WarcReader, parse_http};

/// Passes the index line of each capture in an archive to `emit`, in archive order. `filename` is the name under which
/// replay tools find the archive. Keeps one record in memory at a time.
///
/// # Errors
/// [`WarcError::Read`] if the file cannot be read. Damaged parts yield no captures.
pub fn index(path: &Path, filename: &str, mut emit: impl FnMut(String)) -> Result<(), WarcError> {
    let failed = |source| WarcError::Read { offset: 0, source };
    let file = fs_err::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut reader = WarcReader::new(BufReader::with_capacity(1 << 18, file))?;
    let mut capture: Option<Capture> = None;
    while let Some(item) = reader.next_record() {
        let (offset, next) = match item? {
            ArchiveItem::Record(record) => (record.offset, Capture::of(&record)),
            ArchiveItem::Skipped(skipped) => (skipped.record.offset, Capture::of(&skipped.record)),
            ArchiveItem::Lost(lost) => (lost.offset, None),
        };
        if let Some(capture) = std::mem::replace(&mut capture, next) {
            emit(capture.line(offset, filename));
        }
    }
    if let Some(capture) = capture {
        emit(capture.line(length, filename));
    }
    Ok(())
}

/// The metadata of a record. Its length is known once the next record begins.
struct Capture {
    url: Url,
    date: String,
    status: u16,
    mime: String,
    offset: u64,
    digest: Option<String>,
}

impl Capture {
    fn of(record: &Record) -> Option<Self> {
        let revisit = record.kind == RecordKind::Revisit;
        if !revisit && !matches!(record.kind, RecordKind::Response | RecordKind::Resource) {
            return None;
        }
        let head = &record.block[..header_end(&record.block).unwrap_or(record.block.len())];
        let http = parse_http(head).ok();
        let declared = http.as_ref().and_then(|http| http.header("content-type")).or(record.header("Content-Type"));
        let mime = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(Self {
            url: Url::parse(record.target_uri()?).ok()?,
            date: record.date().unwrap_or_default().to_owned(),
            status: http.map_or(200, |http| http.status),
            mime: if revisit { "warc/revisit".to_owned() } else { mime },
            offset: record.offset,
            digest: record.header("WARC-Payload-Digest").map(str::to_owned),
        })
    }

    fn line(self, end: u64, filename: &str) -> String {
        let Self { url, date, status, mime, offset, digest } = self;
        let length = end.saturating_sub(offset);
        let written = RecordLocation { offset, length, record_id: String::new(), payload_digest: digest };
        cdxj_line(&url, &date, status, &mime, &written, filename)
    }
}

/// Formats the index line of a capture, without a trailing line break.
///
/// `date` is the record's `WARC-Date`, `status` and `mime` come from the response, and `filename` is the archive's
/// name.
pub fn cdxj_line(url: &Url, date: &str, status: u16, mime: &str, written: &RecordLocation, filename: &str) -> String {
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

/// Returns the sortable form of a URL: host reversed and without `www.`, path and query in lower case, query sorted.
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
    fn line_format() {
        let url = Url::parse("https://example.org/").unwrap();
        let written = RecordLocation {
            offset: 5,
            length: 7,
            record_id: String::new(),
            payload_digest: Some("blake3:00".to_owned()),
        };
        let line = cdxj_line(&url, "2026-01-31T12:00:00.5Z", 200, "text/html", &written, "a\n.warc.gz");
        assert!(line.starts_with("org,example)/ 20260131120000 {"), "{line}");
        assert!(line.contains(r#""offset":"5""#) && line.contains(r#""filename":"a\n.warc.gz""#), "{line}");
    }
}
