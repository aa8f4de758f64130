//! # Read a WARC archive
//!
//! Lists the HTTP responses of an archive, plain or compressed, and everything in it that could not be read.
//!
//! ```text
//! cargo run -p corpusmill-examples --example read_warc -- crawl-00000.warc.gz
//! ```

use std::io::{self, BufRead, BufReader, Write};

use anyhow::Context as _;
use corpusmill_warc::{ArchiveItem, WarcReader, parse_http};

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("usage: read_warc FILE")?;
    let archive = BufReader::new(fs_err::File::open(path)?);
    list(archive, io::stdout().lock())
}

fn list(archive: impl BufRead, mut out: impl Write) -> anyhow::Result<()> {
    // The compression is detected from the first bytes. One record is in memory at a time; `ReaderOptions` sets how
    // large it may be, and where to begin and end when several workers share one archive.
    for item in WarcReader::new(archive)? {
        // An error here is a failing disk or connection. Damage in the archive is not an error but an item, and reading
        // continues after it.
        match item? {
            ArchiveItem::Record(record) if record.is_http_response() => {
                let url = record.target_uri().unwrap_or("(no address)");
                // The block holds the response as it was sent: this removes chunks and compression.
                match parse_http(&record.block) {
                    Ok(response) => {
                        let media_type = response.header("Content-Type").unwrap_or("(no type)");
                        writeln!(out, "{} {url} {media_type} {} bytes", response.status, response.body.len())?;
                    }
                    Err(error) => writeln!(out, "{url}: {error}")?,
                }
            }
            // Requests, metadata, revisits and others.
            ArchiveItem::Record(_) => {}
            ArchiveItem::Skipped(skipped) => {
                writeln!(out, "skipped a record of {} bytes at {}", skipped.block_bytes, skipped.record.offset)?;
            }
            ArchiveItem::Lost(lost) => writeln!(out, "lost {} bytes at {}: {}", lost.bytes, lost.offset, lost.why)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use corpusmill_warc::WarcWriter;

    use super::*;

    const DATE: &str = "2026-01-31T12:00:00Z";

    /// An archive of two pages, written by the crawler's writer; the second begins at the returned offset.
    fn archive() -> (Vec<u8>, usize) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = WarcWriter::create(file.path()).unwrap();
        let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Tea.</p>";
        writer.response("https://site.test/tea", DATE, page, &[]).unwrap();
        let second = usize::try_from(writer.offset()).unwrap();
        let missing = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno";
        writer.request("https://site.test/x", DATE, b"GET /x HTTP/1.1\r\n\r\n", &[]).unwrap();
        writer.response("https://site.test/x", DATE, missing, &[]).unwrap();
        writer.sync().unwrap();
        (fs_err::read(file.path()).unwrap(), second)
    }

    fn listed(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        list(bytes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn responses_are_listed() {
        let wanted = "200 https://site.test/tea text/html 11 bytes\n404 https://site.test/x text/plain 2 bytes\n";
        assert_eq!(listed(&archive().0), wanted);
    }

    #[test]
    fn a_damaged_record_is_listed_and_the_others_are_read() {
        let (mut bytes, second) = archive();
        bytes[second / 2] ^= 0x10;
        let out = listed(&bytes);
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].starts_with(&format!("lost {second} bytes at 0: ")), "{out}");
        assert_eq!(lines[1..], ["404 https://site.test/x text/plain 2 bytes"]);
    }
}
