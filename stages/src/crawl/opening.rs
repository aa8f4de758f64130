//! How a crawl begins: its seeds, and what the sitemaps of their origins offer.
//!
//! Sitemaps are read before the first page, one after another, and their entries enter as if a seed linked to them; so the
//! first round already knows them, in sorted order, whatever the timing.
//!
//! Invariant: the opening is one commit. A crawl cut off within it begins anew.

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
                    return Ok(false);
                }
                self.wait_for(&seed).await;
                let pace = self.queues.pace(&seed, self.settings).clone();
                let stored = origin::fetch(&self.fetcher, &seed, self.settings, &pace).await;
                self.queues.learn(&seed, &stored, self.settings);
                self.batch.robots.insert(origin, stored);
                if !self.read_sitemaps(&seed).await {
                    return Ok(false);
                }
            }
        }
        self.commit(Mark::Opened)?;
        Ok(true)
    }

    /// Reads the sitemaps of an origin; false if cancelled.
    async fn read_sitemaps(&mut self, seed: &Url) -> bool {
        let Some(rules) = self.queues.rules(seed) else { return true };
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
                return false;
            }
            read += 1;
            let Some(answer) = self.get_sitemap(&url).await else { continue };
            let found = sitemap::parse(&answer.body);
            for entry in &found.urls {
                if let Ok(page) = url.join(entry.trim()) {
                    self.discover(&page, Round { depth: 1, hops: 0 });
                }
            }
            for entry in &found.sitemaps {
                if let Ok(child) = url.join(entry.trim())
                    && seen.len() < MAX_SITEMAPS
                    && seen.insert(child.clone())
                {
                    queue.push_back(child);
                }
            }
        }
        true
    }

    /// Asks for one sitemap file, with redirects and further attempts; nothing if it cannot be had.
    async fn get_sitemap(&mut self, url: &Url) -> Option<Answer> {
        let mut url = url.clone();
        let (mut hops, mut attempt) = (0, 0);
        loop {
            if !self.gate.admits_sitemap(&url) {
                return None;
            }
            self.wait_for(&url).await;
            let result = self.fetcher.get(&url, sitemap::MAX_BYTES as u64, |status, _| status == 200).await;
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
            self.queues.pace(&url, self.settings).hold(Instant::now(), attempt, after, false);
        }
    }

    /// Waits for the turn of a URL's host and takes it.
    async fn wait_for(&mut self, url: &Url) {
        let pace = self.queues.pace(url, self.settings);
        if let Some(ready) = pace.ready_at() {
            tokio::time::sleep_until(ready).await;
        }
        pace.start(Instant::now());
    }
}
