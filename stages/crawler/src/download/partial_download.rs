//! A partial download: the bytes received, what the server states about the file, and the finished file.
//!
//! Used by [`client`](crate::download::client), which sends the requests.
//!
//! Invariant: bytes are appended only to bytes of the same version of the server's file, and a file gets its name only
//! when it is complete, synced and, if the server states a checksum, verified.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::error::CrawlError;
use crate::fetch::fetcher::header_text;

/// The header field in which the Hugging Face hub states the SHA-256 of a large file.
pub(crate) const LINKED_ETAG: &str = "x-linked-etag";

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadRequest {
    /// Its URL.
    pub url: Url,
    /// The folder that stores it; no other file shares it.
    pub dir: PathBuf,
    /// The SHA-256 of its bytes, in lower-case hexadecimal, if a listing states it. A stored file with this checksum is
    /// not requested again, whatever its URL.
    pub sha256: Option<String>,
}

/// A downloaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadedFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its BLAKE3 digest, in hexadecimal.
    pub digest: String,
}

/// What the server stated about the file being fetched; stored next to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct DownloadState {
    /// The URL, or the checksum that identifies the file.
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// Size of the whole file in bytes, if the server states it.
    pub(crate) total: Option<u64>,
    /// The SHA-256 that the server states; data-set hubs do so.
    sha256: Option<String>,
    /// Size in bytes and BLAKE3 of the finished file.
    done: Option<(u64, String)>,
}

impl DownloadState {
    /// The strong validator that ties a range to the bytes received (RFC 9110, section 13.1.5).
    fn range_validator(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/")).or(self.last_modified.as_deref())
    }
}

/// What the response header says about the bytes that follow.
pub(crate) enum BodyKind {
    /// They continue the bytes received.
    Body,
    /// There are none: the finished file is still the server's version.
    Unchanged,
    /// They do not continue the bytes received, which are dropped.
    Restart,
    Status(u16),
}

/// How a body that was received to its end is stored.
pub(crate) enum FinishedBody {
    Stored,
    /// Bytes are missing, or there are too many.
    Incomplete(String),
    /// It does not have the checksum that the server states.
    WrongChecksum(String),
}

/// The folder of one file: `state.json`, `part` during the download, and the file under its final name.
pub(crate) struct PartialDownload {
    path: PathBuf,
    state_path: PathBuf,
    part_path: PathBuf,
    pub(crate) state: DownloadState,
    part: fs_err::File,
    part_bytes: u64,
}

impl PartialDownload {
    pub(crate) fn open(wanted: &DownloadRequest) -> Result<Self, CrawlError> {
        let (state_path, part_path) = (wanted.dir.join("state.json"), wanted.dir.join("part"));
        let read =
            fs_err::read(&state_path).ok().and_then(|bytes| serde_json::from_slice::<DownloadState>(&bytes).ok());
        let url = wanted.sha256.as_ref().map_or_else(|| wanted.url.to_string(), |sum| format!("sha256:{sum}"));
        let state = read.filter(|state| state.url == url);
        let fresh = state.is_none();
        let state = state.unwrap_or_else(|| DownloadState { url, ..DownloadState::default() });
        let mut part = fs_err::OpenOptions::new().write(true).create(true).truncate(fresh).open(&part_path)?;
        let part_bytes = part.seek(SeekFrom::End(0))?;
        let name = wanted.url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        let name = if name.trim_matches('.').is_empty() { "file" } else { name.as_str() };
        Ok(Self { path: wanted.dir.join(format!("data-{name}")), state_path, part_path, state, part, part_bytes })
    }

    pub(crate) fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    pub(crate) fn finished(&self) -> bool {
        let length = fs_err::metadata(&self.path).map(|file| file.len()).ok();
        self.state.done.as_ref().is_some_and(|(bytes, _)| Some(*bytes) == length)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state.done.as_ref().map_or(0, |(bytes, _)| *bytes)
    }

    pub(crate) fn fetched(&self) -> DownloadedFile {
        let (bytes, digest) = self.state.done.clone().unwrap_or_default();
        DownloadedFile { path: self.path.clone(), bytes, digest }
    }

