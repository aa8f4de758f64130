//! Files fetched whole: WARC files of an archive, parts of a data set. Resumed where they were cut off, kept by address.
//!
//! Beside the crawl, under the same rules for addresses, pace and contact. robots.txt is not asked: nothing here was found
//! by following links, each address was named by somebody.
//!
//! Invariant: a file that is handed out is whole, is what one version of the server's file holds, and was synced before its
//! state says that it is done.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use url::Url;

use super::Control;
use super::error::CrawlError;
use super::fetch::{Failure, Fetcher};
use super::hosts::{Hosts, Turn};
use super::politeness::{MAX_RETRY_AFTER, retry_after};
use super::settings::CrawlSettings;
use super::table::Refused;

/// Redirects followed from one address.
const MAX_REDIRECTS: usize = 10;

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its address.
    pub url: Url,
    /// The folder that keeps it, of its own.
    pub dir: PathBuf,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Their BLAKE3, hexadecimal.
    pub digest: String,
}

/// What a server said of the file that is being fetched, kept beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct State {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// Bytes of the whole file, where the server says so.
    total: Option<u64>,
    /// The SHA-256 that the server states, as hubs of data sets do.
    sha256: Option<String>,
    /// Bytes and BLAKE3 of the finished file.
    done: Option<(u64, String)>,
}

impl State {
    /// What makes a range belong to the bytes that are there (RFC 9110, section 13.1.5: a strong validator).
    fn range_validator(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/")).or(self.last_modified.as_deref())
    }
}

/// Fetches files; one result each, in their order: the file, or why the server does not give it. What is there already is
/// not fetched again; with `fresh` it is asked for on condition.
///
/// # Errors
/// [`CrawlError`] for settings that cannot be meant, a disk that fails, and a server that cannot be reached after all
/// attempts: what was fetched is kept, and the next call goes on. `None` where it was cancelled.
pub fn download(
    settings: &CrawlSettings,
    wanted: &[Wanted],
    fresh: bool,
    control: &dyn Control,
) -> Result<Option<Vec<Result<Fetched, Refused>>>, CrawlError> {
    settings.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let (fetcher, hosts) = (Fetcher::new(settings)?, Hosts::new(settings));
        let counts = std::cell::Cell::new((0_u64, 0_u64));
        let run =
            Run { settings, fetcher: &fetcher, hosts: &hosts, fresh, control, counts: &counts, files: wanted.len() };
        let mut arrivals = stream::iter(wanted).map(|file| run.file(file)).buffered(settings.concurrency.max(1));
        let mut all = Vec::with_capacity(wanted.len());
        while let Some(arrival) = arrivals.next().await {
            match arrival? {
                Some(arrival) => all.push(arrival),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    });
    runtime.shutdown_background();
    result
}

struct Run<'a> {
    settings: &'a CrawlSettings,
    fetcher: &'a Fetcher,
    hosts: &'a Hosts,
    fresh: bool,
    control: &'a dyn Control,
    /// Files and bytes that are there.
    counts: &'a std::cell::Cell<(u64, u64)>,
    files: usize,
}

/// How one attempt ended.
enum Attempt {
    Done,
    Refused(Refused),
    /// The connection was cut or the server is busy.
    Again {
        after: Option<Duration>,
        overloaded: bool,
        why: String,
    },
    Cancelled,
}

type Arrival = Result<Fetched, Refused>;

