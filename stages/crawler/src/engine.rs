//! The main loop of a crawl, which fetches round by round.
//!
//! A round is the sorted URLs of one depth; the targets of its redirects form the rounds after it. URLs enter the host
//! queues in sorted order, and only while the page budget would hold even if every URL in flight became a page. So in
//! whatever order the responses arrive, the pages kept are the first that succeed in sorted order.
//!
//! Invariant: the pages kept depend on the settings and the servers' responses, never on timing, concurrency or a
//! crash.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use url::Url;

use crate::archive::cdxj;
use crate::archive::writer::Archive;
use crate::classify;
use crate::control::{Control, POLL_INTERVAL};
use crate::error::CrawlError;
use crate::fetch::failure::Failure;
use crate::fetch::fetcher::{FetchResponse, Fetcher};
use crate::fetch::hosts::{Hosts, host_of};
use crate::frontier::budget::{Admission, Budget, MAX_CALENDAR_URLS};
use crate::frontier::database::Frontier;
use crate::frontier::journal::Journal;
use crate::frontier::page_table::Page;
use crate::frontier::pending_commit::{CommitMark, PendingCommit, Round};
use crate::frontier::previous_crawl::{PreviousCrawl, validators};
use crate::frontier::queue::{QueuedUrl, Queues, ReadyRequest};
use crate::rejected::{CrawlRule, RejectedUrl, matched, measured};
use crate::robots::origin::{self, origin_of};
use crate::settings::CrawlSettings;
use crate::url_filter::{UrlDecision, UrlFilter, read_list};
use corpusmill_pipeline::Rejection;

/// Maximum number of URLs admitted and not yet finished. Bounds memory; more than any concurrency uses.
const MAX_IN_PROGRESS: u64 = 4096;
/// Commit after this many finished URLs.
const MAX_URLS_PER_COMMIT: u64 = 64;
/// Commit after this many rejections of URLs that were not requested. Bounds memory.
const MAX_REJECTIONS_PER_COMMIT: usize = 4096;
/// Commit at least this often while URLs finish.
const MAX_COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of URLs requested per page of the budget, so the crawl of a site that returns only errors also ends.
const MAX_REQUESTS_PER_PAGE: u64 = 10;

enum Completed {
    Robots(Url, Vec<u8>),
    Page(QueuedUrl, Result<FetchResponse, Failure>),
}

/// A running crawl.
pub(crate) struct Engine<'a> {
    pub(crate) settings: Rc<CrawlSettings>,
    pub(crate) control: Control<'a>,
    pub(crate) seeds: Vec<Url>,
    pub(crate) url_filter: UrlFilter,
    pub(crate) fetcher: Rc<Fetcher>,
    pub(crate) frontier: Frontier,
    pub(crate) queues: Queues,
    /// Changes since the last journal entry.
    pub(crate) unjournaled: PendingCommit,
    /// Changes in the journal since the last commit.
    uncommitted: PendingCommit,
    journal: Journal,
    pub(crate) archive: Archive,
    budget: Budget,
    pub(crate) previous: Option<PreviousCrawl>,
    in_flight: FuturesUnordered<Pin<Box<dyn Future<Output = Completed>>>>,
    last_commit: Instant,
    /// Pages kept, their bytes, and finished URLs, committed or not.
    pub(crate) pages: u64,
    pub(crate) bytes: u64,
    finished: u64,
    /// URLs admitted and not yet finished.
    unfinished: u64,
    queued: u64,
}

/// Runs a crawl to its end or to cancellation; pages of the crawl in the folder `previous` are requested conditionally.
pub(crate) async fn run(
    settings: &CrawlSettings,
    dir: &Path,
    previous: Option<&Path>,
    control: Control<'_>,
) -> Result<(), CrawlError> {
    let Some(mut engine) = Engine::open(settings, dir, previous, control)? else { return Ok(()) };
    if !engine.frontier.counters()?.seeded && !engine.seed_frontier().await? {
        return Ok(());
    }
    while let Some(round) = engine.next_round()? {
        if !engine.run_round(round).await? {
            return Ok(());
        }
    }
    engine.commit(CommitMark::None)?;
    cdxj::write(dir, engine.frontier.counters()?.warc.file)?;
    engine.commit(CommitMark::CrawlFinished)
}

