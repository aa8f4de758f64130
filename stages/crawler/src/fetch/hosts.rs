//! Rate limits and concurrency limits of the hosts of a crawl.
//!
//! [`queue`](crate::frontier::queue) starts the requests for pages. Other requests (redirects of robots.txt, retries
//! and `/.well-known/tdmrep.json`) are sent by the code that needs them. All of them acquire a permit here.
//!
//! Invariant: every request is recorded here before it is sent, no earlier than the rate limit of its host allows, and
//! the number in flight never exceeds the settings.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use corpusmill_pipeline::Rejection;
use tokio::time::Instant;
use url::Url;

use crate::fetch::address::is_loopback_host;
use crate::fetch::politeness::RateLimiter;
use crate::fetch::settings::RequestSettings;
use crate::rejected::{CrawlRule, measured};

/// Requests per second if the settings have no limit: only loopback hosts may have none.
const FALLBACK_RATE: f64 = 1.0;
/// Interval at which a host without a free slot is checked again.
const SLOT_POLL_INTERVAL: Duration = Duration::from_millis(5);

#[derive(Debug)]
struct HostState {
    pace: RateLimiter,
    in_flight: usize,
    /// Consecutive URLs for which all attempts failed.
    failures: u32,
}

/// All hosts, shared by all senders of requests. All schemes and ports of a host share one rate limit.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    known: Rc<RefCell<BTreeMap<String, HostState>>>,
    /// Hosts that sent Retry-After since the last [`Hosts::take_retry_after`], and when the wait ends, in seconds since
    /// the Unix epoch.
    retry_after_until: Rc<RefCell<BTreeMap<String, u64>>>,
    /// Hosts that are given up, with the rejection of their URLs.
    given_up: Rc<RefCell<BTreeMap<String, Rejection>>>,
    /// Those of them that are not yet stored.
    newly_given_up: Rc<RefCell<BTreeMap<String, Rejection>>>,
    per_second: f64,
    concurrency: usize,
    max_retry_after: Duration,
    max_host_failures: u32,
}

/// The key of the host of a URL.
pub(crate) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_owned()
}

impl Hosts {
    pub(crate) fn new(settings: &RequestSettings) -> Self {
        let concurrency = settings.concurrency_per_host.max(1);
        Self {
            known: Rc::default(),
            retry_after_until: Rc::default(),
            given_up: Rc::default(),
            newly_given_up: Rc::default(),
            per_second: settings.requests_per_second,
            concurrency,
            max_retry_after: settings.max_retry_after,
            max_host_failures: settings.max_host_failures,
        }
    }

    fn with<T>(&self, host: &str, act: impl FnOnce(&mut HostState) -> T) -> T {
        let mut known = self.known.borrow_mut();
        if let Some(host) = known.get_mut(host) {
            return act(host);
        }
        let unlimited = self.per_second <= 0.0 && !is_loopback_host(host);
        let pace = RateLimiter::new(if unlimited { FALLBACK_RATE } else { self.per_second });
        act(known.entry(host.to_owned()).or_insert(HostState { pace, in_flight: 0, failures: 0 }))
    }

    /// Changes the rate limit of the host of a URL.
    pub(crate) fn with_rate_limiter<T>(&self, url: &Url, act: impl FnOnce(&mut RateLimiter) -> T) -> T {
        self.with(&host_of(url), |host| act(&mut host.pace))
    }

    /// Delays requests to the host of a URL until a retry is due; see [`RateLimiter::delay_requests`].
    pub(crate) fn delay_requests(&self, url: &Url, attempt: u32, retry_after: Option<Duration>, overloaded: bool) {
        let host = host_of(url);
        self.with(&host, |host| host.pace.delay_requests(Instant::now(), attempt, retry_after, overloaded));
        if let Some(wait) = retry_after.filter(|wait| !wait.is_zero()) {
            let until = SystemTime::now() + wait.min(self.max_retry_after);
            self.retry_after_until.borrow_mut().insert(host, seconds_rounded_up(until));
        }
    }

    /// The longest Retry-After that is waited for.
    pub(crate) fn max_retry_after(&self) -> Duration {
        self.max_retry_after
    }

    /// Gives a host up, since it requests a longer wait than the maximum.
    pub(crate) fn give_up_after(&self, host: String, wait: Duration) {
        let (value, threshold) = (wait.as_secs_f64(), self.max_retry_after.as_secs_f64());
        self.give_up(host, measured(CrawlRule::HostUnavailable, value, threshold, "seconds of Retry-After"));
    }

    /// Records that all attempts at a URL failed; after too many such URLs in a row, the host is given up.
    pub(crate) fn record_failure(&self, url: &Url) {
        let host = host_of(url);
        let failures = self.with(&host, |host| {
            host.failures = host.failures.saturating_add(1);
            host.failures
        });
        if failures >= self.max_host_failures {
            let detail = "consecutive URLs without a response";
            let (value, threshold) = (f64::from(failures), f64::from(self.max_host_failures));
            self.give_up(host, measured(CrawlRule::HostUnavailable, value, threshold, detail));
        }
    }

    /// Records a response that is not a temporary failure.
    pub(crate) fn record_success(&self, url: &Url) {
        self.with(&host_of(url), |host| {
            host.failures = 0;
            host.pace.record_success();
        });
    }

