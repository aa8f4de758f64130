//! Writes the crawl's WARC files: requests and responses, appended record by record and truncated only to a commit.
//!
//! Response records hold the decoded body. The header fields that are then wrong (`Content-Encoding`,
//! `Transfer-Encoding`, `Content-Length`) are stored under `X-Crawler-` names, as Common Crawl does.
//!
//! Invariant: a record is valid once [`Archive::sync`] has returned and the frontier has committed the returned
//! position.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::header::HeaderMap;
use url::Url;

use crate::error::CrawlError;
use crate::fetch::fetcher::{FetchResponse, Fetcher};
use crate::robots::optout::OptOuts;
use corpusmill_warc::{RecordLocation, RefersTo, RevisitReason, WarcError, WarcWriter};

/// Size in bytes after which the next commit starts a new file.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The end of the committed records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct WarcPosition {
    pub(crate) file: u64,
    pub(crate) offset: u64,
}

/// Position of a response record.
#[derive(Debug)]
pub(crate) struct StoredRecord {
    pub(crate) file: String,
    pub(crate) written: RecordLocation,
    pub(crate) date: String,
}

/// The WARC file being written.
#[derive(Debug)]
pub(crate) struct Archive {
    dir: PathBuf,
    file: u64,
    writer: WarcWriter,
    user_agent: String,
    accept: String,
}

/// The name of a WARC file of a crawl.
pub(crate) fn file_name(file: u64) -> String {
    format!("crawl-{file:05}.warc.gz")
}

fn failed(path: &Path) -> impl Fn(WarcError) -> CrawlError {
    let path = path.to_owned();
    move |error| CrawlError::Warc { path: path.clone(), problem: error.to_string() }
}

impl Archive {
    /// Opens the file of a position, truncates what was not committed, and appends from there.
    pub(crate) fn open(dir: &Path, at: WarcPosition, fetcher: &Fetcher) -> Result<Self, CrawlError> {
        let path = dir.join(file_name(at.file));
        let writer = WarcWriter::resume(&path, at.offset).map_err(failed(&path))?;
        let mut archive = Self {
            dir: dir.to_owned(),
            file: at.file,
            writer,
            user_agent: fetcher.user_agent().to_owned(),
            accept: fetcher.accept(),
        };
        archive.write_warcinfo()?;
        Ok(archive)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(file_name(self.file))
    }

    /// Writes the warcinfo record at the head of a file.
    fn write_warcinfo(&mut self) -> Result<(), CrawlError> {
        if self.writer.offset() > 0 {
            return Ok(());
        }
        let fields = [
            ("software", concat!("corpusmill/", env!("CARGO_PKG_VERSION"))),
            ("format", "WARC File Format 1.1"),
            ("robots", "obey"),
            ("http-header-user-agent", self.user_agent.as_str()),
        ];
        let path = self.dir.join(file_name(self.file));
        self.writer.warcinfo(&warc_date(SystemTime::now()), &file_name(self.file), &fields).map_err(failed(&path))?;
        Ok(())
    }

    /// Writes the response, request and metadata records of one exchange.
    pub(crate) fn write(
        &mut self,
        url: &Url,
        answer: &FetchResponse,
        opt_outs: OptOuts,
    ) -> Result<StoredRecord, CrawlError> {
        let date = warc_date(answer.date);
        let address = answer.address.map(|ip| ip.to_string());
        let extra: Vec<(&str, &str)> = address.iter().map(|ip| ("WARC-IP-Address", ip.as_str())).collect();
        let response = response_block(answer);
        let written = self.writer.response(url.as_str(), &date, &response, &extra);
        let written = written.map_err(failed(&self.path()))?;
        self.write_request_and_metadata(url, answer, opt_outs, written, date)
    }

    /// Writes a revisit record in place of the response, for an exchange that returned nothing new since `earlier`.
    pub(crate) fn write_revisit(
        &mut self,
        url: &Url,
        answer: &FetchResponse,
        reason: RevisitReason,
        earlier: RefersTo<'_>,
        opt_outs: OptOuts,
    ) -> Result<StoredRecord, CrawlError> {
        let date = warc_date(answer.date);
        let address = answer.address.map(|ip| ip.to_string());
        let extra: Vec<(&str, &str)> = address.iter().map(|ip| ("WARC-IP-Address", ip.as_str())).collect();
        let head = [response_head(answer).as_slice(), b"\r\n"].concat();
        let written = self.writer.revisit(url.as_str(), &date, &head, reason, earlier, &extra);
        let written = written.map_err(failed(&self.path()))?;
        self.write_request_and_metadata(url, answer, opt_outs, written, date)
    }

