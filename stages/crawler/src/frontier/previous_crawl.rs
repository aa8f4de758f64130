//! Reads the previous crawl of the same source, so that a refresh transfers only changed pages.
//!
//! A page with an `ETag` or `Last-Modified` header is requested conditionally. If the server replies that it has not
//! changed, or sends the same bytes, a revisit record is written, and the row of the page points to the earlier
//! response record.
//!
//! Invariant: the payload of a page has the digest in its row; an earlier record without that payload is ignored, and
//! the page is fetched unconditionally.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::CrawlError;
use crate::fetch::fetcher::{FetchResponse, Validators};
use crate::frontier::database::Frontier;
use crate::frontier::page_table::Page;
use corpusmill_warc::{ArchiveItem, RevisitReason, WarcReader, parse_http_bounded};

/// A finished crawl in a sibling folder.
#[derive(Debug)]
pub(crate) struct PreviousCrawl {
    dir: PathBuf,
    frontier: Frontier,
}

/// A page whose payload is in an earlier record.
#[derive(Debug)]
pub(crate) struct UnchangedPage {
    pub(crate) page: Page,
    pub(crate) reason: RevisitReason,
    /// The new response of the server, without a body.
    pub(crate) answer: FetchResponse,
}

impl PreviousCrawl {
    /// Opens the previous crawl in a folder, if it is finished and has the format of this version.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, CrawlError> {
        let frontier = match Frontier::open_existing(dir) {
            Err(CrawlError::Missing { .. } | CrawlError::OtherFormat { .. }) => return Ok(None),
            other => other?,
        };
        Ok(frontier.is_finished()?.then_some(Self { dir: dir.to_owned(), frontier }))
    }

    /// The page row of a URL.
    pub(crate) fn page(&self, url: &str) -> Result<Option<Page>, CrawlError> {
        self.frontier.page(url)
    }

    /// The file with the record of a page.
    fn file(&self, page: &Page) -> PathBuf {
        self.dir.join(&page.warc)
    }

    /// The row with a path relative to a sibling folder.
    fn with_sibling_path(&self, page: Page) -> Option<Page> {
        let folder = self.dir.file_name()?.to_str()?;
        // A record of an even earlier crawl is in a third sibling folder.
        let warc = if page.warc.starts_with("../") { page.warc } else { format!("../{folder}/{}", page.warc) };
        Some(Page { warc, ..page })
    }

    /// Combines the 304 response for an unchanged page with its stored response; the new header fields replace the
    /// stored ones. `None` if the earlier record does not have the payload.
    pub(crate) fn not_modified(
        &self,
        page: Page,
        answer: FetchResponse,
        limit: u64,
    ) -> Option<(FetchResponse, UnchangedPage)> {
        let (mut headers, body) = self.payload(&page, limit)?;
        for (name, value) in &answer.headers {
            headers.insert(name, value.clone());
        }
        let whole = FetchResponse { status: page.status, headers, body, ..answer.clone() };
        let page = self.with_sibling_path(page)?;
        Some((whole, UnchangedPage { page, reason: RevisitReason::ServerNotModified, answer }))
    }

    /// Returns the previous page if a complete response has the same payload.
    pub(crate) fn identical(&self, page: Page, answer: &FetchResponse) -> Option<UnchangedPage> {
        let same = page.status == answer.status
            && page.media_type == answer.content_type().0
            && page.payload_digest == blake3::hash(&answer.body).to_hex().as_str();
        let exists = || {
            let length = fs_err::metadata(self.file(&page)).map(|file| file.len()).unwrap_or_default();
            length >= page.offset + page.length
        };
        if !same || !exists() {
            return None;
        }
        let page = self.with_sibling_path(page)?;
        let answer = FetchResponse { body: Vec::new(), ..answer.clone() };
        Some(UnchangedPage { page, reason: RevisitReason::IdenticalPayload, answer })
    }

    /// Header and body in the record of a page.
    fn payload(&self, page: &Page, limit: u64) -> Option<(HeaderMap, Vec<u8>)> {
        let mut file = fs_err::File::open(self.file(page)).ok()?;
        file.seek(SeekFrom::Start(page.offset)).ok()?;
        let mut reader = WarcReader::new(BufReader::new(file.take(page.length))).ok()?;
        let Some(Ok(ArchiveItem::Record(record))) = reader.next_record() else { return None };
        let response = parse_http_bounded(&record.block, limit).ok()?;
        (blake3::hash(&response.body).to_hex().as_str() == page.payload_digest).then_some(())?;
        let fields = response
            .headers
            .iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)));
        Some((fields.collect(), response.body))
    }
}

/// The validators in the row of a page, for a conditional request.
pub(crate) fn validators(page: &Page) -> Option<Validators> {
    let validators = Validators { etag: page.etag.clone(), last_modified: page.last_modified.clone() };
    (validators != Validators::default()).then_some(validators)
}
