//! Which failed requests are sent again, when, and how often.
//!
//! Every request passes here: for pages, robots.txt, `/.well-known/tdmrep.json`, sitemaps, APIs and files. A failure
//! that may be temporary becomes a [`TemporaryFailure`]; [`Attempts`] counts the failures of one URL, delays the host
//! and says whether another attempt follows.
//!
//! Invariant: a failed request delays all requests to its host, and one URL is requested at most `retries` times more
//! than once, not counting attempts that made progress.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use crate::fetch::failure::Failure;
use crate::fetch::hosts::{Hosts, host_of};

/// Whether a status says that the server, or a proxy before it, is overloaded or failing for now (RFC 9110, sections
/// 15.5.9 and 15.6; RFC 6585, section 4).
pub(crate) fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504)
}

/// Why an attempt failed that may succeed later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemporaryFailure {
    /// The failure in words, such as `status 503`.
    pub(crate) reason: String,
    /// The status, if the server responded.
    pub(crate) status: Option<u16>,
    /// The wait that the server requests.
    after: Option<Duration>,
}

impl TemporaryFailure {
    /// A failure without a response.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), status: None, after: None }
    }

    /// The failure of a request, if a retry may succeed.
    pub(crate) fn of_failure(failure: &Failure) -> Option<Self> {
        failure.is_temporary().then(|| Self::new(failure.to_string()))
    }

    /// A response with a status that may not last, and its Retry-After header.
    pub(crate) fn of_status(status: u16, headers: &HeaderMap) -> Self {
        let after = headers.get(RETRY_AFTER).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let after = after.and_then(|value| retry_after(&value, SystemTime::now()));
        Self { reason: format!("status {status}"), status: Some(status), after }
    }

    /// Whether the server reports too many requests.
    fn overloaded(&self) -> bool {
        matches!(self.status, Some(429 | 503))
    }
}

/// The failed attempts at one URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    failed: u32,
}

impl Attempts {
    /// Records a failed attempt and delays the requests to the host of `url` until the next may start.
    ///
    /// # Errors
    /// The failure, if no attempt follows: `retries` are spent, or the host is given up, since it requests a longer wait
    /// than the maximum or too many of its URLs have failed.
    pub(crate) fn retry(
        &mut self,
        failure: TemporaryFailure,
        url: &Url,
        retries: u32,
        hosts: &Hosts,
    ) -> Result<(), TemporaryFailure> {
        self.failed += 1;
        let host = host_of(url);
        if let Some(wait) = failure.after.filter(|wait| *wait > hosts.max_retry_after()) {
            hosts.give_up_after(host, wait);
            return Err(failure);
        }
        if hosts.given_up(&host).is_some() {
            return Err(failure);
        }
        hosts.delay_requests(url, self.failed, failure.after, failure.overloaded());
        if self.failed <= retries {
            return Ok(());
        }
        hosts.record_failure(url);
        Err(failure)
    }

    /// Forgets the failures so far, since the URL has made progress.
    pub(crate) fn reset(&mut self) {
        self.failed = 0;
    }
}

/// Reads a Retry-After header: seconds or an HTTP date (RFC 9110, section 10.2.3). A date in the past means no wait.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CrawlSettings;

    fn busy(after: &str) -> TemporaryFailure {
        TemporaryFailure::of_status(503, &HeaderMap::from_iter([(RETRY_AFTER, after.parse().unwrap())]))
    }

    #[test]
    fn retry_after_has_two_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        assert_eq!(retry_after("120", now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:07 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-1", now), None);
    }

    #[test]
    fn attempts_end_and_delay_the_host() {
        let url = Url::parse("http://site.org/").unwrap();
        let hosts = Hosts::new(&CrawlSettings::default().requests());
        let mut attempts = Attempts::default();
        assert_eq!(attempts.retry(busy("601"), &url, 9, &hosts), Err(busy("601")), "a wait of more than ten minutes");
        assert_eq!(hosts.given_up("site.org").map(|rejection| rejection.value), Some(601.0));
        let hosts = Hosts::new(&CrawlSettings::default().requests());
        attempts.reset();
        assert_eq!(attempts.retry(busy("60"), &url, 1, &hosts), Ok(()));
        let wait = hosts.ready_at("site.org").unwrap() - tokio::time::Instant::now();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_mins(1), "{wait:?}");
        assert_eq!(attempts.retry(TemporaryFailure::new("cut"), &url, 1, &hosts), Err(TemporaryFailure::new("cut")));
    }
}