impl<'a> Engine<'a> {
    /// Opens the folder of a crawl; returns `None` if the crawl is finished. Commits what a killed process left in the
    /// journal.
    fn open(
        settings: &CrawlSettings,
        dir: &Path,
        previous: Option<&Path>,
        control: Control<'a>,
    ) -> Result<Option<Self>, CrawlError> {
        let seeds = settings.check()?;
        let domains = read_list(&settings.blocked_domains, &settings.blocked_domain_files)?;
        let words = read_list(&settings.blocked_words, &settings.blocked_word_files)?;
        let frontier = Frontier::open(dir, &settings.identity(&domains, &words), settings.max_depth)?;
        let counters = frontier.counters()?;
        if counters.crawl_finished {
            return Ok(None);
        }
        let (mut journal, uncommitted, end) = Journal::open(dir, counters.commits, counters.warc)?;
        let fetcher = Rc::new(Fetcher::new(settings.requests())?);
        let mut archive = Archive::open(dir, end, &fetcher)?;
        if !uncommitted.is_empty() {
            frontier.commit(&uncommitted, archive.sync()?, CommitMark::None)?;
            journal.committed()?;
        }
        let counters = frontier.counters()?;
        let mut queues = Queues::new(Hosts::new(&settings.requests()));
        for (origin, encoded_rules) in frontier.robots()? {
            if let Ok(url) = Url::parse(&origin) {
                queues.store_rules(&url, &encoded_rules);
            }
        }
        for (host, until) in frontier.retry_after()? {
            queues.hosts.restore_retry_after(&host, until);
        }
        for (host, rejection) in frontier.given_up()? {
            queues.hosts.restore_given_up(host, rejection);
        }
        let mut budget = Budget::new(settings.max_pages_per_host);
        frontier.each_finished(|url, is_page| {
            if let Ok(url) = Url::parse(url) {
                budget.restore(&url, is_page);
            }
        })?;
        Ok(Some(Self {
            control,
            url_filter: UrlFilter::new(settings, &seeds, &domains, &words),
            settings: Rc::new(settings.clone()),
            seeds,
            fetcher,
            queued: frontier.waiting_count()?,
            frontier,
            queues,
            unjournaled: PendingCommit::default(),
            uncommitted: PendingCommit::default(),
            journal,
            archive,
            budget,
            previous: previous.map(PreviousCrawl::open).transpose()?.flatten(),
            in_flight: FuturesUnordered::new(),
            last_commit: Instant::now(),
            pages: counters.pages,
            bytes: counters.bytes,
            finished: counters.finished,
            unfinished: 0,
        }))
    }
}

