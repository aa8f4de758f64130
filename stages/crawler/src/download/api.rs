//! Fetches small responses of an HTTP API, such as the listing of a dataset; they are not stored.
//!
//! Next to [`download`](crate::download::client), under the same rules for addresses, rate and contact. robots.txt does
//! not apply: a user configured the API.
//!
//! Invariant: a response is complete and within its byte limit, and every requested URL was checked.

use reqwest::header::HeaderMap;
use url::Url;

use crate::control::Control;
use crate::download::client::DownloadClient;
use crate::error::CrawlError;
use crate::fetch::failure::Failure;
use crate::fetch::fetcher::FetchResponse;
use crate::fetch::politeness::RateLimiter;
use crate::fetch::retry::{Attempts, TemporaryFailure, is_temporary};

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

impl DownloadClient {
    /// Requests an API; its response may have up to `limit` decoded bytes. Returns `None` if cancelled.
    ///
    /// # Errors
    /// [`CrawlError::Unanswered`] if all attempts fail or the response is not acceptable; [`CrawlError::Setting`] for
    /// URLs that the settings do not allow.
    pub fn get(&self, url: &Url, limit: u64, control: Control<'_>) -> Result<Option<ApiResponse>, CrawlError> {
        self.settings.check([url])?;
        self.run(self.get_with_retries(url, limit, control))
    }

    async fn get_with_retries(
        &self,
        url: &Url,
        limit: u64,
        control: Control<'_>,
    ) -> Result<Option<ApiResponse>, CrawlError> {
        let mut attempts = Attempts::default();
        loop {
            let Some(attempt) = control.unless_cancelled(self.attempt(url, limit)).await else { return Ok(None) };
            match attempt? {
                Ok(response) => return Ok(Some(response)),
                Err(failure) => attempts
                    .retry(failure, url, self.settings.retries, &self.hosts)
                    .map_err(|failure| unanswered(url, failure.reason))?,
            }
        }
    }

    async fn attempt(&self, url: &Url, limit: u64) -> Result<Result<ApiResponse, TemporaryFailure>, CrawlError> {
        let response = match self.follow(url, limit).await {
            Ok(response) => response,
            Err(failure) => {
                return match TemporaryFailure::of_failure(&failure) {
                    Some(failure) => Ok(Err(failure)),
                    None => Err(unanswered(url, failure.to_string())),
                };
            }
        };
        let status = response.status;
        if is_temporary(status) {
            return Ok(Err(TemporaryFailure::of_status(status, &response.headers)));
        }
        self.hosts.with_rate_limiter(url, RateLimiter::record_success);
        Ok(Ok(ApiResponse { status, link: response.header("link"), body: response.body }))
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
