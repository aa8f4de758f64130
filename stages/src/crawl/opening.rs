//! How a crawl begins: its seeds, and what the sitemaps of their origins offer.
//!
//! Sitemaps are read before the first page, one after another, and their entries enter as if a seed linked to them; so the
//! first round already knows them, in sorted order, whatever the timing.
//!
//! Invariant: each file read is noted with what it gave, so a crawl cut off within the opening reads none of them twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::time::Instant;
use url::Url;

use super::AGENT;
use super::engine::Engine;
use super::error::CrawlError;
use super::fetch::Answer;
use super::frontier::{Mark, Round};
use super::origin;
use super::politeness::retry_after;
use super::queue::origin_of;
use super::sitemap;

/// Sitemap files that are read for one origin at most; an index may name 50,000.
const MAX_SITEMAPS: usize = 100;

impl Engine<'_> {
    /// Puts seeds and sitemap entries into the frontier; false if cancelled.
    pub(super) async fn open_crawl(&mut self) -> Result<bool, CrawlError> {
        for seed in self.seeds.clone() {
            self.discover(&seed, Round { depth: 0, hops: 0 });
        }
        if self.settings.sitemaps && self.settings.max_depth > 0 {
            let origins: BTreeMap<String, Url> =
                self.seeds.iter().map(|seed| (origin_of(seed), seed.clone())).collect();
            for (origin, seed) in origins {
                if self.control.cancelled() {
                    self.commit(Mark::None)?;
                    return Ok(false);
                }
                if self.queues.rules(&seed).is_none() {
                    let stored = origin::fetch(&self.fetcher, &seed, self.settings, &self.queues.hosts).await;
                    self.queues.learn(&seed, &stored);
                    self.batch.robots.insert(origin, stored);
                    self.note()?;
                }
                if !self.read_sitemaps(&seed).await? {
                    self.commit(Mark::None)?;
                    return Ok(false);
                }
            }
        }
        self.commit(Mark::Opened)?;
        Ok(true)
    }

    /// Reads the sitemaps of an origin; false if cancelled.
    async fn read_sitemaps(&mut self, seed: &Url) -> Result<bool, CrawlError> {
        let Some(rules) = self.queues.rules(seed) else { return Ok(true) };
        let listed: Vec<Url> = rules.robots.sitemaps().iter().filter_map(|text| seed.join(text.trim()).ok()).collect();
        let mut queue: VecDeque<Url> = if listed.is_empty() {
            // Nobody has named this file, so it needs leave like any page.
            let usual = seed.join("/sitemap.xml").ok();
            usual.into_iter().filter(|url| rules.judge(url, self.settings.obey_opt_outs).is_ok()).collect()
        } else if rules.judge(seed, self.settings.obey_opt_outs).is_err() {
            VecDeque::new()
        } else {
            listed.into()
        };
        let mut seen: BTreeSet<Url> = queue.iter().cloned().collect();
        let mut read = 0;
        while let Some(url) = queue.pop_front().filter(|_| read < MAX_SITEMAPS) {
            if self.control.cancelled() {
                return Ok(false);
            }
            read += 1;
            let children = match self.frontier.sitemap(url.as_str())? {
                Some(children) => children,
                None => self.read_sitemap(&url).await?,
            };
            for entry in &children {
                if let Ok(child) = url.join(entry.trim())
                    && seen.len() < MAX_SITEMAPS
                    && seen.insert(child.clone())
                {
                    queue.push_back(child);
                }
            }
        }
        Ok(true)
    }

    /// Reads one sitemap file and notes what it gave; the further sitemaps that it names.
    async fn read_sitemap(&mut self, url: &Url) -> Result<Vec<String>, CrawlError> {
        let found = match self.get_sitemap(url).await {
            Some(answer) => sitemap::parse(&answer.body),
            None => sitemap::Sitemap::default(),
        };
        for entry in &found.urls {
            if let Ok(page) = url.join(entry.trim()) {
                self.discover(&page, Round { depth: 1, hops: 0 });
            }
        }
        self.batch.sitemaps.insert(url.to_string(), found.sitemaps.clone());
        self.note()?;
        Ok(found.sitemaps)
    }

    /// Asks for one sitemap file, with redirects and further attempts; nothing if it cannot be had.
    async fn get_sitemap(&mut self, url: &Url) -> Option<Answer> {
        let mut url = url.clone();
        let (mut hops, mut attempt) = (0, 0);
        loop {
            if !self.gate.admits_sitemap(&url) {
                return None;
            }
            let turn = self.queues.hosts.turn(&url).await;
            let result = self.fetcher.get(&url, sitemap::MAX_BYTES as u64, |status, _| status == 200).await;
            drop(turn);
            let overloaded = matches!(&result, Ok(answer) if matches!(answer.status, 429 | 503));
            let after = match result {
                Ok(answer) if answer.status == 200 => return Some(answer),
                Ok(answer) if matches!(answer.status, 301..=303 | 307 | 308) && hops < self.settings.max_redirects => {
                    hops += 1;
                    url = url.join(answer.header("location")?.trim()).ok()?;
                    continue;
                }
                Ok(answer) if matches!(answer.status, 429 | 500 | 502..=504) => {
                    answer.header("retry-after").and_then(|value| retry_after(&value, std::time::SystemTime::now()))
                }
                Err(failure) if failure.is_temporary() => None,
                Ok(_) | Err(_) => return None,
            };
            attempt += 1;
            if attempt > self.settings.retries || after.is_some_and(|after| after > super::politeness::MAX_RETRY_AFTER)
            {
                tracing::warn!(agent = AGENT, %url, "sitemap given up");
                return None;
            }
            let now = Instant::now();
            self.queues.hosts.pace(&url, |pace| pace.hold(now, attempt, after, overloaded));
        }
    }
}
