//! Limits the number of pages per host and of calendar pages.
//!
//! URLs pass here in sorted order, between the frontier and the queues. A URL is held while the URLs in flight could
//! still fill the limit of its host. So the pages kept are the first that succeed in sorted order, in whatever order
//! the responses arrive.
//!
//! Invariant: the pages kept of a host plus those in flight never exceed its limit.

use std::collections::{BTreeMap, VecDeque};

use url::Url;

use crate::fetch::hosts::host_of;
use crate::pages::canonical;

/// Maximum number of calendar URLs per host: a little more than the days of a year.
pub(crate) const MAX_CALENDAR_URLS: u64 = 400;

/// The decision about a waiting URL.
#[derive(Debug, PartialEq)]
pub(crate) enum Admission {
    /// It may be requested.
    Admitted(Url),
    /// Held until other URLs of its host are finished.
    Held,
    /// Its host has reached its page limit.
    HostBudget(Url),
    /// The calendar limit of its host is reached.
    Calendar(Url),
}

#[derive(Debug, Default)]
struct HostCounts {
    pages: u64,
    in_flight: u64,
    held: VecDeque<Url>,
    calendar: u64,
}

/// The limits of all hosts.
#[derive(Debug)]
pub(crate) struct Budget {
    per_host: Option<u64>,
    hosts: BTreeMap<String, HostCounts>,
}

impl Budget {
    pub(crate) fn new(per_host: Option<u64>) -> Self {
        Self { per_host, hosts: BTreeMap::new() }
    }

    fn host(&mut self, url: &Url) -> &mut HostCounts {
        self.hosts.entry(host_of(url)).or_default()
    }

    /// Counts a URL that an earlier run of the crawl finished.
    pub(crate) fn restore(&mut self, url: &Url, is_page: bool) {
        let host = self.host(url);
        host.pages += u64::from(is_page);
        host.calendar += u64::from(canonical::is_calendar(url));
    }

    /// Decides on the next URL in sorted order.
    pub(crate) fn admit(&mut self, url: Url) -> Admission {
        let max_pages = self.per_host.unwrap_or(u64::MAX);
        let calendar = canonical::is_calendar(&url);
        let host = self.host(&url);
        if calendar && host.calendar >= MAX_CALENDAR_URLS {
            return Admission::Calendar(url);
        }
        host.calendar += u64::from(calendar);
        if host.pages >= max_pages {
            return Admission::HostBudget(url);
        }
        if host.pages + host.in_flight >= max_pages {
            host.held.push_back(url);
            return Admission::Held;
        }
        host.in_flight += 1;
        Admission::Admitted(url)
    }

    /// Records the outcome of an admitted URL, and decides about the URLs held for it.
    pub(crate) fn finish(&mut self, url: &Url, is_page: bool) -> Vec<Admission> {
        let max_pages = self.per_host.unwrap_or(u64::MAX);
        let host = self.host(url);
        host.in_flight = host.in_flight.saturating_sub(1);
        host.pages += u64::from(is_page);
        if host.pages >= max_pages {
            return host.held.drain(..).map(Admission::HostBudget).collect();
        }
        // A kept page uses the slot that it used in flight, so it frees no slot.
        let next = if is_page { None } else { host.held.pop_front() };
        host.in_flight += u64::from(next.is_some());
        next.into_iter().map(Admission::Admitted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn held_urls_replace_failures_until_the_budget_is_spent() {
        let mut budget = Budget::new(Some(2));
        let page = |number: u32| url(&format!("http://a.org/{number}"));
        assert!(matches!(budget.admit(page(1)), Admission::Admitted(_)));
        assert!(matches!(budget.admit(page(2)), Admission::Admitted(_)));
        assert_eq!(
            [3, 4, 5].map(|number| budget.admit(page(number))),
            [Admission::Held, Admission::Held, Admission::Held]
        );
        assert!(matches!(budget.admit(url("http://b.org/1")), Admission::Admitted(_)), "another host is free");
        assert_eq!(budget.finish(&page(1), false), [Admission::Admitted(page(3))]);
        assert_eq!(budget.finish(&page(3), true), []);
        let over = [Admission::HostBudget(page(4)), Admission::HostBudget(page(5))];
        assert_eq!(budget.finish(&page(2), true), over);
        assert_eq!(budget.admit(page(6)), Admission::HostBudget(page(6)));
    }

    #[test]
    fn a_kept_page_releases_no_held_url() {
        let mut budget = Budget::new(Some(2));
        let page = |number: u32| url(&format!("http://a.org/{number}"));
        budget.restore(&page(0), true);
        assert!(matches!(budget.admit(page(1)), Admission::Admitted(_)));
        assert_eq!(budget.admit(page(2)), Admission::Held);
        assert_eq!(budget.finish(&page(1), true), [Admission::HostBudget(page(2))]);
    }

    #[test]
    fn calendars_are_limited() {
        let mut budget = Budget::new(None);
        let months = (0..500_u32).map(|n| url(&format!("http://a.org/calendar/{}/{:02}", 1000 + n / 12, 1 + n % 12)));
        let rejected = months.filter(|month| matches!(budget.admit(month.clone()), Admission::Calendar(_))).count();
        assert_eq!(rejected as u64, 500 - MAX_CALENDAR_URLS);
        assert!(matches!(budget.admit(url("http://a.org/about")), Admission::Admitted(_)));
    }
}
