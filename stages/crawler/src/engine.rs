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
use tokio::time::Instant;
use url::Url;

use super::archive::Archive;
use super::batch::{Batch, Mark, Round};
use super::budget::{Admission, Budget, MAX_CALENDAR_URLS};
use super::cdxj;
use super::earlier::{Earlier, validators};
use super::error::CrawlError;
use super::fetch::{Answer, Failure, Fetcher};
use super::frontier::Frontier;
use super::hosts::{Hosts, host_of};
use super::journal::Journal;
use super::origin;
use super::queue::{Item, Queues, Start, origin_of};
use super::refuse::{Gate, Judgement, read_list};
use super::settings::CrawlSettings;
use super::table::{Page, Refused, Rule};
use super::visit::Refusal;
use super::{Control, POLL};

/// Maximum number of URLs admitted and not yet resolved: bounds memory, and exceeds the needs of any concurrency.
const WINDOW: u64 = 4096;
/// Number of resolved URLs after which a commit follows.
const BATCH_URLS: u64 = 64;
/// Time after which a commit follows.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// Maximum number of URLs requested per page of the budget, so a site that returns only errors also ends.
const REQUESTS_PER_PAGE: u64 = 10;

enum Done {
    Robots(Url, Vec<u8>),
    Page(Item, Result<Answer, Failure>),
}

/// A running crawl.
pub(super) struct Engine<'a> {
    pub(super) settings: &'a CrawlSettings,
    pub(super) control: &'a dyn Control,
    pub(super) seeds: Vec<Url>,
    pub(super) gate: Gate,
    pub(super) fetcher: Rc<Fetcher>,
    pub(super) frontier: Frontier,
    pub(super) queues: Queues,
    /// Changes since the last journal entry; `pending` has those between the last commit and that entry.
    pub(super) batch: Batch,
    pending: Batch,
    journal: Journal,
    pub(super) archive: Archive,
    budget: Budget,
    pub(super) earlier: Option<Earlier>,
    in_flight: FuturesUnordered<Pin<Box<dyn Future<Output = Done>>>>,
    batch_since: Instant,
    /// Pages kept, their bytes, and URLs resolved, committed or not; `open` counts URLs admitted and not resolved.
    pub(super) pages: u64,
    pub(super) bytes: u64,
    resolved: u64,
    open: u64,
    queued: u64,
}

/// Runs a crawl to its end or to cancellation; pages of the crawl in the folder `earlier` are requested conditionally.
pub(super) async fn run(
    settings: &CrawlSettings,
    dir: &Path,
    earlier: Option<&Path>,
    control: &dyn Control,
) -> Result<(), CrawlError> {
    let Some(mut engine) = Engine::open(settings, dir, earlier, control)? else { return Ok(()) };
    if !engine.frontier.progress()?.opened && !engine.open_crawl().await? {
        return Ok(());
    }
    while let Some(round) = engine.next_round()? {
        if !engine.round(round).await? {
            return Ok(());
        }
    }
    engine.commit(Mark::None)?;
    cdxj::write(dir, engine.frontier.progress()?.warc.file)?;
    engine.commit(Mark::Finished)
}

impl<'a> Engine<'a> {
    /// Opens the folder of a crawl; returns `None` if the crawl is finished. Commits what a killed process left in the
    /// journal.
    fn open(
        settings: &'a CrawlSettings,
        dir: &Path,
        earlier: Option<&Path>,
        control: &'a dyn Control,
    ) -> Result<Option<Self>, CrawlError> {
        let seeds = settings.check()?;
        let domains = read_list(&settings.refused_domains, &settings.refused_domain_files)?;
        let words = read_list(&settings.refused_words, &settings.refused_word_files)?;
        let frontier = Frontier::open(dir, &settings.identity(&domains, &words), settings.max_depth)?;
        let progress = frontier.progress()?;
        if progress.finished {
            return Ok(None);
        }
        let (mut journal, left, end) = Journal::open(dir, progress.commits, progress.warc)?;
        let fetcher = Rc::new(Fetcher::new(settings)?);
        let mut archive = Archive::open(dir, end, &fetcher)?;
        if !left.is_empty() {
            frontier.commit(&left, archive.sync()?, Mark::None)?;
            journal.committed()?;
        }
        let progress = frontier.progress()?;
        let mut queues = Queues::new(Hosts::new(settings));
        for (origin, stored) in frontier.robots()? {
            if let Ok(url) = Url::parse(&origin) {
                queues.learn(&url, &stored);
            }
        }
        for (host, until) in frontier.told()? {
            queues.hosts.remember(&host, until);
        }
        let mut budget = Budget::new(settings.max_pages_per_host);
        frontier.each_resolved(|url, is_page| {
            if let Ok(url) = Url::parse(url) {
                budget.remember(&url, is_page);
            }
        })?;
        Ok(Some(Self {
            settings,
            control,
            gate: Gate::new(settings, &seeds, &domains, &words),
            seeds,
            fetcher,
            queued: frontier.waiting()?,
            frontier,
            queues,
            batch: Batch::default(),
            pending: Batch::default(),
            journal,
            archive,
            budget,
            earlier: earlier.map(Earlier::open).transpose()?.flatten(),
            in_flight: FuturesUnordered::new(),
            batch_since: Instant::now(),
            pages: progress.pages,
            bytes: progress.bytes,
            resolved: progress.resolved,
            open: 0,
        }))
    }
}

