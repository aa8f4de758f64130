//! The hosts of a crawl and their queues: who may be asked next, and when.
//!
//! Invariant: no more requests are under way to a host than configured, they start no closer than its pace allows, and
//! none but the one for robots.txt starts before the origin's rules are known.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use tokio::time::Instant;
use url::Url;

use super::origin::{self, Origin};
use super::politeness::Pace;
use super::settings::{CrawlSettings, is_loopback_host};

/// A URL on its way through a queue.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) url: Url,
    /// Attempts that failed so far.
    pub(super) attempts: u32,
    /// The line of robots.txt that allows it.
    pub(super) robots: Option<String>,
}

/// Requests per second where none may be unlimited: the limit is lifted for loopback hosts alone.
const FALLBACK_RATE: f64 = 1.0;

#[derive(Debug)]
struct Host {
    queue: VecDeque<Item>,
    pace: Pace,
    in_flight: usize,
}

#[derive(Debug)]
enum Known {
    Asked,
    Rules(Rc<Origin>),
}

/// What may start now.
#[derive(Debug)]
pub(super) enum Start {
    /// The robots.txt of this page's origin; the pace says how long to wait between attempts.
    Robots(Url, Pace),
    /// A page.
    Page(Item),
    /// Nothing is sent: robots.txt or an opt-out in it refuses the page.
    Refused(Item, origin::Refusal),
}

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// By host name: http, https and all ports of a host share one pace.
    hosts: BTreeMap<String, Host>,
    origins: BTreeMap<String, Known>,
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Scheme, host and port: what one robots.txt speaks for.
pub(super) fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl Queues {
    fn host(&mut self, url: &Url, settings: &CrawlSettings) -> &mut Host {
        self.hosts.entry(host_of(url)).or_insert_with_key(|host| {
            let unlimited = settings.requests_per_second <= 0.0 && !is_loopback_host(host);
            let rate = if unlimited { FALLBACK_RATE } else { settings.requests_per_second };
            Host { queue: VecDeque::new(), pace: Pace::new(rate), in_flight: 0 }
        })
    }

    /// Puts a URL at the end of its host's queue.
    pub(super) fn push(&mut self, url: Url, settings: &CrawlSettings) {
        self.host(&url, settings).queue.push_back(Item { url, attempts: 0, robots: None });
    }

    /// The pace of a URL's host.
    pub(super) fn pace(&mut self, url: &Url, settings: &CrawlSettings) -> &mut Pace {
        &mut self.host(url, settings).pace
    }

    /// The rules of a URL's origin, if known.
    pub(super) fn rules(&self, url: &Url) -> Option<Rc<Origin>> {
        match self.origins.get(&origin_of(url)) {
            Some(Known::Rules(rules)) => Some(Rc::clone(rules)),
            _ => None,
        }
    }

    /// Learns the rules of an origin, given by a URL on it.
    pub(super) fn learn(&mut self, url: &Url, stored: &[u8], settings: &CrawlSettings) {
        let rules = Origin::read(stored);
        self.host(url, settings).pace.crawl_delay(rules.robots.crawl_delay(super::AGENT));
        self.origins.insert(origin_of(url), Known::Rules(Rc::new(rules)));
    }

    /// What may start now, at most `free` requests; starts are noted.
    pub(super) fn start(&mut self, now: Instant, mut free: usize, settings: &CrawlSettings) -> Vec<Start> {
        let mut starts = Vec::new();
        for host in self.hosts.values_mut() {
            while let Some(item) = host.queue.front() {
                let origin = origin_of(&item.url);
                let known = self.origins.get(&origin);
                if let Some(Known::Rules(rules)) = known
                    && let Err(refusal) = rules.judge(&item.url, settings.obey_opt_outs)
                {
                    starts.extend(host.queue.pop_front().map(|item| Start::Refused(item, refusal)));
                    continue;
                }
                let ready = host.pace.ready_at().is_none_or(|at| at <= now);
                if free == 0 || host.in_flight >= settings.concurrency_per_host || !ready {
                    break;
                }
                let start = match known {
                    Some(Known::Asked) => break,
                    None => {
                        let start = Start::Robots(item.url.clone(), host.pace.clone());
                        self.origins.insert(origin, Known::Asked);
                        start
                    }
                    Some(Known::Rules(rules)) => {
                        let robots = rules.judge(&item.url, settings.obey_opt_outs).unwrap_or_default();
                        let Some(item) = host.queue.pop_front() else { break };
                        Start::Page(Item { robots, ..item })
                    }
                };
                host.pace.start(now);
                host.in_flight += 1;
                free -= 1;
                starts.push(start);
            }
        }
        starts
    }

    /// When, after `now`, the next host with something to do becomes ready, if only time is in the way.
    pub(super) fn next_ready(&self, now: Instant, settings: &CrawlSettings) -> Option<Instant> {
        let waiting = |host: &&Host| !host.queue.is_empty() && host.in_flight < settings.concurrency_per_host;
        self.hosts.values().filter(waiting).filter_map(|host| host.pace.ready_at()).filter(|at| *at > now).min()
    }

    /// Notes that a request to a URL's host has ended.
    pub(super) fn ended(&mut self, url: &Url, settings: &CrawlSettings) {
        let host = self.host(url, settings);
        host.in_flight = host.in_flight.saturating_sub(1);
    }

    /// Puts a URL back at the head of its queue for another attempt.
    pub(super) fn again(&mut self, item: Item, settings: &CrawlSettings) {
        self.host(&item.url, settings).queue.push_front(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn robots_first_then_pages_at_the_pace() {
        let settings = CrawlSettings { requests_per_second: 10.0, ..CrawlSettings::default() };
        let mut queues = Queues::default();
        for page in ["http://a.org/1", "http://a.org/2", "http://a.org/no", "http://b.org/1"] {
            queues.push(url(page), &settings);
        }
        let now = Instant::now();
        let first = queues.start(now, 16, &settings);
        assert!(
            matches!(&first[..], [Start::Robots(a, _), Start::Robots(b, _)] if a.path() == "/1" && b.path() == "/1")
        );
        assert!(queues.start(now + Duration::from_secs(9), 16, &settings).is_empty());
        queues.ended(&url("http://a.org/1"), &settings);
        queues.learn(&url("http://a.org/1"), b"FUser-agent: *\nDisallow: /no\nCrawl-delay: 2\n", &settings);
        assert!(queues.start(now, 16, &settings).is_empty());
        let later = now + Duration::from_millis(100);
        assert!(matches!(&queues.start(later, 16, &settings)[..], [Start::Page(item)] if item.url.path() == "/1"));
        queues.ended(&url("http://a.org/1"), &settings);
        assert!(queues.start(later + Duration::from_millis(1999), 16, &settings).is_empty());
        let last = queues.start(later + Duration::from_secs(2), 16, &settings);
        assert!(
            matches!(&last[..], [Start::Page(page), Start::Refused(no, _)] if page.url.path() == "/2" && no.url.path() == "/no")
        );
    }

    #[test]
    fn ports_and_schemes_share_a_pace_and_only_loopback_is_unlimited() {
        let settings = CrawlSettings { requests_per_second: 0.0, concurrency_per_host: 4, ..CrawlSettings::default() };
        let mut queues = Queues::default();
        for page in ["http://a.org/1", "https://a.org:8443/1", "http://127.0.0.1:1/", "http://127.0.0.1:2/"] {
            queues.push(url(page), &settings);
        }
        let paths = queues.start(Instant::now(), 16, &settings);
        assert_eq!(paths.len(), 2, "one for a.org, and 127.0.0.1 waits for the rules of its first origin");
    }
}