impl Engine<'_> {
    fn next_round(&self) -> Result<Option<Round>, CrawlError> {
        let spent = self.pages >= self.settings.max_pages || self.finished >= self.request_budget();
        let round = if spent { None } else { self.frontier.first_round()? };
        Ok(round.filter(|round| round.depth <= self.settings.max_depth))
    }

    fn request_budget(&self) -> u64 {
        self.settings.max_pages.saturating_mul(MAX_REQUESTS_PER_PAGE).max(1000)
    }

    /// Number of further URLs that may be admitted now.
    fn free_slots(&self) -> u64 {
        let pages = self.settings.max_pages.saturating_sub(self.pages + self.unfinished);
        let requests = self.request_budget().saturating_sub(self.finished + self.unfinished);
        pages.min(requests).min(MAX_IN_PROGRESS.saturating_sub(self.unfinished))
    }

    /// Processes one round; returns false if cancelled.
    async fn run_round(&mut self, round: Round) -> Result<bool, CrawlError> {
        let (mut after, mut drained) = (String::new(), false);
        loop {
            if self.control.cancelled() {
                self.commit(CommitMark::None)?;
                return Ok(false);
            }
            if !drained && self.free_slots() > 0 && self.unfinished < MAX_IN_PROGRESS / 2 {
                drained = self.admit(round, &mut after)?;
            }
            let now = Instant::now();
            self.start(now)?;
            self.append_to_journal()?;
            if self.unfinished == 0 && self.in_flight.is_empty() && (drained || self.free_slots() == 0) {
                self.commit(CommitMark::None)?;
                return Ok(true);
            }
            self.wait_for_event(round, now).await?;
            self.append_to_journal()?;
            let due =
                self.uncommitted.finished >= MAX_URLS_PER_COMMIT || self.last_commit.elapsed() >= MAX_COMMIT_INTERVAL;
            let full = self.uncommitted.rejected.len() >= MAX_REJECTIONS_PER_COMMIT;
            if full || due && self.uncommitted.finished > 0 {
                self.commit(CommitMark::None)?;
            }
        }
    }

    /// Moves the next URLs of the round into the queues; returns true when the round has no more.
    fn admit(&mut self, round: Round, after: &mut String) -> Result<bool, CrawlError> {
        let free_slots = usize::try_from(self.free_slots()).unwrap_or(usize::MAX);
        let rows = self.frontier.next_urls(round, after, free_slots)?;
        let drained = rows.len() < free_slots;
        if let Some(last) = rows.last() {
            after.clone_from(last);
        }
        for row in rows {
            // The frontier holds the output of `Url`; a row that does not parse is recorded as rejected, with its
            // stored text.
            match Url::parse(&row) {
                Ok(url) => {
                    self.unfinished += 1;
                    let admission = self.budget.admit(url);
                    self.apply_admission(admission);
                }
                Err(e) => self.finish_invalid_url(row, matched(CrawlRule::InvalidUrl, e.to_string())),
            }
        }
        Ok(drained)
    }

    /// Queues an admitted URL for its host, or records why it is rejected. A URL that was not requested does not count
    /// as finished.
    fn apply_admission(&mut self, admission: Admission) {
        #[expect(clippy::cast_precision_loss, reason = "counts of pages are far below 2^52")]
        let over_limit = |rule, bound: u64, detail: &str| measured(rule, (bound + 1) as f64, bound as f64, detail);
        let (url, rejection) = match admission {
            Admission::Admitted(url) => return self.queues.push(url),
            Admission::Held => return,
            Admission::HostBudget(url) => {
                let bound = self.settings.max_pages_per_host.unwrap_or_default();
                (url, over_limit(CrawlRule::HostBudget, bound, "page limit of the host reached"))
            }
            Admission::Calendar(url) => {
                (url, over_limit(CrawlRule::Trap, MAX_CALENDAR_URLS, "calendar limit of the host reached"))
            }
        };
        self.record_rejection(url.into(), rejection);
        self.unfinished = self.unfinished.saturating_sub(1);
    }

    /// Starts every request that may start now.
    fn start(&mut self, now: Instant) -> Result<(), CrawlError> {
        let free = self.settings.concurrency.saturating_sub(self.in_flight.len());
        for start in self.queues.start(now, free, &self.settings) {
            match start {
                ReadyRequest::Rejected(item, (rule, detail)) => {
                    self.finish_as_rejected(item, matched(rule, detail));
                }
                ReadyRequest::GivenUp(item, rejection) => {
                    // Not requested, so it does not count as finished.
                    self.unfinished = self.unfinished.saturating_sub(1);
                    for admission in self.budget.finish(&item.url, false) {
                        self.apply_admission(admission);
                    }
                    self.record_rejection(item.url.into(), rejection);
                }
                ReadyRequest::Robots(page) => {
                    let (fetcher, settings) = (Rc::clone(&self.fetcher), Rc::clone(&self.settings));
                    let hosts = self.queues.hosts.clone();
                    self.in_flight.push(Box::pin(async move {
                        let encoded_rules = origin::fetch(&fetcher, &page, &settings, &hosts).await;
                        Completed::Robots(page, encoded_rules)
                    }));
                }
                ReadyRequest::Page(item) => {
                    let (fetcher, settings) = (Rc::clone(&self.fetcher), Rc::clone(&self.settings));
                    let known = if item.conditional { self.previous_page(&item.url)? } else { None };
                    let condition = known.as_ref().and_then(validators);
                    self.in_flight.push(Box::pin(async move {
                        let wants = |status, headers: &HeaderMap| classify::wants_body(&settings, status, headers);
                        let limit = settings.max_page_bytes;
                        let result = fetcher.get_conditional(&item.url, limit, wants, condition.as_ref()).await;
                        Completed::Page(item, result)
                    }));
                }
            }
        }
        Ok(())
    }

    /// The page row of a URL in the previous crawl.
    pub(crate) fn previous_page(&self, url: &Url) -> Result<Option<Page>, CrawlError> {
        self.previous.as_ref().map_or(Ok(None), |previous| previous.page(url.as_str()))
    }

    /// Waits for the next response, the next host to become ready or the next check for cancellation.
    async fn wait_for_event(&mut self, round: Round, now: Instant) -> Result<(), CrawlError> {
        let poll = now + POLL_INTERVAL;
        let wake = self.queues.next_ready(now).map_or(poll, |ready| ready.min(poll));
        let done = if self.in_flight.is_empty() {
            tokio::time::sleep_until(wake).await;
            None
        } else {
            tokio::time::timeout_at(wake, self.in_flight.next()).await.ok().flatten()
        };
        match done {
            Some(Completed::Robots(page, encoded_rules)) => {
                self.queues.store_rules(&page, &encoded_rules);
                self.unjournaled.robots.insert(origin_of(&page), encoded_rules);
            }
            Some(Completed::Page(item, result)) => {
                self.queues.hosts.release(&host_of(&item.url));
                self.record_outcome(round, item, result)?;
                self.control.advance(self.pages, self.queued, self.bytes);
            }
            None => {}
        }
        Ok(())
    }

    /// Records the links of a page.
    pub(crate) fn follow(&mut self, round: Round, links: &BTreeSet<Url>) {
        for link in links {
            self.discover(link, Round { depth: round.depth + 1, hops: 0 });
        }
    }

    /// Checks a URL found in a round of the crawl, and records the decision.
    pub(crate) fn discover(&mut self, found: &Url, round: Round) {
        match self.url_filter.check(found) {
            UrlDecision::Follow(url) => self.unjournaled.add_found(url.into(), round),
            UrlDecision::OutOfScope => self.unjournaled.out_of_scope += 1,
            UrlDecision::Reject { url, rule, value, threshold, detail } => {
                self.record_rejection(url, measured(rule, value, threshold, detail));
            }
        }
    }

    /// Records why a URL is not a page.
    pub(crate) fn record_rejection(&mut self, url: String, rejection: Rejection) {
        self.unjournaled.rejected.push(RejectedUrl { url, rejection });
    }

    /// Finishes a queued URL and records why it is not a page.
    pub(crate) fn finish_as_rejected(&mut self, item: QueuedUrl, rejection: Rejection) {
        self.finish(&item.url, false);
        self.record_rejection(item.url.into(), rejection);
    }

    fn finish_invalid_url(&mut self, url: String, rejection: Rejection) {
        self.record_rejection(url, rejection);
        self.finished += 1;
        self.unjournaled.finished += 1;
    }

    /// Records that a queued URL is finished.
    pub(crate) fn finish(&mut self, url: &Url, is_page: bool) {
        self.unfinished = self.unfinished.saturating_sub(1);
        self.finished += 1;
        self.unjournaled.finished += 1;
        for admission in self.budget.finish(url, is_page) {
            self.apply_admission(admission);
        }
    }

    /// Appends the changes to the journal, so a killed process loses none of them.
    pub(crate) fn append_to_journal(&mut self) -> Result<(), CrawlError> {
        let changes = self.take_unjournaled();
        if !changes.is_empty() {
            let (end, records) = self.archive.flush_and_hash()?;
            let changes = self.journal.append(changes, end, records)?;
            self.uncommitted.merge(changes);
        }
        Ok(())
    }

    fn take_unjournaled(&mut self) -> PendingCommit {
        PendingCommit {
            retry_after: self.queues.hosts.take_retry_after(),
            given_up: self.queues.hosts.take_given_up(),
            ..std::mem::take(&mut self.unjournaled)
        }
    }

    /// Makes all changes durable: first the WARC records, then the frontier rows that refer to them.
    pub(crate) fn commit(&mut self, mark: CommitMark) -> Result<(), CrawlError> {
        let position = self.archive.sync()?;
        let changes = self.take_unjournaled();
        self.uncommitted.merge(changes);
        self.frontier.commit(&std::mem::take(&mut self.uncommitted), position, mark)?;
        self.journal.committed()?;
        self.queued = self.frontier.waiting_count()?;
        tracing::debug!(pages = self.pages, waiting = self.queued, bytes = self.bytes, "committed");
        self.last_commit = Instant::now();
        Ok(())
    }
}
