//! Applies a response to the crawl: writes a record and a row, adds URLs, or schedules a retry.
//!
//! Between [`visit`](super::visit), which classifies a response by itself, and the frontier, which stores the outcome.
//!
//! Invariant: every response resolves its URL or returns it to a queue.

use url::Url;

use super::batch::Round;
use super::earlier::Unchanged;
use super::engine::Engine;
use super::error::CrawlError;
use super::fetch::{Answer, Failure};
use super::optout::OptOuts;
use super::politeness::Pace;
use super::queue::Item;
use super::refuse::Judgement;
use super::table::{Page, Rule};
use super::visit::{self, OriginSays, Refusal, Verdict};

/// A response, compared with the page that an earlier crawl stored.
enum Compared {
    With(Result<Answer, Failure>, Option<Box<Unchanged>>),
    /// The server replied 304, but the stored page is missing.
    AskAgain,
}

impl Engine<'_> {
    /// Applies a response to the crawl.
    ///
    /// # Errors
    /// [`CrawlError`] if a record cannot be written.
    pub(super) fn settle(
        &mut self,
        round: Round,
        item: Item,
        result: Result<Answer, Failure>,
    ) -> Result<(), CrawlError> {
        let (result, unchanged) = match self.compare(&item, result)? {
            Compared::With(result, unchanged) => (result, unchanged),
            Compared::AskAgain => {
                self.queues.again(Item { conditional: false, ..item });
                return Ok(());
            }
        };
        let says = self.queues.rules(&item.url).map_or_else(OriginSays::default, |rules| OriginSays {
            ai_train: rules.ai_train,
            tdm_reservation: rules.reserved(&item.url).is_some(),
        });
        let verdict = visit::judge(self.settings, &item.url, result, says);
        if !matches!(verdict, Verdict::Retry { .. }) {
            self.queues.hosts.pace(&item.url, Pace::well);
        }
        match verdict {
            Verdict::Take { answer, links, opt_outs } => {
                self.take(round, &item, &answer, opt_outs, unchanged.as_deref())?;
                self.follow(round, &links);
            }
            Verdict::Refuse { refusal, links } => {
                self.follow(round, &links);
                self.resolve_refused(item, refusal);
            }
            Verdict::SeeCanonical { canonical, links } => {
                self.follow(round, &links);
                self.discover(&canonical, Round { hops: round.hops + 1, ..round });
                self.resolve_refused(item, Refusal::matched(Rule::Canonical, canonical.as_str()));
            }
            Verdict::Redirect { answer, target } => {
                self.archive.write(&item.url, &answer, OptOuts::default())?;
                let refusal = self.redirect(round, answer.status, &item.url, &target);
                self.resolve_refused(item, refusal);
            }
            Verdict::Retry { after, overloaded, refusal } => {
                let attempt = item.attempts + 1;
                self.queues.hosts.hold(&item.url, attempt, after, overloaded);
                if attempt > self.settings.retries {
                    self.resolve_refused(item, refusal);
                } else {
                    self.queues.again(Item { attempts: attempt, ..item });
                }
            }
        }
        Ok(())
    }

    /// Compares a response with the page that an earlier crawl stored.
    fn compare(&self, item: &Item, result: Result<Answer, Failure>) -> Result<Compared, CrawlError> {
        let Some(earlier) = &self.earlier else { return Ok(Compared::With(result, None)) };
        let Ok(answer) = result else { return Ok(Compared::With(result, None)) };
        if !matches!(answer.status, 200 | 203 | 304) {
            return Ok(Compared::With(Ok(answer), None));
        }
        let Some(page) = self.known_before(&item.url)? else { return Ok(Compared::With(Ok(answer), None)) };
        if answer.status != 304 {
            let unchanged = earlier.identical(page, &answer);
            return Ok(Compared::With(Ok(answer), unchanged.map(Box::new)));
        }
        match earlier.not_modified(page, answer.clone(), self.settings.max_page_bytes) {
            Some((whole, unchanged)) => Ok(Compared::With(Ok(whole), Some(Box::new(unchanged)))),
            None if item.conditional => Ok(Compared::AskAgain),
            None => Ok(Compared::With(Ok(answer), None)),
        }
    }

    fn take(
        &mut self,
        round: Round,
        item: &Item,
        answer: &Answer,
        opt_outs: OptOuts,
        unchanged: Option<&Unchanged>,
    ) -> Result<(), CrawlError> {
        let stored = match unchanged {
            Some(unchanged) => self.archive.write_revisit(&item.url, unchanged, &answer.body, opt_outs)?,
            None => self.archive.write(&item.url, answer, opt_outs)?,
        };
        let here = (stored.file, stored.written.offset, stored.written.length);
        let (warc, offset, length) =
            unchanged.map_or(here, |Unchanged { page, .. }| (page.warc.clone(), page.offset, page.length));
        let (media_type, charset) = answer.content_type();
        let payload_bytes = answer.body.len() as u64;
        self.batch.pages.push(Page {
            url: item.url.to_string(),
            status: answer.status,
            media_type,
            charset,
            payload_digest: blake3::hash(&answer.body).to_hex().to_string(),
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
            etag: answer.header("etag"),
            last_modified: answer.header("last-modified"),
        });
        self.pages += 1;
        self.bytes += payload_bytes;
        self.resolve(&item.url, true);
        Ok(())
    }

    /// Handles the target of a redirect, and returns the refusal row for the URL that redirected.
    fn redirect(&mut self, round: Round, status: u16, from: &Url, target: &Url) -> Refusal {
        let status = f64::from(status);
        let refusal = |rule, detail: &str| Refusal { rule, value: status, threshold: 0.0, detail: detail.to_owned() };
        let hops = round.hops + 1;
        match self.gate.judge(target) {
            Judgement::OffScope => refusal(Rule::RedirectOffScope, target.as_str()),
            Judgement::Follow(target) if target == *from => refusal(Rule::RedirectLoop, target.as_str()),
            Judgement::Follow(target) if hops > self.settings.max_redirects => Refusal {
                rule: Rule::TooManyRedirects,
                value: f64::from(hops),
                threshold: f64::from(self.settings.max_redirects),
                detail: target.to_string(),
            },
            Judgement::Follow(target) => {
                let refusal = refusal(Rule::Redirect, target.as_str());
                self.batch.find(target.into(), Round { hops, ..round });
                refusal
            }
            Judgement::Refuse { url, rule, value, threshold, detail } => {
                let refusal = refusal(Rule::Redirect, &url);
                self.note_refused(url, Refusal { rule, value, threshold, detail });
                refusal
            }
        }
    }
}
