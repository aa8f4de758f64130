//! Downloads whole files: WARC files of an archive, parts of a dataset. Resumes partial downloads and stores files by
//! URL.
//!
//! Separate from the crawl, under the same rules for addresses, rate and contact. robots.txt does not apply: a user
//! listed each URL, and none was found by following links.
//!
//! Invariant: a returned file is complete, holds one version of the server's file, and was synced before its state
//! records it as done.

use std::cell::Cell;

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName};
use url::Url;

use crate::control::Control;
use crate::download::partial_download::{
    BodyKind, DownloadRequest, DownloadedFile, FinishedBody, LINKED_ETAG, PartialDownload,
};
use crate::download::settings::DownloadSettings;
use crate::error::CrawlError;
use crate::fetch::credential::Credential;
use crate::fetch::failure::Failure;
use crate::fetch::fetcher::{Fetcher, header_text};
use crate::fetch::hosts::{Hosts, RequestPermit, host_of};
use crate::fetch::retry::{Attempts, TemporaryFailure, is_temporary};
use crate::rejected::RejectedUrl;
use corpusmill_pipeline::Rejection;

/// Maximum number of redirects from one URL.
const MAX_REDIRECTS: usize = 10;

/// Fetches listed URLs under the rules of a crawl: whole files, and small API responses ([`DownloadClient::get`]). All
/// requests share one rate limit per host.
#[derive(Debug)]
pub struct DownloadClient {
    pub(crate) settings: DownloadSettings,
    /// `Some` until the client is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    pub(crate) fetcher: Fetcher,
    pub(crate) hosts: Hosts,
    pub(crate) credential: Option<Credential>,
}

impl DownloadClient {
    /// Creates a client without sending a request.
    ///
    /// # Errors
    /// [`CrawlError`] if the HTTP client or the runtime cannot be created.
    pub fn new(settings: &DownloadSettings, credential: Option<Credential>) -> Result<Self, CrawlError> {
        Ok(Self {
            runtime: Some(tokio::runtime::Builder::new_current_thread().enable_all().build()?),
            fetcher: Fetcher::new(settings.requests())?,
            hosts: Hosts::new(&settings.requests()),
            credential,
            settings: settings.clone(),
        })
    }

    /// Runs a future to its end on this thread.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("only drop takes it").block_on(future)
    }

    /// Adds the token to the header fields if the URL is on its server.
    pub(crate) fn signed(&self, url: &Url, mut fields: HeaderMap) -> HeaderMap {
        if let Some(credential) = &self.credential {
            credential.sign(url, &mut fields);
        }
        fields
    }

    /// Fetches files; returns one result each, in order: the file, or why it is rejected. An existing file is
    /// not fetched again; with `fresh` it is requested conditionally. Each file has its own folder.
    ///
    /// # Errors
    /// [`CrawlError`] for URLs that the settings do not allow, a failing disk, and a server that all attempts fail to
    /// reach. What was fetched is kept, and the next call resumes. `None` if cancelled.
    pub fn files(
        &self,
        wanted: &[DownloadRequest],
        fresh: bool,
        control: Control<'_>,
    ) -> Result<Option<Vec<Result<DownloadedFile, RejectedUrl>>>, CrawlError> {
        self.settings.check(wanted.iter().map(|file| &file.url))?;
        let _running = control.start(wanted.len() as u64, "files");
        self.run(async {
            let run = DownloadRun { client: self, fresh, control, counts: Cell::new((0, 0)), files: wanted.len() };
            let mut results =
                stream::iter(wanted).map(|file| run.file(file)).buffered(self.settings.concurrency.max(1));
            let mut all = Vec::with_capacity(wanted.len());
            while let Some(result) = results.next().await {
                match result? {
                    Some(result) => all.push(result),
                    None => return Ok(None),
                }
            }
            Ok(Some(all))
        })
    }
}

