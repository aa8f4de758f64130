//! Fetches small responses of an HTTP API, such as the listing of a data set; they are not stored.
//!
//! Next to [`download`](super::download), under the same rules for addresses, rate and contact. robots.txt does not
//! apply: a user configured the API.
//!
//! Invariant: a response is complete and within its byte limit, and every requested URL was checked.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use url::Url;

use super::download::DownloadClient;
use super::error::CrawlError;
use super::fetch::{Failure, FetchResponse};
use super::politeness::{MAX_RETRY_AFTER, RateLimiter, retry_after};
use super::{Control, unless_cancelled};

/// Maximum number of redirects from one URL.
const MAX_REDIRECTS: usize = 5;

/// A response of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiResponse {
    /// The HTTP status; never a temporary one.
    pub status: u16,
    /// The decoded body; empty unless the status is 200.
    pub body: Vec<u8>,
    /// The `Link` header field (RFC 8288), which links the pages of a paginated response.
    pub link: Option<String>,
}

enum ApiAttempt {
    Done(ApiResponse),
    Retry { after: Option<Duration>, overloaded: bool, reason: String },
}

impl DownloadClient {
    /// Requests an API; its response may have up to `limit` decoded bytes. Returns `None` if cancelled.
    ///
    /// # Errors
    /// [`CrawlError::Unanswered`] if all attempts fail or the response is not acceptable; [`CrawlError::Setting`] for
    /// URLs that the settings do not allow.
    pub fn get(&self, url: &Url, limit: u64, control: &dyn Control) -> Result<Option<ApiResponse>, CrawlError> {
        self.check(std::iter::once(url))?;
        self.run(self.get_with_retries(url, limit, control))
    }

    async fn get_with_retries(
        &self,
        url: &Url,
        limit: u64,
        control: &dyn Control,
    ) -> Result<Option<ApiResponse>, CrawlError> {
        let mut attempts = 0;
        loop {
            let Some(attempt) = unless_cancelled(control, self.attempt(url, limit)).await else { return Ok(None) };
            match attempt? {
                ApiAttempt::Done(reply) => return Ok(Some(reply)),
                ApiAttempt::Retry { after, overloaded, reason } => {
                    attempts += 1;
                    if attempts > self.settings.retries || after.is_some_and(|after| after > MAX_RETRY_AFTER) {
                        return Err(unanswered(url, reason));
                    }
                    self.hosts.delay_requests(url, attempts, after, overloaded);
                }
            }
        }
    }

    async fn attempt(&self, url: &Url, limit: u64) -> Result<ApiAttempt, CrawlError> {
        let response = match self.follow(url, limit).await {
            Ok(response) => response,
            Err(failure) if failure.is_temporary() => {
                return Ok(ApiAttempt::Retry { after: None, overloaded: false, reason: failure.to_string() });
            }
            Err(failure) => return Err(unanswered(url, failure.to_string())),
        };
        let status = response.status;
        if matches!(status, 408 | 429 | 500 | 502..=504) {
            let after = response.header("retry-after").and_then(|value| retry_after(&value, SystemTime::now()));
            let overloaded = matches!(status, 429 | 503);
            return Ok(ApiAttempt::Retry { after, overloaded, reason: format!("status {status}") });
        }
        self.hosts.with_rate_limiter(url, RateLimiter::record_success);
        Ok(ApiAttempt::Done(ApiResponse { status, link: response.header("link"), body: response.body }))
    }

    async fn follow(&self, url: &Url, limit: u64) -> Result<FetchResponse, Failure> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let permit = self.hosts.acquire(&url).await;
            let response = self.fetcher.get_with_headers(&url, limit, self.signed(&url, HeaderMap::new())).await?;
            drop(permit);
            let target = response.header("location").and_then(|location| url.join(location.trim()).ok());
            match target.filter(|_| matches!(response.status, 301..=303 | 307 | 308)) {
                Some(target) => url = target,
                None => return Ok(response),
            }
        }
        Err(Failure::Network(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

fn unanswered(url: &Url, problem: String) -> CrawlError {
    CrawlError::Unanswered { url: url.to_string(), problem }
}
