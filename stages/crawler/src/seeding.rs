//! Seeds a crawl: puts the seeds and the entries of their sitemaps into the frontier.
//!
//! Sitemaps are read before the first page, one after another, and their entries count as links from a seed. The first
//! round therefore contains them in sorted order, independent of timing.
//!
//! Invariant: each sitemap read is recorded with its contents, so a crawl interrupted during seeding reads none of them
//! twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use url::Url;

use crate::engine::Engine;
use crate::error::CrawlError;
use crate::fetch::fetcher::FetchResponse;
use crate::fetch::retry::{Attempts, TemporaryFailure, is_temporary};
use crate::frontier::pending_commit::{CommitMark, Round};
use crate::pages::sitemap;
use crate::rejected::{CrawlRule, matched, measured};
use crate::robots::origin::{self, origin_of};
use corpusmill_pipeline::Rejection;

/// Maximum number of sitemap files per origin; an index may name 50,000.
const MAX_SITEMAPS: usize = 100;

impl Engine<'_> {
    /// Puts seeds and sitemap entries into the frontier; returns false if cancelled.
    pub(crate) async fn seed_frontier(&mut self) -> Result<bool, CrawlError> {
        for seed in self.seeds.clone() {
            self.discover(&seed, Round { depth: 0, hops: 0 });
        }
        if self.settings.sitemaps && self.settings.max_depth > 0 {
            let origins: BTreeMap<String, Url> =
                self.seeds.iter().map(|seed| (origin_of(seed), seed.clone())).collect();
            for (origin, seed) in origins {
                if self.queues.rules(&seed).is_none() {
                    let fetch = origin::fetch(&self.fetcher, &seed, &self.settings, &self.queues.hosts);
                    let Some(encoded_rules) = self.control.unless_cancelled(fetch).await else {
                        self.commit(CommitMark::None)?;
                        return Ok(false);
                    };
                    self.queues.store_rules(&seed, &encoded_rules);
                    self.unjournaled.robots.insert(origin, encoded_rules);
                    self.append_to_journal()?;
                }
                if !self.read_sitemaps(&seed).await? {
                    self.commit(CommitMark::None)?;
                    return Ok(false);
                }
            }
        }
        self.commit(CommitMark::Seeded)?;
        Ok(true)
    }

    /// Reads the sitemaps of an origin; returns false if cancelled.
    async fn read_sitemaps(&mut self, seed: &Url) -> Result<bool, CrawlError> {
        let Some(rules) = self.queues.rules(seed) else { return Ok(true) };
        let named = !rules.robots.sitemaps().is_empty();
        let listed: Vec<Url> = rules.robots.sitemaps().iter().filter_map(|text| seed.join(text.trim()).ok()).collect();
        let mut queue: VecDeque<Url> = if listed.is_empty() {
            // No Sitemap line names this file, so robots.txt must allow it like any page.
            let usual = seed.join("/sitemap.xml").ok();
            usual.into_iter().filter(|url| rules.check(url, self.settings.obey_opt_outs).is_ok()).collect()
        } else if rules.check(seed, self.settings.obey_opt_outs).is_err() {
            VecDeque::new()
        } else {
            listed.into()
        };
        let mut seen: BTreeSet<Url> = queue.iter().cloned().collect();
        let mut read = 0;
        while read < MAX_SITEMAPS {
            let Some(url) = queue.pop_front() else { break };
            if self.control.cancelled() {
                return Ok(false);
            }
            read += 1;
            let children = match self.frontier.sitemap(url.as_str())? {
                Some(children) => children,
                None => match self.read_sitemap(&url, named).await? {
                    Some(children) => children,
                    None => return Ok(false),
                },
            };
            for child in children.iter().filter_map(|entry| url.join(entry.trim()).ok()) {
                if seen.insert(child.clone()) {
                    queue.push_back(child);
                }
            }
        }
        for url in queue {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let (threshold, detail) = (MAX_SITEMAPS as f64, "sitemap limit reached".to_owned());
            self.record_rejection(url.into(), measured(CrawlRule::Sitemap, threshold + 1.0, threshold, detail));
        }
        Ok(true)
    }

    /// Reads one sitemap file, records its entries and returns the further sitemaps that it names. A sitemap that
    /// robots.txt names and that is missing or incomplete is recorded as rejected. Returns `None` if cancelled.
    async fn read_sitemap(&mut self, url: &Url, named: bool) -> Result<Option<Vec<String>>, CrawlError> {
        let Some(got) = self.control.unless_cancelled(self.get_sitemap(url)).await else { return Ok(None) };
        let found = match got {
            Ok(response) => {
                let found = sitemap::parse(&response.body);
                if !found.complete && (named || !found.urls.is_empty()) {
                    let detail = format!("damaged or too long: read up to entry {}", found.urls.len());
                    self.record_rejection(url.to_string(), matched(CrawlRule::Sitemap, detail));
                }
                found
            }
            Err(rejection) => {
                if named {
                    self.record_rejection(url.to_string(), rejection);
                }
                sitemap::Sitemap::default()
            }
        };
        for entry in &found.urls {
            if let Ok(page) = url.join(entry.trim()) {
                self.discover(&page, Round { depth: 1, hops: 0 });
            }
        }
        self.unjournaled.sitemaps.insert(url.to_string(), found.sitemaps.clone());
        self.append_to_journal()?;
        Ok(Some(found.sitemaps))
    }

    /// Fetches one sitemap file, with redirects and retries; an error says why it cannot be fetched.
    async fn get_sitemap(&self, url: &Url) -> Result<FetchResponse, Rejection> {
        let reject = |detail: String| matched(CrawlRule::Sitemap, detail);
        let status_rejection =
            |status: u16| Rejection { value: status.into(), threshold: 200.0, ..reject("status".to_owned()) };
        let mut url = url.clone();
        let (mut hops, mut attempts) = (0, Attempts::default());
        loop {
            if !self.url_filter.admits_sitemap(&url) {
                return Err(reject(format!("{url} is out of scope")));
            }
            let permit = self.queues.hosts.acquire(&url).await;
            let result = self.fetcher.get(&url, sitemap::MAX_BYTES as u64, |status, _| status == 200).await;
            drop(permit);
            let (failure, rejection) = match result {
                Ok(response) if response.status == 200 => return Ok(response),
                Ok(response)
                    if matches!(response.status, 301..=303 | 307 | 308) && hops < self.settings.max_redirects =>
                {
                    let target = response.header("location").and_then(|target| url.join(target.trim()).ok());
                    hops += 1;
                    url = target.ok_or_else(|| status_rejection(response.status))?;
                    continue;
                }
                Ok(response) => {
                    let failure = is_temporary(response.status)
                        .then(|| TemporaryFailure::of_status(response.status, &response.headers));
                    (failure, status_rejection(response.status))
                }
                Err(failure) => (TemporaryFailure::of_failure(&failure), reject(failure.to_string())),
            };
            let again = failure.is_some_and(|failure| {
                attempts.retry(failure, &url, self.settings.retries, &self.queues.hosts).is_ok()
            });
            if !again {
                return Err(rejection);
            }
        }
    }
}
