//! The rows that describe a crawl: its pages and its counts.
//!
//! Invariant: a row holds all that a later stage needs to read the page from its WARC file.

use std::collections::BTreeMap;

use crate::robots::optout::OptOuts;

/// A page that the crawl kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// The canonical URL, from which the body was fetched (redirects are separate rows).
    pub url: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// The media type without parameters, in lower case.
    pub media_type: String,
    /// The charset in the Content-Type header, in lower case.
    pub charset: Option<String>,
    /// BLAKE3 of the decoded body, in hexadecimal.
    pub payload_digest: String,
    /// Length of the decoded body in bytes.
    pub payload_bytes: u64,
    /// The file with the response record, relative to the crawl's folder: a file of this crawl, or of an earlier crawl
    /// with the same payload.
    pub warc: String,
    /// Start of the response record's gzip member in that file, in bytes.
    pub offset: u64,
    /// Length of the member in bytes.
    pub length: u64,
    /// When the response began, UTC, as in WARC-Date. Not part of the identity of the snapshot.
    pub fetched: String,
    /// Whether the previous crawl had the same payload. A revisit record was then written, and `warc` is the earlier
    /// file.
    #[serde(default)]
    pub unchanged: bool,
    /// Number of links from the nearest seed (1 for sitemap entries).
    pub depth: u32,
    /// Number of redirects from a URL of the same depth to this one.
    pub redirects: u32,
    /// The line of robots.txt that allowed the page, if one matched.
    pub robots: Option<String>,
    /// Statements of the page and its headers about training and indexing.
    pub opt_outs: OptOuts,
    /// The `ETag` header, for a later conditional request.
    pub etag: Option<String>,
    /// The `Last-Modified` header, for a later conditional request.
    pub last_modified: Option<String>,
}

/// Counts of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CrawlSummary {
    /// Whether the crawl is finished; if not, it was cancelled, and the next call resumes it.
    pub finished: bool,
    /// Number of pages kept.
    pub pages: u64,
    /// Number of these whose payload the previous crawl had.
    pub unchanged: u64,
    /// Total length of their decoded bodies in bytes.
    pub bytes: u64,
    /// Number of URLs rejected, by rule.
    pub rejected: BTreeMap<String, u64>,
    /// Number of links out of scope, each counted once per page.
    pub out_of_scope_links: u64,
    /// Number of URLs within the depth limit that were not fetched because the page budget was spent.
    pub over_budget: u64,
    /// Number of URLs found beyond the depth limit.
    pub over_depth: u64,
}
