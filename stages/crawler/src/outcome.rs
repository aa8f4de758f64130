//! Applies a response to the crawl: writes a record and a row, adds URLs, or schedules a retry.
//!
//! Between [`classify`](crate::classify), which classifies a response by itself, and the frontier, which stores the
//! outcome.
//!
//! Invariant: every response finishes its URL or returns it to a queue.

use corpusmill_warc::RefersTo;
use url::Url;

use crate::classify::{self, Classification, SiteOptOut};
use crate::engine::Engine;
use crate::error::CrawlError;
use crate::fetch::failure::Failure;
use crate::fetch::fetcher::FetchResponse;
use crate::frontier::page_table::Page;
use crate::frontier::pending_commit::Round;
use crate::frontier::previous_crawl::UnchangedPage;
use crate::frontier::queue::QueuedUrl;
use crate::rejected::{CrawlRule, matched, measured};
use crate::robots::optout::OptOuts;
use crate::url_filter::UrlDecision;
use corpusmill_pipeline::Rejection;

/// A response, compared with the page that the previous crawl stored.
enum Comparison {
    With(Result<FetchResponse, Failure>, Option<Box<UnchangedPage>>),
    /// The server replied 304, but the stored page is missing.
    RefetchUnconditionally,
}

impl Engine<'_> {
    /// Applies a response to the crawl.
    ///
    /// # Errors
    /// [`CrawlError`] if a record cannot be written.
    pub(crate) fn record_outcome(
        &mut self,
        round: Round,
        item: QueuedUrl,
        result: Result<FetchResponse, Failure>,
    ) -> Result<(), CrawlError> {
        let (result, unchanged) = match self.compare(&item, result)? {
            Comparison::With(result, unchanged) => (result, unchanged),
            Comparison::RefetchUnconditionally => {
                self.queues.requeue(QueuedUrl { conditional: false, ..item });
                return Ok(());
            }
        };
        let site_opt_out = self.queues.rules(&item.url).map_or_else(SiteOptOut::default, |rules| SiteOptOut {
            ai_train: rules.ai_train,
            tdm_reservation: rules.reserved(&item.url).is_some(),
        });
        let classification = classify::classify_response(&self.settings, &item.url, result, site_opt_out);
        if !matches!(classification, Classification::Retry { .. }) {
            self.queues.hosts.record_success(&item.url);
        }
        match classification {
            Classification::Keep { response, links, opt_outs } => {
                self.keep_page(round, &item, &response, opt_outs, unchanged.as_deref())?;
                self.follow(round, &links);
            }
            Classification::Reject { rejection, links } => {
                self.follow(round, &links);
                self.finish_as_rejected(item, rejection);
            }
            Classification::CanonicalIsElsewhere { canonical, links } => {
                self.follow(round, &links);
                self.discover(&canonical, Round { hops: round.hops + 1, ..round });
                self.finish_as_rejected(item, matched(CrawlRule::Canonical, canonical.as_str()));
            }
            Classification::Refresh { status, target, links } => {
                self.follow(round, &links);
                let rejection = self.redirect(round, status, &item.url, &target);
                self.finish_as_rejected(item, rejection);
            }
            Classification::Redirect { response, target } => {
                self.archive.write(&item.url, &response, OptOuts::default())?;
                let rejection = self.redirect(round, response.status, &item.url, &target);
                self.finish_as_rejected(item, rejection);
            }
            Classification::Retry { failure, rejection } => {
                let mut attempts = item.attempts;
                match attempts.retry(failure, &item.url, self.settings.retries, &self.queues.hosts) {
                    Ok(()) => self.queues.requeue(QueuedUrl { attempts, ..item }),
                    Err(_) => self.finish_as_rejected(item, rejection),
                }
            }
        }
        Ok(())
    }

    /// Compares a response with the page that the previous crawl stored.
    fn compare(&self, item: &QueuedUrl, result: Result<FetchResponse, Failure>) -> Result<Comparison, CrawlError> {
        let Some(previous) = &self.previous else { return Ok(Comparison::With(result, None)) };
        let Ok(response) = result else { return Ok(Comparison::With(result, None)) };
        if !matches!(response.status, 200 | 203 | 304) {
            return Ok(Comparison::With(Ok(response), None));
        }
        let Some(page) = self.previous_page(&item.url)? else { return Ok(Comparison::With(Ok(response), None)) };
        if response.status != 304 {
            let unchanged = previous.identical(page, &response);
            return Ok(Comparison::With(Ok(response), unchanged.map(Box::new)));
        }
        match previous.not_modified(page, response.clone(), self.settings.max_page_bytes) {
            Some((whole, unchanged)) => Ok(Comparison::With(Ok(whole), Some(Box::new(unchanged)))),
            None if item.conditional => Ok(Comparison::RefetchUnconditionally),
            None => Ok(Comparison::With(Ok(response), None)),
        }
    }

    fn keep_page(
        &mut self,
        round: Round,
        item: &QueuedUrl,
        response: &FetchResponse,
        opt_outs: OptOuts,
        unchanged: Option<&UnchangedPage>,
    ) -> Result<(), CrawlError> {
        let stored = match unchanged {
            Some(unchanged) => {
                let digest = corpusmill_warc::digest(&response.body);
                let (date, payload_digest) = (unchanged.page.fetched.as_str(), Some(digest.as_str()));
                let refers_to = RefersTo { uri: item.url.as_str(), date, payload_digest };
                self.archive.write_revisit(&item.url, &unchanged.answer, unchanged.reason, refers_to, opt_outs)?
            }
            None => self.archive.write(&item.url, response, opt_outs)?,
        };
        let here = (stored.file, stored.written.offset, stored.written.length);
        let (warc, offset, length) =
            unchanged.map_or(here, |UnchangedPage { page, .. }| (page.warc.clone(), page.offset, page.length));
        let (media_type, charset) = response.content_type();
        let payload_bytes = response.body.len() as u64;
        self.unjournaled.pages.push(Page {
            url: item.url.to_string(),
            status: response.status,
            media_type,
            charset,
            payload_digest: blake3::hash(&response.body).to_hex().to_string(),
            payload_bytes,
            warc,
            offset,
            length,
            fetched: stored.date,
            unchanged: unchanged.is_some(),
            depth: round.depth,
            redirects: round.hops,
            robots: item.robots.clone(),
            opt_outs,
            etag: response.header("etag"),
            last_modified: response.header("last-modified"),
        });
        self.pages += 1;
        self.bytes += payload_bytes;
        self.finish(&item.url, true);
        Ok(())
    }

    /// Handles the target of a redirect, and returns the rejection row for the URL that redirected.
    fn redirect(&mut self, round: Round, status: u16, from: &Url, target: &Url) -> Rejection {
        let status = f64::from(status);
        let rejection = |rule, detail: &str| measured(rule, status, 0.0, detail);
        let hops = round.hops + 1;
        match self.url_filter.check(target) {
            UrlDecision::OutOfScope => rejection(CrawlRule::RedirectOutOfScope, target.as_str()),
            UrlDecision::Follow(target) if target == *from => rejection(CrawlRule::RedirectLoop, target.as_str()),
            UrlDecision::Follow(target) if hops > self.settings.max_redirects => measured(
                CrawlRule::TooManyRedirects,
                f64::from(hops),
                f64::from(self.settings.max_redirects),
                target.as_str(),
            ),
            UrlDecision::Follow(target) => {
                let rejection = rejection(CrawlRule::Redirect, target.as_str());
                self.unjournaled.add_found(target.into(), Round { hops, ..round });
                rejection
            }
            UrlDecision::Reject { url, rule, value, threshold, detail } => {
                let rejection = rejection(CrawlRule::Redirect, &url);
                self.record_rejection(url, measured(rule, value, threshold, detail));
                rejection
            }
        }
    }
}
