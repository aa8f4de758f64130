//! Fetches small responses of an HTTP API, such as the listing of a data set; they are not stored.
//!
//! Next to [`download`](super::download), under the same rules for addresses, rate and contact. robots.txt does not
//! apply: a user configured the API.
//!
//! Invariant: a response is complete and within its byte limit, and every requested URL was checked.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use url::Url;

use super::download::Client;
use super::error::CrawlError;
use super::fetch::{Answer, Failure};
use super::politeness::{MAX_RETRY_AFTER, Pace, retry_after};
use super::{Control, unless_cancelled};

/// Maximum number of redirects from one URL.
const MAX_REDIRECTS: usize = 5;

/// A response of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status; never a temporary one.
    pub status: u16,
    /// The decoded body; empty unless the status is 200.
    pub body: Vec<u8>,
    /// The `Link` header field (RFC 8288), which links the pages of a paginated response.
    pub link: Option<String>,
}

enum Attempt {
    Done(Reply),
    Again { after: Option<Duration>, overloaded: bool, why: String },
}

impl Client {
    /// Requests an API; its response may have up to `limit` decoded bytes. Returns `None` if cancelled.
    ///
    /// # Errors
    /// [`CrawlError::Unanswered`] if all attempts fail or the response is not acceptable; [`CrawlError::Setting`] for
    /// URLs that the settings do not allow.
    pub fn ask(&self, url: &Url, limit: u64, control: &dyn Control) -> Result<Option<Reply>, CrawlError> {
        self.check(std::iter::once(url))?;
        self.run(self.reply(url, limit, control))
    }

    async fn reply(&self, url: &Url, limit: u64, control: &dyn Control) -> Result<Option<Reply>, CrawlError> {
        let mut attempts = 0;
        loop {
            let Some(attempt) = unless_cancelled(control, self.attempt(url, limit)).await else { return Ok(None) };
            match attempt? {
                Attempt::Done(reply) => return Ok(Some(reply)),
                Attempt::Again { after, overloaded, why } => {
                    attempts += 1;
                    if attempts > self.settings.retries || after.is_some_and(|after| after > MAX_RETRY_AFTER) {
                        return Err(unanswered(url, why));
                    }
                    self.hosts.hold(url, attempts, after, overloaded);
                }
            }
        }
    }

    async fn attempt(&self, url: &Url, limit: u64) -> Result<Attempt, CrawlError> {
        let answer = match self.follow(url, limit).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_temporary() => {
                return Ok(Attempt::Again { after: None, overloaded: false, why: failure.to_string() });
            }
            Err(failure) => return Err(unanswered(url, failure.to_string())),
        };
        let status = answer.status;
        if matches!(status, 408 | 429 | 500 | 502..=504) {
            let after = answer.header("retry-after").and_then(|value| retry_after(&value, SystemTime::now()));
            let overloaded = matches!(status, 429 | 503);
            return Ok(Attempt::Again { after, overloaded, why: format!("status {status}") });
        }
        self.hosts.pace(url, Pace::well);
        Ok(Attempt::Done(Reply { status, link: answer.header("link"), body: answer.body }))
    }

    async fn follow(&self, url: &Url, limit: u64) -> Result<Answer, Failure> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let turn = self.hosts.turn(&url).await;
            let answer = self.fetcher.ask(&url, limit, self.signed(&url, HeaderMap::new())).await?;
            drop(turn);
            let target = answer.header("location").and_then(|location| url.join(location.trim()).ok());
            match target.filter(|_| matches!(answer.status, 301..=303 | 307 | 308)) {
                Some(target) => url = target,
                None => return Ok(answer),
            }
        }
        Err(Failure::Network(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

fn unanswered(url: &Url, problem: String) -> CrawlError {
    CrawlError::Unanswered { url: url.to_string(), problem }
}