    /// Header fields of the next request: a range for the missing bytes, or a condition for a finished file.
    pub(crate) fn request(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        let mut put = |name, value: &str| HeaderValue::try_from(value).map(|value| fields.insert(name, value)).is_ok();
        if self.finished() {
            if let Some(etag) = &self.state.etag {
                put(IF_NONE_MATCH, etag);
            }
        } else if let Some(validator) = self.state.range_validator().filter(|_| self.part_bytes > 0) {
            put(RANGE, &format!("bytes={}-", self.part_bytes));
            put(IF_RANGE, validator);
        }
        fields
    }

    pub(crate) fn accept_response(&mut self, response: &Response) -> Result<BodyKind, CrawlError> {
        let headers = response.headers();
        let status = response.status().as_u16();
        match status {
            304 if self.finished() => return Ok(BodyKind::Unchanged),
            206 => {
                let range = header_text(headers, "content-range").and_then(|range| content_range(&range));
                let etag = header_text(headers, "etag");
                let same = etag.is_none() || self.state.etag.is_none() || etag == self.state.etag;
                if range.is_some_and(|(start, total)| start == self.part_bytes && total == self.state.total) && same {
                    return Ok(BodyKind::Body);
                }
                self.restart()?;
                return Ok(BodyKind::Restart);
            }
            416 => {
                self.restart()?;
                return Ok(BodyKind::Restart);
            }
            200 => {}
            other => return Ok(BodyKind::Status(other)),
        }
        self.restart()?;
        let sha256 = header_text(headers, LINKED_ETAG).map(|etag| etag.trim_matches('"').to_ascii_lowercase());
        self.state = DownloadState {
            url: std::mem::take(&mut self.state.url),
            etag: header_text(headers, "etag"),
            last_modified: header_text(headers, "last-modified"),
            total: response.content_length(),
            sha256: sha256.filter(|sum| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit())),
            done: None,
        };
        self.save()?;
        Ok(BodyKind::Body)
    }

    fn restart(&mut self) -> Result<(), CrawlError> {
        self.part.set_len(0)?;
        self.part.seek(SeekFrom::Start(0))?;
        self.part_bytes = 0;
        Ok(())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CrawlError> {
        self.part.write_all(bytes)?;
        self.part_bytes += bytes.len() as u64;
        Ok(())
    }

    fn save(&self) -> Result<(), CrawlError> {
        let json = serde_json::to_vec(&self.state).map_err(std::io::Error::from)?;
        Ok(corpusmill_pipeline::store::write_atomically(&self.state_path, &json).map_err(std::io::Error::other)?)
    }

    /// Verifies the size and checksum of the file, and publishes it.
    pub(crate) fn finish(&mut self, wanted: &DownloadRequest) -> Result<FinishedBody, CrawlError> {
        if let Some(total) = self.state.total.filter(|total| *total != self.part_bytes) {
            if self.part_bytes > total {
                self.restart()?;
            }
            return Ok(FinishedBody::Incomplete(format!("received {} of {total} bytes", self.part_bytes)));
        }
        self.part.sync_all()?;
        let stated = wanted.sha256.clone().or(self.state.sha256.clone());
        let (digest, sha256) = digests(&self.part_path, stated.is_some())?;
        if let Some(stated) = stated.filter(|stated| *stated != sha256) {
            self.restart()?;
            let detail = format!("SHA-256 is {sha256}, expected {stated}");
            return Ok(FinishedBody::WrongChecksum(detail));
        }
        fs_err::rename(&self.part_path, &self.path)?;
        self.part = fs_err::OpenOptions::new().write(true).create(true).truncate(true).open(&self.part_path)?;
        self.state.done = Some((self.part_bytes, digest));
        self.part_bytes = 0;
        self.save()?;
        Ok(FinishedBody::Stored)
    }
}

/// BLAKE3 of a file, and its SHA-256 if requested.
fn digests(path: &Path, sha256: bool) -> Result<(String, String), CrawlError> {
    let (mut blake3, mut sha) = (blake3::Hasher::new(), Sha256::new());
    let mut file = fs_err::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            break;
        }
        blake3.update(&buffer[..count]);
        if sha256 {
            sha.update(&buffer[..count]);
        }
    }
    let sum: Vec<String> = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((blake3.finalize().to_hex().to_string(), sum.concat()))
}

/// First byte and total length of `bytes 5-9/10`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}