    fn write_request_and_metadata(
        &mut self,
        url: &Url,
        answer: &FetchResponse,
        opt_outs: OptOuts,
        written: RecordLocation,
        date: String,
    ) -> Result<StoredRecord, CrawlError> {
        let path = self.path();
        let failed = failed(&path);
        let address = answer.address.map(|ip| ip.to_string());
        let mut extra: Vec<(&str, &str)> = address.iter().map(|ip| ("WARC-IP-Address", ip.as_str())).collect();
        extra.push(("WARC-Concurrent-To", &written.record_id));
        let request = self.request_block(url);
        self.writer.request(url.as_str(), &date, request.as_bytes(), &extra).map_err(&failed)?;
        let elapsed = answer.elapsed.as_millis().to_string();
        let statements = serde_json::to_string(&opt_outs).unwrap_or_default();
        let fields = [("fetchTimeMs", elapsed.as_str()), ("opt-outs", statements.as_str())];
        let concurrent = [("WARC-Concurrent-To", written.record_id.as_str())];
        self.writer.metadata(url.as_str(), &date, &fields, &concurrent).map_err(&failed)?;
        Ok(StoredRecord { file: file_name(self.file), written, date })
    }

    /// Passes all records to the operating system without waiting for the disk. Returns their end position and the xxh3
    /// of the bytes written since the last call of this method or of [`Archive::sync`].
    pub(crate) fn flush_and_hash(&mut self) -> Result<(WarcPosition, u64), CrawlError> {
        let hash = self.writer.flush_and_hash().map_err(failed(&self.path()))?;
        Ok((WarcPosition { file: self.file, offset: self.writer.offset() }, hash))
    }

    fn request_block(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!(
            "GET {}{query} HTTP/1.1\r\naccept-encoding: gzip\r\naccept: {}\r\nuser-agent: {}\r\nhost: {host}{port}\r\n\r\n",
            url.path(),
            self.accept,
            self.user_agent,
        )
    }

    /// Syncs all records to disk and returns their end position. Starts a new file if the current one is full.
    pub(crate) fn sync(&mut self) -> Result<WarcPosition, CrawlError> {
        self.writer.sync().map_err(failed(&self.path()))?;
        self.writer.flush_and_hash().map_err(failed(&self.path()))?;
        if self.writer.offset() >= MAX_FILE_BYTES {
            self.file += 1;
            let path = self.path();
            self.writer = WarcWriter::resume(&path, 0).map_err(failed(&path))?;
            self.write_warcinfo()?;
            self.writer.sync().map_err(failed(&path))?;
            self.writer.flush_and_hash().map_err(failed(&path))?;
        }
        Ok(WarcPosition { file: self.file, offset: self.writer.offset() })
    }
}

/// Status line and header fields, without the empty line after them.
fn response_head(answer: &FetchResponse) -> Vec<u8> {
    let version = if answer.version == reqwest::Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let reason = reqwest::StatusCode::from_u16(answer.status).ok().and_then(|s| s.canonical_reason());
    let mut block = format!("{version} {} {}\r\n", answer.status, reason.unwrap_or_default()).into_bytes();
    push_headers(&mut block, &answer.headers);
    block
}

fn response_block(answer: &FetchResponse) -> Vec<u8> {
    let mut block = response_head(answer);
    block.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body.len()).as_bytes());
    block.extend_from_slice(&answer.body);
    block
}

fn push_headers(block: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if matches!(name.as_str(), "content-encoding" | "transfer-encoding" | "content-length") {
            block.extend_from_slice(b"x-crawler-");
        }
        block.extend_from_slice(name.as_str().as_bytes());
        block.extend_from_slice(b": ");
        block.extend_from_slice(value.as_bytes());
        block.extend_from_slice(b"\r\n");
    }
}

/// A time in WARC-Date format: `2026-01-31T12:00:00Z`.
pub(crate) fn warc_date(moment: SystemTime) -> String {
    DateTime::<Utc>::from(moment).to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(warc_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