impl Drop for DownloadClient {
    fn drop(&mut self) {
        // A pending DNS lookup on a blocking thread must not delay the drop.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct DownloadRun<'a> {
    client: &'a DownloadClient,
    fresh: bool,
    control: Control<'a>,
    /// Files and bytes fetched so far.
    counts: Cell<(u64, u64)>,
    files: usize,
}

/// How one attempt ended.
enum DownloadAttempt {
    Done,
    Rejected(RejectedUrl),
    /// The connection was cut, or the server is busy.
    Retry(TemporaryFailure),
    Cancelled,
}

type DownloadResult = Result<DownloadedFile, RejectedUrl>;

impl DownloadRun<'_> {
    /// Fetches one file; `None` if cancelled.
    async fn file(&self, wanted: &DownloadRequest) -> Result<Option<DownloadResult>, CrawlError> {
        fs_err::create_dir_all(&wanted.dir)?;
        let mut partial = PartialDownload::open(wanted)?;
        if (!self.fresh || wanted.sha256.is_some()) && partial.finished() {
            self.count(1, partial.bytes());
            return Ok(Some(Ok(partial.fetched())));
        }
        let mut attempts = Attempts::default();
        loop {
            if let Some(rejection) = self.client.hosts.given_up(&host_of(&wanted.url)) {
                let problem = format!(
                    "the host asks for a wait of {} seconds (Retry-After); at most {} are waited",
                    rejection.value, rejection.threshold
                );
                return Err(CrawlError::Unfetched { url: wanted.url.to_string(), problem });
            }
            let before = partial.part_bytes();
            let Some(attempt) = self.control.unless_cancelled(self.attempt(wanted, &mut partial)).await else {
                return Ok(None);
            };
            match attempt? {
                DownloadAttempt::Done => {
                    self.count(1, 0);
                    return Ok(Some(Ok(partial.fetched())));
                }
                DownloadAttempt::Rejected(rejected) => return Ok(Some(Err(rejected))),
                DownloadAttempt::Cancelled => return Ok(None),
                DownloadAttempt::Retry(failure) => {
                    if partial.part_bytes() > before {
                        attempts.reset();
                    }
                    attempts.retry(failure, &wanted.url, self.client.settings.retries, &self.client.hosts).map_err(
                        |failure| CrawlError::Unfetched { url: wanted.url.to_string(), problem: failure.reason },
                    )?;
                }
            }
        }
    }

    fn count(&self, files: u64, bytes: u64) {
        let (before, sum) = self.counts.get();
        self.counts.set((before + files, sum + bytes));
        let waiting = (self.files as u64).saturating_sub(before + files);
        self.control.advance(before + files, waiting, sum + bytes);
    }

    async fn attempt(
        &self,
        wanted: &DownloadRequest,
        partial: &mut PartialDownload,
    ) -> Result<DownloadAttempt, CrawlError> {
        let (response, _permit) = match self.follow(wanted, partial.request()).await {
            Ok(accepted) => accepted,
            Err(Failure::Address(blocked)) => {
                return Ok(DownloadAttempt::Rejected(rejection(wanted, "address", 1.0, 0.0, blocked.to_string())));
            }
            Err(failure) => {
                return Ok(DownloadAttempt::Retry(TemporaryFailure::new(failure.to_string())));
            }
        };
        match partial.accept_response(&response)? {
            BodyKind::Body => {}
            BodyKind::Unchanged => return Ok(DownloadAttempt::Done),
            BodyKind::Restart => {
                let failure = TemporaryFailure::new("the server's file changed while it was fetched");
                return Ok(DownloadAttempt::Retry(failure));
            }
            BodyKind::Status(status) if is_temporary(status) => {
                return Ok(DownloadAttempt::Retry(TemporaryFailure::of_status(status, response.headers())));
            }
            BodyKind::Status(status) => {
                let detail = status_hint(status, self.client.credential.is_some());
                return Ok(DownloadAttempt::Rejected(rejection(
                    wanted,
                    "status",
                    f64::from(status),
                    200.0,
                    detail.to_owned(),
                )));
            }
        }
        self.receive(wanted, response, partial).await
    }

