//! Queues of the hosts of a crawl: which request may start next, and when.
//!
//! Invariant: a host never has more requests in flight than configured, they start no closer together than its rate
//! limit allows, and only the request for robots.txt starts before the origin's rules are known.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use corpusmill_pipeline::Rejection;
use tokio::time::Instant;
use url::Url;

use crate::fetch::hosts::{Hosts, host_of};
use crate::fetch::retry::Attempts;
use crate::robots::origin::{self, OriginRules, origin_of};
use crate::settings::CrawlSettings;

/// A queued URL.
#[derive(Debug)]
pub(crate) struct QueuedUrl {
    pub(crate) url: Url,
    pub(crate) attempts: Attempts,
    /// The line of robots.txt that allows it.
    pub(crate) robots: Option<String>,
    /// Whether to request it conditionally, so that the server may reply 304 (not modified).
    pub(crate) conditional: bool,
}

#[derive(Debug)]
enum RulesState {
    Requested,
    Rules(Rc<OriginRules>),
}

/// What may start now.
#[derive(Debug)]
pub(crate) enum ReadyRequest {
    /// The robots.txt of this page's origin; the code that fetches it acquires the host's permit.
    Robots(Url),
    /// A page; the request is recorded.
    Page(QueuedUrl),
    /// Nothing is sent: robots.txt, or an opt-out in it, excludes the page.
    Rejected(QueuedUrl, origin::OriginRejection),
    /// Nothing is sent: the host is given up.
    GivenUp(QueuedUrl, Rejection),
}

/// The queues of all hosts.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) hosts: Hosts,
    /// Waiting URLs by host name.
    waiting: BTreeMap<String, VecDeque<QueuedUrl>>,
    origins: BTreeMap<String, RulesState>,
}

impl Queues {
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self { hosts, waiting: BTreeMap::new(), origins: BTreeMap::new() }
    }

    /// Appends a URL to its host's queue.
    pub(crate) fn push(&mut self, url: Url) {
        let item = QueuedUrl { url, attempts: Attempts::default(), robots: None, conditional: true };
        self.waiting.entry(host_of(&item.url)).or_default().push_back(item);
    }

    /// The rules of a URL's origin, if known.
    pub(crate) fn rules(&self, url: &Url) -> Option<Rc<OriginRules>> {
        match self.origins.get(&origin_of(url)) {
            Some(RulesState::Rules(rules)) => Some(Rc::clone(rules)),
            _ => None,
        }
    }

    /// Stores the rules of the origin of a URL.
    pub(crate) fn store_rules(&mut self, url: &Url, encoded_rules: &[u8]) {
        let rules = OriginRules::read(encoded_rules);
        self.hosts.with_rate_limiter(url, |pace| pace.crawl_delay(rules.robots.crawl_delay(crate::AGENT)));
        self.origins.insert(origin_of(url), RulesState::Rules(Rc::new(rules)));
    }

    /// Requests that may start now, at most `free`; pages among them are recorded as started.
    pub(crate) fn start(&mut self, now: Instant, mut free: usize, settings: &CrawlSettings) -> Vec<ReadyRequest> {
        let mut starts = Vec::new();
        for (host, queue) in &mut self.waiting {
            if let Some(rejection) = self.hosts.given_up(host) {
                starts.extend(queue.drain(..).map(|item| ReadyRequest::GivenUp(item, rejection.clone())));
                continue;
            }
            while let Some(item) = queue.front() {
                let origin = origin_of(&item.url);
                let decision = match self.origins.get(&origin) {
                    Some(RulesState::Requested) => break,
                    None if free == 0 => break,
                    None => {
                        starts.push(ReadyRequest::Robots(item.url.clone()));
                        self.origins.insert(origin, RulesState::Requested);
                        free -= 1;
                        break;
                    }
                    Some(RulesState::Rules(rules)) => rules.check(&item.url, settings.obey_opt_outs),
                };
                let rejected = decision.is_err();
                if !rejected && (free == 0 || !self.hosts.is_free(host, now)) {
                    break;
                }
                let Some(item) = queue.pop_front() else { break };
                starts.push(match decision {
                    Err(rejection) => ReadyRequest::Rejected(item, rejection),
                    Ok(robots) => ReadyRequest::Page(QueuedUrl { robots, ..item }),
                });
                if !rejected {
                    self.hosts.start(host, now);
                    free -= 1;
                }
            }
        }
        self.waiting.retain(|_, queue| !queue.is_empty());
        starts
    }

    /// The next time after `now` at which a host with waiting URLs becomes ready, if only its rate limit delays it.
    pub(crate) fn next_ready(&self, now: Instant) -> Option<Instant> {
        self.waiting.keys().filter_map(|host| self.hosts.ready_at(host)).filter(|at| *at > now).min()
    }

    /// Puts a URL back at the front of its queue for a retry.
    pub(crate) fn requeue(&mut self, item: QueuedUrl) {
        self.waiting.entry(host_of(&item.url)).or_default().push_front(item);
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
        let mut queues = Queues::new(Hosts::new(&settings.requests()));
        for page in ["http://a.org/1", "http://a.org/2", "http://a.org/no", "http://b.org/1"] {
            queues.push(url(page));
        }
        let now = Instant::now();
        let first = queues.start(now, 16, &settings);
        assert!(
            matches!(&first[..], [ReadyRequest::Robots(a), ReadyRequest::Robots(b)] if a.path() == "/1" && b.path() == "/1")
        );
        assert!(queues.start(now + Duration::from_secs(9), 16, &settings).is_empty());
        queues.store_rules(&url("http://a.org/1"), b"FUser-agent: *\nDisallow: /no\nCrawl-delay: 2\n");
        assert!(matches!(&queues.start(now, 16, &settings)[..], [ReadyRequest::Page(item)] if item.url.path() == "/1"));
        assert!(queues.start(now + Duration::from_secs(9), 16, &settings).is_empty(), "one request at a time");
        queues.hosts.release("a.org");
        assert!(queues.start(now + Duration::from_millis(1999), 16, &settings).is_empty());
        assert_eq!(queues.next_ready(now), Some(now + Duration::from_secs(2)));
        let last = queues.start(now + Duration::from_secs(2), 16, &settings);
        assert!(
            matches!(&last[..], [ReadyRequest::Page(page), ReadyRequest::Rejected(no, _)] if page.url.path() == "/2" && no.url.path() == "/no")
        );
    }

    #[test]
    fn only_loopback_is_unlimited() {
        let settings = CrawlSettings { requests_per_second: 0.0, concurrency_per_host: 4, ..CrawlSettings::default() };
        let mut queues = Queues::new(Hosts::new(&settings.requests()));
        for origin in ["http://a.org/", "http://127.0.0.1:1/"] {
            queues.store_rules(&url(origin), b"N");
            (0..9).for_each(|number| queues.push(url(&format!("{origin}{number}"))));
        }
        let starts = queues.start(Instant::now(), 16, &settings);
        let on = |name: &str| {
            starts
                .iter()
                .filter(|start| matches!(start, ReadyRequest::Page(item) if item.url.host_str() == Some(name)))
                .count()
        };
        assert_eq!((on("a.org"), on("127.0.0.1")), (1, 4));
    }
}