impl Run<'_> {
    /// Fetches one file; nothing when cancelled.
    async fn file(&self, wanted: &Wanted) -> Result<Option<Arrival>, CrawlError> {
        fs_err::create_dir_all(&wanted.dir)?;
        let mut place = Place::open(wanted)?;
        if !self.fresh && place.finished() {
            self.count(1, place.bytes());
            return Ok(Some(Ok(place.fetched())));
        }
        let mut attempts = 0;
        loop {
            let before = place.part_bytes();
            match self.attempt(wanted, &mut place).await? {
                Attempt::Done => {
                    self.count(1, 0);
                    return Ok(Some(Ok(place.fetched())));
                }
                Attempt::Refused(refused) => return Ok(Some(Err(refused))),
                Attempt::Cancelled => return Ok(None),
                Attempt::Again { after, overloaded, why } => {
                    // A connection that brought something is no failure in a row.
                    attempts = if place.part_bytes() > before { 1 } else { attempts + 1 };
                    if attempts > self.settings.retries || after.is_some_and(|after| after > MAX_RETRY_AFTER) {
                        return Err(CrawlError::Unfetched { url: wanted.url.to_string(), problem: why });
                    }
                    let now = Instant::now();
                    self.hosts.pace(&wanted.url, |pace| pace.hold(now, attempts, after, overloaded));
                }
            }
        }
    }

    fn count(&self, files: u64, bytes: u64) {
        let (before, sum) = self.counts.get();
        self.counts.set((before + files, sum + bytes));
        let waiting = (self.files as u64).saturating_sub(before + files);
        self.control.progress(before + files, waiting, sum + bytes);
    }

    async fn attempt(&self, wanted: &Wanted, place: &mut Place) -> Result<Attempt, CrawlError> {
        let (mut response, _turn) = match self.follow(wanted, place.request()).await {
            Ok(begun) => begun,
            Err(Failure::Address(refused)) => {
                return Ok(Attempt::Refused(refusal(wanted, "address", 1.0, 0.0, refused.to_string())));
            }
            Err(failure) => return Ok(Attempt::Again { after: None, overloaded: false, why: failure.to_string() }),
        };
        match place.begin(&response)? {
            Begun::Body => {}
            Begun::Unchanged => return Ok(Attempt::Done),
            Begun::Restart => {
                let why = "the server's file changed while it was fetched".to_owned();
                return Ok(Attempt::Again { after: None, overloaded: false, why });
            }
            Begun::Status(status @ (408 | 429 | 500 | 502..=504)) => {
                let after = text(response.headers(), "retry-after");
                let after = after.and_then(|value| retry_after(&value, SystemTime::now()));
                let why = format!("status {status}");
                return Ok(Attempt::Again { after, overloaded: matches!(status, 429 | 503), why });
            }
            Begun::Status(status) => {
                return Ok(Attempt::Refused(refusal(wanted, "status", f64::from(status), 200.0, String::new())));
            }
        }
        let limit = self.settings.max_page_bytes;
        if let Some(total) = place.state.total.filter(|total| *total > limit) {
            return Ok(Attempt::Refused(too_large(wanted, total, limit)));
        }
        loop {
            if self.control.cancelled() {
                return Ok(Attempt::Cancelled);
            }
            match self.fetcher.chunk(&mut response).await {
                Ok(Some(chunk)) => {
                    place.write(chunk.as_ref())?;
                    self.count(0, chunk.as_ref().len() as u64);
                    if place.part_bytes() > limit {
                        return Ok(Attempt::Refused(too_large(wanted, place.part_bytes(), limit)));
                    }
                }
                Ok(None) => break,
                Err(failure) => {
                    return Ok(Attempt::Again { after: None, overloaded: false, why: failure.to_string() });
                }
            }
        }
        place.finish(wanted)
    }

    /// Sends a request and follows its redirects, each under the rules for addresses and at its host's pace.
    async fn follow(&self, wanted: &Wanted, fields: HeaderMap) -> Result<(Response, Turn), Failure> {
        let mut url = wanted.url.clone();
        let mut stated = HeaderMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let turn = self.hosts.turn(&url).await;
            let mut response = self.fetcher.begin(&url, fields.clone()).await?;
            let target = text(response.headers(), "location").and_then(|location| url.join(location.trim()).ok());
            let moved = matches!(response.status().as_u16(), 301..=303 | 307 | 308);
            let Some(target) = target.filter(|_| moved) else {
                // What the hub says of the file holds for wherever it sends us.
                response.headers_mut().extend(stated);
                return Ok((response, turn));
            };
            if let Some(digest) = response.headers().get(LINKED_ETAG) {
                stated.insert(HeaderName::from_static(LINKED_ETAG), digest.clone());
            }
            url = target;
        }
        Err(Failure::Network(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

/// The field in which Hugging Face's hub states the SHA-256 of a large file.
const LINKED_ETAG: &str = "x-linked-etag";

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn refusal(wanted: &Wanted, rule: &str, value: f64, threshold: f64, detail: String) -> Refused {
    Refused { url: wanted.url.to_string(), rule: rule.to_owned(), value, threshold, detail }
}

#[expect(clippy::cast_precision_loss, reason = "byte counts are far below 2^52")]
fn too_large(wanted: &Wanted, bytes: u64, limit: u64) -> Refused {
    refusal(wanted, "too-large", bytes as f64, limit as f64, String::new())
}

/// What the header of an answer says of the bytes that follow.
enum Begun {
    /// They go behind those that are there.
    Body,
    /// None: the finished file is still the server's.
    Unchanged,
    /// They do not fit those that are there, which are dropped.
    Restart,
    Status(u16),
}

/// The folder of one file: `state.json`, `part` while it grows, and the file under its own name.
struct Place {
    path: PathBuf,
    state_path: PathBuf,
    part_path: PathBuf,
    state: State,
    part: fs_err::File,
    part_bytes: u64,
}

impl Place {
    fn open(wanted: &Wanted) -> Result<Self, CrawlError> {
        let (state_path, part_path) = (wanted.dir.join("state.json"), wanted.dir.join("part"));
        let read = fs_err::read(&state_path).ok().and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
        let state = read.filter(|state| state.url == wanted.url.as_str());
        let fresh = state.is_none();
        let state = state.unwrap_or_else(|| State { url: wanted.url.to_string(), ..State::default() });
        let mut part = fs_err::OpenOptions::new().write(true).create(true).truncate(fresh).open(&part_path)?;
        let part_bytes = part.seek(SeekFrom::End(0))?;
        let name = wanted.url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        let name = if name.trim_matches('.').is_empty() { "file" } else { name.as_str() };
        Ok(Self { path: wanted.dir.join(format!("data-{name}")), state_path, part_path, state, part, part_bytes })
    }

    fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    fn finished(&self) -> bool {
        let length = fs_err::metadata(&self.path).map(|file| file.len()).ok();
        self.state.done.as_ref().is_some_and(|(bytes, _)| Some(*bytes) == length)
    }

    fn bytes(&self) -> u64 {
        self.state.done.as_ref().map_or(0, |(bytes, _)| *bytes)
    }

    fn fetched(&self) -> Fetched {
        let (bytes, digest) = self.state.done.clone().unwrap_or_default();
        Fetched { path: self.path.clone(), bytes, digest }
    }

    /// Header fields of the next request: the rest of what is there, or only what has changed.
    fn request(&self) -> HeaderMap {
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

    fn begin(&mut self, response: &Response) -> Result<Begun, CrawlError> {
        let headers = response.headers();
        let status = response.status().as_u16();
        match status {
            304 if self.finished() => return Ok(Begun::Unchanged),
            206 => {
                let range = text(headers, "content-range").and_then(|range| content_range(&range));
                let etag = text(headers, "etag");
                let same = etag.is_none() || self.state.etag.is_none() || etag == self.state.etag;
                if range.is_some_and(|(start, total)| start == self.part_bytes && total == self.state.total) && same {
                    return Ok(Begun::Body);
                }
                self.restart()?;
                return Ok(Begun::Restart);
            }
            416 => {
                self.restart()?;
                return Ok(Begun::Restart);
            }
            200 => {}
            other => return Ok(Begun::Status(other)),
        }
        self.restart()?;
        let sha256 = text(headers, LINKED_ETAG).map(|etag| etag.trim_matches('"').to_ascii_lowercase());
        self.state = State {
            url: std::mem::take(&mut self.state.url),
            etag: text(headers, "etag"),
            last_modified: text(headers, "last-modified"),
            total: response.content_length(),
            sha256: sha256.filter(|sum| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit())),
            done: None,
        };
        self.save()?;
        Ok(Begun::Body)
    }

    fn restart(&mut self) -> Result<(), CrawlError> {
        self.part.set_len(0)?;
        self.part.seek(SeekFrom::Start(0))?;
        self.part_bytes = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), CrawlError> {
        self.part.write_all(bytes)?;
        self.part_bytes += bytes.len() as u64;
        Ok(())
    }

    fn save(&self) -> Result<(), CrawlError> {
        let json = serde_json::to_vec(&self.state).map_err(std::io::Error::from)?;
        Ok(corpusmill_pipeline::store::write_atomically(&self.state_path, &json).map_err(std::io::Error::other)?)
    }

    /// Holds the file against what was said of it, and publishes it.
    fn finish(&mut self, wanted: &Wanted) -> Result<Attempt, CrawlError> {
        let again = |why: String| Ok(Attempt::Again { after: None, overloaded: false, why });
        if let Some(total) = self.state.total.filter(|total| *total != self.part_bytes) {
            if self.part_bytes > total {
                self.restart()?;
            }
            return again(format!("{} of {total} bytes came", self.part_bytes));
        }
        self.part.sync_all()?;
        let (digest, sha256) = digests(&self.part_path, self.state.sha256.is_some())?;
        if let Some(stated) = self.state.sha256.clone().filter(|stated| *stated != sha256) {
            self.restart()?;
            let detail = format!("its SHA-256 is {sha256}, the server states {stated}");
            return Ok(Attempt::Refused(refusal(wanted, "checksum", 1.0, 0.0, detail)));
        }
        fs_err::rename(&self.part_path, &self.path)?;
        self.part = fs_err::OpenOptions::new().write(true).create(true).truncate(true).open(&self.part_path)?;
        self.state.done = Some((self.part_bytes, digest));
        self.part_bytes = 0;
        self.save()?;
        Ok(Attempt::Done)
    }
}

/// BLAKE3 of a file, and its SHA-256 if asked for.
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

/// First byte and whole length of `bytes 5-9/10`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}