    /// Receives the body of a response, and stores the file if it is complete.
    async fn receive(
        &self,
        wanted: &DownloadRequest,
        mut response: Response,
        partial: &mut PartialDownload,
    ) -> Result<DownloadAttempt, CrawlError> {
        let limit = self.client.settings.max_file_bytes;
        if let Some(total) = partial.state.total.filter(|total| *total > limit) {
            return Ok(DownloadAttempt::Rejected(too_large(wanted, total, limit)));
        }
        loop {
            if self.control.cancelled() {
                return Ok(DownloadAttempt::Cancelled);
            }
            match self.client.fetcher.chunk(&mut response).await {
                Ok(Some(chunk)) => {
                    partial.write(chunk.as_ref())?;
                    self.count(0, chunk.as_ref().len() as u64);
                    if partial.part_bytes() > limit {
                        return Ok(DownloadAttempt::Rejected(too_large(wanted, partial.part_bytes(), limit)));
                    }
                }
                Ok(None) => break,
                Err(failure) => {
                    return Ok(DownloadAttempt::Retry(TemporaryFailure::new(failure.to_string())));
                }
            }
        }
        Ok(match partial.finish(wanted)? {
            FinishedBody::Stored => DownloadAttempt::Done,
            FinishedBody::Incomplete(problem) => DownloadAttempt::Retry(TemporaryFailure::new(problem)),
            FinishedBody::WrongChecksum(detail) => {
                DownloadAttempt::Rejected(rejection(wanted, "checksum", 1.0, 0.0, detail))
            }
        })
    }

    /// Sends a request and follows its redirects, each under the address rules and its host's rate limit.
    async fn follow(&self, wanted: &DownloadRequest, fields: HeaderMap) -> Result<(Response, RequestPermit), Failure> {
        let mut url = wanted.url.clone();
        let mut stated = HeaderMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let permit = self.client.hosts.acquire(&url).await;
            let mut response = self.client.fetcher.send(&url, self.client.signed(&url, fields.clone())).await?;
            let target =
                header_text(response.headers(), "location").and_then(|location| url.join(location.trim()).ok());
            let moved = matches!(response.status().as_u16(), 301..=303 | 307 | 308);
            let Some(target) = target.filter(|_| moved) else {
                // The checksum that the hub states also applies to the redirect target.
                response.headers_mut().extend(stated);
                return Ok((response, permit));
            };
            if let Some(digest) = response.headers().get(LINKED_ETAG) {
                stated.insert(HeaderName::from_static(LINKED_ETAG), digest.clone());
            }
            url = target;
        }
        Err(Failure::Network(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

/// Explanation of a status for a file that a user listed.
fn status_hint(status: u16, with_token: bool) -> &'static str {
    match status {
        401 | 403 if with_token => {
            "the server refuses access even with the token: check that the token has read access"
        }
        401 | 403 => "the server requires a login: for a hub, set HF_TOKEN to a token with read access",
        404 | 410 => "the server has no such file: see that the address is right",
        _ => "",
    }
}

fn rejection(wanted: &DownloadRequest, rule: &'static str, value: f64, threshold: f64, detail: String) -> RejectedUrl {
    let detail = Some(detail).filter(|detail| !detail.is_empty());
    let rejection = Rejection { detail, ..Rejection::new(rule, value, threshold) };
    RejectedUrl { url: wanted.url.to_string(), rejection }
}

#[expect(clippy::cast_precision_loss, reason = "byte counts are far below 2^52")]
fn too_large(wanted: &DownloadRequest, bytes: u64, limit: u64) -> RejectedUrl {
    rejection(wanted, "too-large", bytes as f64, limit as f64, String::new())
}
