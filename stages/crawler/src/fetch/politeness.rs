//! Rate of requests to one host: the interval between requests, slowdown under overload, and the wait before a retry.
//!
//! Invariant: the interval between two requests to one host is never shorter than the larger of the configured interval
//! and the host's Crawl-delay (up to [`MAX_CRAWL_DELAY`]).

use std::time::Duration;

use tokio::time::Instant;

/// The longest Crawl-delay obeyed in full; with longer ones, one line of robots.txt could stop a crawl for hours.
pub(crate) const MAX_CRAWL_DELAY: Duration = Duration::from_mins(1);
/// The shortest wait before a retry, for hosts without a rate limit.
const MIN_BACK_OFF: Duration = Duration::from_millis(50);
/// The longest wait before a retry if the host sends no Retry-After.
const MAX_BACK_OFF: Duration = Duration::from_mins(1);
/// Maximum factor by which the interval of a host grows after responses 429 and 503.
const MAX_SLOWDOWN: f64 = 32.0;

/// The request schedule of one host.
#[derive(Debug, Clone)]
pub(crate) struct RateLimiter {
    interval: Duration,
    slowdown: f64,
    /// When the last request started.
    last: Option<Instant>,
    next: Option<Instant>,
}

impl RateLimiter {
    /// A host that receives at most `per_second` requests per second; 0 sets no limit.
    pub(crate) fn new(per_second: f64) -> Self {
        let interval = if per_second > 0.0 {
            Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(MAX_CRAWL_DELAY)
        } else {
            Duration::ZERO
        };
        Self { interval, slowdown: 1.0, last: None, next: None }
    }

    /// Applies the host's Crawl-delay, counted from the request that returned it.
    pub(crate) fn crawl_delay(&mut self, delay: Option<Duration>) {
        self.interval = self.interval.max(delay.unwrap_or_default().min(MAX_CRAWL_DELAY));
        self.next = self.next.max(self.after_last());
    }

    fn after_last(&self) -> Option<Instant> {
        self.last.filter(|_| !self.interval.is_zero()).map(|last| last + self.interval.mul_f64(self.slowdown))
    }

    /// When the next request may start; `None` if it may start now.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.next
    }

    /// Records that a request starts.
    pub(crate) fn start(&mut self, now: Instant) {
        self.last = Some(now);
        self.next = self.after_last();
    }

    /// Records a normal response: the interval of a host that was slowed down shrinks step by step.
    pub(crate) fn record_success(&mut self) {
        self.slowdown = (self.slowdown * 0.9).max(1.0);
    }

    /// Schedules a retry and delays all requests to the host until then. `overloaded` means a 429 or 503.
    pub(crate) fn delay_requests(
        &mut self,
        now: Instant,
        attempt: u32,
        retry_after: Option<Duration>,
        overloaded: bool,
    ) {
        if overloaded {
            self.slowdown = (self.slowdown * 2.0).min(MAX_SLOWDOWN);
        }
        let until = now + retry_after.unwrap_or_else(|| self.back_off(attempt));
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
    }

    /// The wait before retry number `attempt` (from 1): the interval, doubled each time.
    pub(crate) fn back_off(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.interval.max(MIN_BACK_OFF).saturating_mul(1 << doublings).min(MAX_BACK_OFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_spacing_wins_up_to_the_cap() {
        let now = Instant::now();
        let mut pace = RateLimiter::new(2.0);
        pace.crawl_delay(Some(Duration::from_millis(100)));
        pace.start(now);
        assert_eq!(pace.ready_at(), Some(now + Duration::from_millis(500)));
        pace.crawl_delay(Some(Duration::from_hours(1)));
        pace.start(now);
        assert_eq!(pace.ready_at(), Some(now + MAX_CRAWL_DELAY));
        let mut free = RateLimiter::new(0.0);
        free.start(now);
        assert_eq!(free.ready_at(), None);
        free.crawl_delay(Some(Duration::from_secs(5)));
        assert_eq!(free.ready_at(), Some(now + Duration::from_secs(5)), "counted from the request that returned it");
    }

    #[test]
    fn overload_slows_down_and_recovers() {
        let now = Instant::now();
        let mut pace = RateLimiter::new(1.0);
        pace.delay_requests(now, 1, Some(Duration::ZERO), true);
        pace.start(now);
        assert_eq!(pace.ready_at(), Some(now + Duration::from_secs(2)));
        for _ in 0..20 {
            pace.record_success();
        }
        pace.start(now);
        assert_eq!(pace.ready_at(), Some(now + Duration::from_secs(1)));
    }

    #[test]
    fn back_off_doubles_and_ends() {
        let pace = RateLimiter::new(1.0);
        let waits: Vec<u64> = [1, 2, 3, 60].map(|n| pace.back_off(n).as_secs()).to_vec();
        assert_eq!(waits, [1, 2, 4, 60]);
        assert_eq!(RateLimiter::new(0.0).back_off(1), MIN_BACK_OFF);
    }
}