impl Engine<'_> {
    fn next_round(&self) -> Result<Option<Round>, CrawlError> {
        let spent = self.pages >= self.settings.max_pages || self.resolved >= self.request_budget();
        let round = if spent { None } else { self.frontier.first_round()? };
        Ok(round.filter(|round| round.depth <= self.settings.max_depth))
    }

    fn request_budget(&self) -> u64 {
        self.settings.max_pages.saturating_mul(REQUESTS_PER_PAGE).max(1000)
    }

    /// Number of further URLs that may be admitted now.
    fn room(&self) -> u64 {
        let pages = self.settings.max_pages.saturating_sub(self.pages + self.open);
        let requests = self.request_budget().saturating_sub(self.resolved + self.open);
        pages.min(requests).min(WINDOW.saturating_sub(self.open))
    }

    /// Processes one round; returns false if cancelled.
    async fn round(&mut self, round: Round) -> Result<bool, CrawlError> {
        let (mut after, mut drained) = (String::new(), false);
        loop {
            if self.control.cancelled() {
                self.commit(Mark::None)?;
                return Ok(false);
            }
            if !drained && self.room() > 0 && self.open < WINDOW / 2 {
                drained = self.admit(round, &mut after)?;
            }
            let now = Instant::now();
            self.start(now)?;
            self.note()?;
            if self.open == 0 && self.in_flight.is_empty() && (drained || self.room() == 0) {
                self.commit(Mark::None)?;
                return Ok(true);
            }
            self.step(round, now).await?;
            self.note()?;
            let due = self.pending.resolved >= BATCH_URLS || self.batch_since.elapsed() >= BATCH_TIME;
            if due && self.pending.resolved > 0 {
                self.commit(Mark::None)?;
            }
        }
    }

    /// Moves the next URLs of the round into the queues; returns true when the round has no more.
    fn admit(&mut self, round: Round, after: &mut String) -> Result<bool, CrawlError> {
        let room = usize::try_from(self.room()).unwrap_or(usize::MAX);
        let rows = self.frontier.next(round, after, room)?;
        let drained = rows.len() < room;
        if let Some(last) = rows.last() {
            after.clone_from(last);
        }
        for row in rows {
            // The frontier holds the output of `Url`; a row that no longer parses is resolved as stored.
            match Url::parse(&row) {
                Ok(url) => {
                    self.open += 1;
                    let admission = self.budget.admit(url);
                    self.admitted(admission);
                }
                Err(e) => self.refuse_row(row, Refusal::matched(Rule::Network, e.to_string())),
            }
        }
        Ok(drained)
    }

    /// Puts an admitted URL into its host's queue, or records why not. A URL that was not requested does not count as
    /// resolved.
    fn admitted(&mut self, admission: Admission) {
        #[expect(clippy::cast_precision_loss, reason = "counts of pages are far below 2^52")]
        let beyond = |rule, bound: u64, detail: &str| Refusal {
            rule,
            value: (bound + 1) as f64,
            threshold: bound as f64,
            detail: detail.to_owned(),
        };
        let (url, refusal) = match admission {
            Admission::Now(url) => return self.queues.push(url),
            Admission::Held => return,
            Admission::HostBudget(url) => {
                let bound = self.settings.max_pages_per_host.unwrap_or_default();
                (url, beyond(Rule::HostBudget, bound, "the host has given all the pages it may"))
            }
            Admission::Calendar(url) => (url, beyond(Rule::Trap, MAX_CALENDAR_URLS, "one more page of a calendar")),
        };
        self.note_refused(url.into(), refusal);
        self.open = self.open.saturating_sub(1);
    }

    /// Starts every request that may start now.
    fn start(&mut self, now: Instant) -> Result<(), CrawlError> {
        let free = self.settings.concurrency.saturating_sub(self.in_flight.len());
        for start in self.queues.start(now, free, self.settings) {
            match start {
                Start::Refused(item, (rule, detail)) => self.resolve_refused(item, Refusal::matched(rule, detail)),
                Start::Robots(page) => {
                    let (fetcher, settings) = (Rc::clone(&self.fetcher), self.settings.clone());
                    let hosts = self.queues.hosts.clone();
                    self.in_flight.push(Box::pin(async move {
                        let stored = origin::fetch(&fetcher, &page, &settings, &hosts).await;
                        Done::Robots(page, stored)
                    }));
                }
                Start::Page(item) => {
                    let fetcher = Rc::clone(&self.fetcher);
                    let known = if item.conditional { self.known_before(&item.url)? } else { None };
                    let condition = known.as_ref().and_then(validators);
                    self.in_flight.push(Box::pin(async move {
                        let result = fetcher.page(&item.url, condition.as_ref()).await;
                        Done::Page(item, result)
                    }));
                }
            }
        }
        Ok(())
    }

    /// The page row of a URL in an earlier crawl.
    pub(super) fn known_before(&self, url: &Url) -> Result<Option<Page>, CrawlError> {
        self.earlier.as_ref().map_or(Ok(None), |earlier| earlier.page(url.as_str()))
    }

    /// Waits for the next response, the next host to become ready or the next check for cancellation.
    async fn step(&mut self, round: Round, now: Instant) -> Result<(), CrawlError> {
        let poll = now + POLL;
        let wake = self.queues.next_ready(now).map_or(poll, |ready| ready.min(poll));
        let done = if self.in_flight.is_empty() {
            tokio::time::sleep_until(wake).await;
            None
        } else {
            tokio::time::timeout_at(wake, self.in_flight.next()).await.ok().flatten()
        };
        match done {
            Some(Done::Robots(page, stored)) => {
                self.queues.learn(&page, &stored);
                self.batch.robots.insert(origin_of(&page), stored);
            }
            Some(Done::Page(item, result)) => {
                self.queues.hosts.ended(&host_of(&item.url));
                self.settle(round, item, result)?;
                self.control.progress(self.pages, self.queued, self.bytes);
            }
            None => {}
        }
        Ok(())
    }

    /// Records the links of a page.
    pub(super) fn follow(&mut self, round: Round, links: &BTreeSet<Url>) {
        for link in links {
            self.discover(link, Round { depth: round.depth + 1, hops: 0 });
        }
    }

    /// Checks a URL found in a round of the crawl, and records the decision.
    pub(super) fn discover(&mut self, found: &Url, round: Round) {
        match self.gate.judge(found) {
            Judgement::Follow(url) => self.batch.find(url.into(), round),
            Judgement::OffScope => self.batch.off_scope += 1,
            Judgement::Refuse { url, rule, value, threshold, detail } => {
                self.note_refused(url, Refusal { rule, value, threshold, detail });
            }
        }
    }

    /// Records why a URL is not a page.
    pub(super) fn note_refused(&mut self, url: String, refusal: Refusal) {
        let Refusal { rule, value, threshold, detail } = refusal;
        self.batch.refused.push(Refused { url, rule: rule.name().to_owned(), value, threshold, detail });
    }

    /// Resolves a queued URL and records why it is not a page.
    pub(super) fn resolve_refused(&mut self, item: Item, refusal: Refusal) {
        self.resolve(&item.url, false);
        self.note_refused(item.url.into(), refusal);
    }

    fn refuse_row(&mut self, url: String, refusal: Refusal) {
        self.note_refused(url, refusal);
        self.resolved += 1;
        self.batch.resolved += 1;
    }

    /// Records that a queued URL is resolved.
    pub(super) fn resolve(&mut self, url: &Url, is_page: bool) {
        self.open = self.open.saturating_sub(1);
        self.resolved += 1;
        self.batch.resolved += 1;
        for admission in self.budget.resolved(url, is_page) {
            self.admitted(admission);
        }
    }

    /// Appends the changes to the journal, so a killed process loses none of them.
    pub(super) fn note(&mut self) -> Result<(), CrawlError> {
        let batch = self.take_batch();
        if !batch.is_empty() {
            let (end, records) = self.archive.hand_over()?;
            let batch = self.journal.append(batch, end, records)?;
            self.pending.merge(batch);
        }
        Ok(())
    }

    fn take_batch(&mut self) -> Batch {
        Batch { told: self.queues.hosts.take_told(), ..std::mem::take(&mut self.batch) }
    }

    /// Makes all changes durable: first the WARC records, then the frontier rows that refer to them.
    pub(super) fn commit(&mut self, mark: Mark) -> Result<(), CrawlError> {
        let position = self.archive.sync()?;
        let batch = self.take_batch();
        self.pending.merge(batch);
        self.frontier.commit(&std::mem::take(&mut self.pending), position, mark)?;
        self.journal.committed()?;
        self.queued = self.frontier.waiting()?;
        tracing::debug!(pages = self.pages, waiting = self.queued, bytes = self.bytes, "committed");
        self.batch_since = Instant::now();
        Ok(())
    }
}