    fn give_up(&self, host: String, rejection: Rejection) {
        tracing::warn!(host, detail = rejection.detail.as_deref(), value = rejection.value, "a host is given up");
        self.newly_given_up.borrow_mut().insert(host.clone(), rejection.clone());
        self.restore_given_up(host, rejection);
    }

    /// Sends no more requests to a host that was given up before the crawl stopped.
    pub(crate) fn restore_given_up(&self, host: String, rejection: Rejection) {
        self.given_up.borrow_mut().entry(host).or_insert(rejection);
    }

    /// The rejection of the URLs of a host, if it is given up.
    pub(crate) fn given_up(&self, host: &str) -> Option<Rejection> {
        self.given_up.borrow().get(host).cloned()
    }

    /// The hosts given up since the last call, stored for a crawl that is resumed later.
    pub(crate) fn take_given_up(&self) -> BTreeMap<String, Rejection> {
        std::mem::take(&mut *self.newly_given_up.borrow_mut())
    }

    /// The Retry-After times received since the last call, stored for a crawl that is resumed later.
    pub(crate) fn take_retry_after(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.retry_after_until.borrow_mut())
    }

    /// Sends no request to a host until a Retry-After time received before the crawl stopped. Even if the clock was set
    /// back, the wait never exceeds the maximum.
    pub(crate) fn restore_retry_after(&self, host: &str, until: u64) {
        let left = Duration::from_secs(until.saturating_sub(seconds_rounded_up(SystemTime::now())));
        if !left.is_zero() {
            let wait = Some(left.min(self.max_retry_after));
            self.with(host, |host| host.pace.delay_requests(Instant::now(), 1, wait, false));
        }
    }

    /// Whether a request to a host may start now.
    pub(crate) fn is_free(&self, host: &str, now: Instant) -> bool {
        let limit = self.concurrency;
        self.with(host, |host| host.in_flight < limit && host.pace.ready_at().is_none_or(|at| at <= now))
    }

    /// When a host with a free slot may receive a request; `None` if it may now, or if it has no free slot.
    pub(crate) fn ready_at(&self, host: &str) -> Option<Instant> {
        let limit = self.concurrency;
        self.with(host, |host| host.pace.ready_at().filter(|_| host.in_flight < limit))
    }

    /// Records that a request starts.
    pub(crate) fn start(&self, host: &str, now: Instant) {
        self.with(host, |host| {
            host.pace.start(now);
            host.in_flight += 1;
        });
    }

    /// Records that a request has ended.
    pub(crate) fn release(&self, host: &str) {
        self.with(host, |host| host.in_flight = host.in_flight.saturating_sub(1));
    }

    /// Waits until a host may receive a request, and records the request; it ends when the returned value is dropped.
    pub(crate) async fn acquire(&self, url: &Url) -> RequestPermit {
        let host = host_of(url);
        loop {
            let now = Instant::now();
            if self.is_free(&host, now) {
                self.start(&host, now);
                return RequestPermit { hosts: self.clone(), host };
            }
            tokio::time::sleep_until(self.ready_at(&host).filter(|at| *at > now).unwrap_or(now + SLOT_POLL_INTERVAL))
                .await;
        }
    }
}

fn seconds_rounded_up(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() + u64::from(since.subsec_nanos() > 0)
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct RequestPermit {
    hosts: Hosts,
    host: String,
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.hosts.release(&self.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CrawlSettings;

    /// Simulates a server with a perfect clock: starts and ends of requests, millisecond by millisecond.
    #[test]
    fn rate_and_concurrency_limits_hold() {
        for (rate, concurrency, took) in [(10.0, 3, 1000), (10.0, 1, 30), (100.0, 2, 70), (2.0, 8, 1)] {
            let settings = CrawlSettings {
                requests_per_second: rate,
                concurrency_per_host: concurrency,
                ..CrawlSettings::default()
            };
            let (hosts, begin) = (Hosts::new(&settings.requests()), Instant::now());
            // Ports, schemes and the root dot do not make a different host.
            let urls = ["http://a.org/", "https://a.org:8443/x", "http://a.org./y"].map(|url| Url::parse(url).unwrap());
            let (mut starts, mut ends, mut at_once): (Vec<u64>, Vec<u64>, usize) = (Vec::new(), Vec::new(), 0);
            for now in 0..60_000 {
                ends.retain(|end| {
                    *end > now || {
                        hosts.release("a.org");
                        false
                    }
                });
                let host = host_of(&urls[starts.len() % 3]);
                while starts.len() < 40 && hosts.is_free(&host, begin + Duration::from_millis(now)) {
                    hosts.start(&host, begin + Duration::from_millis(now));
                    ends.push(now + took * (1 + starts.len() as u64 % 5));
                    starts.push(now);
                    at_once = at_once.max(ends.len());
                }
            }
            assert_eq!(starts.len(), 40, "rate {rate}");
            assert!(at_once <= concurrency, "{at_once} at once, {concurrency} allowed");
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= spacing(rate)), "rate {rate}");
        }
    }

    /// Milliseconds between two requests.
    fn spacing(rate: f64) -> u64 {
        u64::try_from(Duration::from_secs_f64(1.0 / rate).as_millis()).unwrap()
    }
}
