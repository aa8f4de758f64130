//! Stores the crawl's state on disk: the URLs found, those waiting, and the outcome of each finished one.
//!
//! One redb file. Each URL is stored once, at the smallest `(depth, hops)` of any link to it, waits in the round of
//! that position, and ends as a page or a rejection. The WARC file is synced before [`Frontier::commit`] records its
//! position.
//!
//! Invariant: after the tables are created, a commit is one transaction and the only write. After a crash the file is
//! in the state of some commit, and the WARC file is truncated to the position in that commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
};

use corpusmill_pipeline::Rejection;

use crate::archive::writer::WarcPosition;
use crate::error::CrawlError;
use crate::frontier::page_table::{CrawlSummary, Page};
use crate::frontier::pending_commit::{CommitMark, CrawlCounters, PendingCommit, Round};
use crate::rejected::RejectedUrl;

/// URLs found: depth, hops and state (`STATE_*`).
const FOUND: TableDefinition<&str, (u32, u32, u8)> = TableDefinition::new("found");
/// Waiting URLs in fetch order: depth, hops, URL.
const WAITING: TableDefinition<(u32, u32, &str), ()> = TableDefinition::new("waiting");
/// Pages kept, as JSON.
const PAGES: TableDefinition<&str, &[u8]> = TableDefinition::new("pages");
/// Rejections, as JSON.
const REJECTED: TableDefinition<&str, &[u8]> = TableDefinition::new("rejected");
/// robots.txt by origin, in the format of [`robots::origin`](crate::robots::origin).
const ROBOTS: TableDefinition<&str, &[u8]> = TableDefinition::new("robots");
/// Hosts that sent Retry-After, and when the wait ends, in seconds since the Unix epoch.
const RETRY_AFTER: TableDefinition<&str, u64> = TableDefinition::new("retry_after");
/// Hosts that are given up, with the rejection of their URLs, as JSON.
const GIVEN_UP: TableDefinition<&str, &[u8]> = TableDefinition::new("given-up");
/// Counters and the WARC position.
const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");
/// The crawl's identity: its format and its settings.
const METADATA: TableDefinition<&str, &str> = TableDefinition::new("metadata");

const STATE_WAITING: u8 = 0;
const STATE_PAGE: u8 = 1;
const STATE_REJECTED: u8 = 2;

/// Sitemaps read, and the further sitemaps that each names, as JSON.
const SITEMAPS: TableDefinition<&str, &[u8]> = TableDefinition::new("sitemaps");

/// Rules that reject a URL before it is admitted to a queue.
const RULES_BEFORE_ADMISSION: [&str; 7] =
    ["blocked-domain", "blocked-word", "trap", "invalid-url", "host-budget", "sitemap", "host-unavailable"];

/// The format of the tables and the journal, and the first line of the stored identity. A crawl of another format is
/// not resumed.
const FORMAT: &str = "crawl format 2";
/// The format of a database that has tables, but not [`METADATA`].
const FIRST_FORMAT: &str = "crawl format 1";

/// Database cache in bytes: for the crawl itself, and for a crawl opened only to read it.
const CACHE_BYTES: usize = 16 << 20;
const READ_CACHE_BYTES: usize = 4 << 20;

/// An open frontier.
#[derive(Debug)]
pub(crate) struct Frontier {
    database: Database,
    path: PathBuf,
}

impl Frontier {
    /// Opens the frontier of a folder, creates it if missing, and checks that it belongs to this crawl.
    pub(crate) fn open(dir: &Path, identity: &str, max_depth: u32) -> Result<Self, CrawlError> {
        fs_err::create_dir_all(dir)?;
        let frontier = Self::open_at(dir, CACHE_BYTES)?;
        let identity = format!("{FORMAT}\n{identity}");
        let stored_identity = frontier.prepare(&identity, max_depth).map_err(|e| frontier.error(e))?;
        check_format(dir, &stored_identity)?;
        if stored_identity == identity { Ok(frontier) } else { Err(CrawlError::OtherSettings { dir: dir.to_owned() }) }
    }

    /// Opens the existing frontier of a folder.
    pub(crate) fn open_existing(dir: &Path) -> Result<Self, CrawlError> {
        if !dir.join("frontier.redb").is_file() {
            return Err(CrawlError::Missing { dir: dir.to_owned() });
        }
        let frontier = Self::open_at(dir, READ_CACHE_BYTES)?;
        let identity = frontier.prepare("", 0).map_err(|e| frontier.error(e))?;
        if identity.is_empty() {
            return Err(CrawlError::Missing { dir: dir.to_owned() });
        }
        check_format(dir, &identity)?;
        Ok(frontier)
    }

    fn open_at(dir: &Path, cache_bytes: usize) -> Result<Self, CrawlError> {
        let path = dir.join("frontier.redb");
        let database = Database::builder().set_cache_size(cache_bytes).create(&path);
        match database {
            Ok(database) => Ok(Self { database, path }),
            Err(source) => Err(CrawlError::Frontier { path, source: Box::new(source.into()) }),
        }
    }

    /// Creates the tables and stores `identity` if the database is new and `identity` is not empty; returns the stored
    /// identity.
    fn prepare(&self, identity: &str, max_depth: u32) -> Result<String, redb::Error> {
        let stored_identity = |transaction: &ReadTransaction| -> Result<Option<String>, redb::Error> {
            match transaction.open_table(METADATA) {
                Ok(metadata) => Ok(metadata.get("identity")?.map(|text| text.value().to_owned())),
                Err(redb::TableError::TableDoesNotExist(_)) => {
                    Ok(transaction.list_tables()?.next().map(|_| FIRST_FORMAT.to_owned()))
                }
                Err(other) => Err(other.into()),
            }
        };
        let stored = stored_identity(&self.database.begin_read()?)?;
        if stored.is_some() || identity.is_empty() {
            return Ok(stored.unwrap_or_default());
        }
        let transaction = self.database.begin_write()?;
        transaction.open_table(FOUND)?;
        transaction.open_table(WAITING)?;
        transaction.open_table(PAGES)?;
        transaction.open_table(REJECTED)?;
        transaction.open_table(ROBOTS)?;
        transaction.open_table(SITEMAPS)?;
        transaction.open_table(GIVEN_UP)?;
        transaction.open_table(COUNTERS)?.insert("max-depth", u64::from(max_depth))?;
        transaction.open_table(METADATA)?.insert("identity", identity)?;
        transaction.commit()?;
        Ok(identity.to_owned())
    }

    fn error(&self, source: impl Into<redb::Error>) -> CrawlError {
        CrawlError::Frontier { path: self.path.clone(), source: Box::new(source.into()) }
    }

    fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, CrawlError> {
        let transaction = self.database.begin_read().map_err(|e| self.error(e))?;
        read(&transaction).map_err(|e| self.error(e))
    }

    /// The counters as of the last commit.
    pub(crate) fn counters(&self) -> Result<CrawlCounters, CrawlError> {
        self.read(|transaction| {
            let counters = transaction.open_table(COUNTERS)?;
            let counter = |name| Ok::<u64, redb::Error>(counters.get(name)?.map_or(0, |n| n.value()));
            Ok(CrawlCounters {
                seeded: counter("seeded")? > 0,
                crawl_finished: counter("crawl-finished")? > 0,
                pages: counter("pages")?,
                bytes: counter("bytes")?,
                finished: counter("finished")?,
                commits: counter("commits")?,
                warc: WarcPosition { file: counter("warc-file")?, offset: counter("warc-offset")? },
            })
        })
    }

    pub(crate) fn is_finished(&self) -> Result<bool, CrawlError> {
        Ok(self.counters()?.crawl_finished)
    }

    /// Number of waiting URLs in all rounds.
    pub(crate) fn waiting_count(&self) -> Result<u64, CrawlError> {
        self.read(|transaction| Ok(transaction.open_table(WAITING)?.len()?))
    }

    /// The first round with waiting URLs.
    pub(crate) fn first_round(&self) -> Result<Option<Round>, CrawlError> {
        self.read(|transaction| {
            let waiting = transaction.open_table(WAITING)?;
            Ok(waiting.first()?.map(|(key, _)| {
                let (depth, hops, _) = key.value();
                Round { depth, hops }
            }))
        })
    }

    /// The next URLs of a round after `after`, sorted; at most `count`.
    pub(crate) fn next_urls(&self, round: Round, after: &str, count: usize) -> Result<Vec<String>, CrawlError> {
        self.read(|transaction| {
            let waiting = transaction.open_table(WAITING)?;
            let mut urls = Vec::with_capacity(count.min(1024));
            for row in waiting.range((round.depth, round.hops, after)..)?.take(count + 1) {
                let (key, _) = row?;
                let (depth, hops, url) = key.value();
                if (Round { depth, hops }) != round {
                    break;
                }
                if url != after && urls.len() < count {
                    urls.push(url.to_owned());
                }
            }
            Ok(urls)
        })
    }

    /// The stored robots.txt of each origin.
    pub(crate) fn robots(&self) -> Result<Vec<(String, Vec<u8>)>, CrawlError> {
        self.read(|transaction| {
            let robots = transaction.open_table(ROBOTS)?;
            let row = |row: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>), redb::StorageError>| {
                let (origin, file) = row?;
                Ok((origin.value().to_owned(), file.value().to_owned()))
            };
            robots.iter()?.map(row).collect()
        })
    }

    /// Hosts that sent Retry-After, and when the wait ends, in seconds since the Unix epoch.
    pub(crate) fn retry_after(&self) -> Result<Vec<(String, u64)>, CrawlError> {
        self.read(|transaction| {
            let retry_after = match transaction.open_table(RETRY_AFTER) {
                Ok(retry_after) => retry_after,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(other) => return Err(other.into()),
            };
            let row = |row: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, u64>), redb::StorageError>| {
                let (host, until) = row?;
                Ok((host.value().to_owned(), until.value()))
            };
            retry_after.iter()?.map(row).collect()
        })
    }

    /// Hosts that are given up, with the rejection of their URLs.
    pub(crate) fn given_up(&self) -> Result<Vec<(String, Rejection)>, CrawlError> {
        let rows = self.read(|transaction| {
            let table = transaction.open_table(GIVEN_UP)?;
            let row = |row: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>), redb::StorageError>| {
                let (host, rejection) = row?;
                Ok((host.value().to_owned(), rejection.value().to_vec()))
            };
            table.iter()?.map(row).collect::<Result<Vec<_>, redb::Error>>()
        })?;
        let parse = |(host, row): (String, Vec<u8>)| match serde_json::from_slice(&row) {
            Ok(rejection) => Ok((host, rejection)),
            Err(e) => Err(self.bad_row("given-up", &e)),
        };
        rows.into_iter().map(parse).collect()
    }

    /// The further sitemaps that a sitemap names, if it was read.
    pub(crate) fn sitemap(&self, url: &str) -> Result<Option<Vec<String>>, CrawlError> {
        self.row(SITEMAPS, "sitemaps", url)
    }

    /// The row of a page.
    pub(crate) fn page(&self, url: &str) -> Result<Option<Page>, CrawlError> {
        self.row(PAGES, "pages", url)
    }

    /// The row of a rejection.
    pub(crate) fn rejection(&self, url: &str) -> Result<Option<RejectedUrl>, CrawlError> {
        self.row(REJECTED, "rejected", url)
    }

    fn row<T: serde::de::DeserializeOwned>(
        &self,
        definition: TableDefinition<&str, &[u8]>,
        name: &'static str,
        key: &str,
    ) -> Result<Option<T>, CrawlError> {
        let bytes = self.read(|transaction| {
            let table = transaction.open_table(definition)?;
            Ok(table.get(key)?.map(|row| row.value().to_vec()))
        })?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(|e| self.bad_row(name, &e))).transpose()
    }

    /// Calls `visit` with every URL that was admitted to a queue and finished, and whether it became a page.
    pub(crate) fn each_finished(&self, mut visit: impl FnMut(&str, bool)) -> Result<(), CrawlError> {
        self.rows(PAGES, "pages", |page: Page| visit(&page.url, true))?;
        self.rows(REJECTED, "rejected", |row: RejectedUrl| {
            if !RULES_BEFORE_ADMISSION.contains(&row.rejection.rule.as_ref()) {
                visit(&row.url, false);
            }
        })
    }

    /// Writes a batch in one transaction; the data is durable on return.
    pub(crate) fn commit(
        &self,
        changes: &PendingCommit,
        warc: WarcPosition,
        mark: CommitMark,
    ) -> Result<(), CrawlError> {
        let pages = self.encode(changes.pages.iter().map(|page| (page.url.as_str(), page)), "pages")?;
        let given_up = self.encode(changes.given_up.iter().map(|(host, row)| (host.as_str(), row)), "given-up")?;
        let sitemaps = self.encode(changes.sitemaps.iter().map(|(url, row)| (url.as_str(), row)), "sitemaps")?;
        let rejected = self.encode(changes.rejected.iter().map(|row| (row.url.as_str(), row)), "rejected")?;
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut found = transaction.open_table(FOUND)?;
                let mut waiting = transaction.open_table(WAITING)?;
                let mut end = |url: &str, state: u8| -> Result<bool, redb::Error> {
                    let (depth, hops, before) = found.get(url)?.map_or((0, 0, STATE_WAITING), |place| place.value());
                    if before == STATE_WAITING {
                        waiting.remove((depth, hops, url))?;
                        found.insert(url, (depth, hops, state))?;
                    }
                    Ok(before == STATE_WAITING)
                };
                let mut table = transaction.open_table(PAGES)?;
                for (url, row) in &pages {
                    if end(url, STATE_PAGE)? {
                        table.insert(*url, row.as_slice())?;
                    }
                }
                let mut table = transaction.open_table(REJECTED)?;
                for (url, row) in &rejected {
                    if end(url, STATE_REJECTED)? {
                        table.insert(*url, row.as_slice())?;
                    }
                }
                for (url, round) in &changes.found {
                    let before = found.get(url.as_str())?.map(|place| place.value());
                    match before {
                        Some((_, _, STATE_PAGE | STATE_REJECTED)) => continue,
                        Some((depth, hops, _)) if (Round { depth, hops }) <= *round => continue,
                        Some((depth, hops, _)) => {
                            waiting.remove((depth, hops, url.as_str()))?;
                        }
                        None => {}
                    }
                    found.insert(url.as_str(), (round.depth, round.hops, STATE_WAITING))?;
                    waiting.insert((round.depth, round.hops, url.as_str()), ())?;
                }
                commit_hosts(&transaction, changes, &given_up)?;
                let mut sitemap_table = transaction.open_table(SITEMAPS)?;
                for (url, children) in &sitemaps {
                    sitemap_table.insert(*url, children.as_slice())?;
                }
                update_counters(&mut transaction.open_table(COUNTERS)?, changes, warc, mark)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|e| self.error(e))
    }

    fn encode<'a, T: serde::Serialize + 'a>(
        &self,
        rows: impl Iterator<Item = (&'a str, &'a T)>,
        table: &'static str,
    ) -> Result<Vec<(&'a str, Vec<u8>)>, CrawlError> {
        let row = |(url, row): (&'a str, &'a T)| match serde_json::to_vec(row) {
            Ok(bytes) => Ok((url, bytes)),
            Err(e) => Err(self.bad_row(table, &e)),
        };
        rows.map(row).collect()
    }

    fn bad_row(&self, table: &'static str, problem: &serde_json::Error) -> CrawlError {
        CrawlError::Row { path: self.path.clone(), table, problem: problem.to_string() }
    }

    fn rows<T: serde::de::DeserializeOwned>(
        &self,
        definition: TableDefinition<&str, &[u8]>,
        name: &'static str,
        mut visit: impl FnMut(T),
    ) -> Result<(), CrawlError> {
        let transaction = self.database.begin_read().map_err(|e| self.error(e))?;
        let table = transaction.open_table(definition).map_err(|e| self.error(e))?;
        for row in table.iter().map_err(|e| self.error(e))? {
            let (_, bytes) = row.map_err(|e| self.error(e))?;
            visit(serde_json::from_slice(bytes.value()).map_err(|e| self.bad_row(name, &e))?);
        }
        Ok(())
    }

    /// Each page, sorted by URL.
    pub(crate) fn each_page(&self, visit: impl FnMut(Page)) -> Result<(), CrawlError> {
        self.rows(PAGES, "pages", visit)
    }

    /// Each rejection, sorted by URL.
    pub(crate) fn each_rejected(&self, visit: impl FnMut(RejectedUrl)) -> Result<(), CrawlError> {
        self.rows(REJECTED, "rejected", visit)
    }

    /// The counts of the crawl so far.
    pub(crate) fn summary(&self) -> Result<CrawlSummary, CrawlError> {
        let counters = self.counters()?;
        let mut by_rule = BTreeMap::new();
        self.rows(REJECTED, "rejected", |row: RejectedUrl| {
            *by_rule.entry(row.rejection.rule.into_owned()).or_insert(0) += 1;
        })?;
        let (out_of_scope_links, max_depth, waiting, unchanged) = self.read(|transaction| {
            let table = transaction.open_table(COUNTERS)?;
            let counter = |name| Ok::<u64, redb::Error>(table.get(name)?.map_or(0, |n| n.value()));
            let waiting = transaction.open_table(WAITING)?.len()?;
            Ok((counter("out-of-scope")?, counter("max-depth")?, waiting, counter("unchanged")?))
        })?;
        let over_depth = self.read(|transaction| {
            let waiting = transaction.open_table(WAITING)?;
            let first = u32::try_from(max_depth).unwrap_or(u32::MAX).saturating_add(1);
            Ok(waiting.range((first, 0, "")..)?.count() as u64)
        })?;
        Ok(CrawlSummary {
            finished: counters.crawl_finished,
            pages: counters.pages,
            unchanged,
            bytes: counters.bytes,
            rejected: by_rule,
            out_of_scope_links,
            over_budget: waiting - over_depth,
            over_depth,
        })
    }
}

/// Checks that a crawl with this stored identity has the current format.
fn check_format(dir: &Path, stored_identity: &str) -> Result<(), CrawlError> {
    let has_format = stored_identity.lines().next() == Some(FORMAT);
    if has_format { Ok(()) } else { Err(CrawlError::OtherFormat { dir: dir.to_owned() }) }
}

type CounterTable<'a> = redb::Table<'a, &'static str, u64>;

/// Writes what is known of hosts and origins.
fn commit_hosts(
    transaction: &redb::WriteTransaction,
    changes: &PendingCommit,
    given_up: &[(&str, Vec<u8>)],
) -> Result<(), redb::Error> {
    let mut robots = transaction.open_table(ROBOTS)?;
    for (origin, file) in &changes.robots {
        robots.insert(origin.as_str(), file.as_slice())?;
    }
    let mut retry_after = transaction.open_table(RETRY_AFTER)?;
    for (host, until) in &changes.retry_after {
        retry_after.insert(host.as_str(), *until)?;
    }
    let mut given_up_table = transaction.open_table(GIVEN_UP)?;
    for (host, row) in given_up {
        given_up_table.insert(*host, row.as_slice())?;
    }
    Ok(())
}

fn update_counters(
    counters: &mut CounterTable<'_>,
    changes: &PendingCommit,
    warc: WarcPosition,
    mark: CommitMark,
) -> Result<(), redb::Error> {
    let mut add = |name: &str, amount: u64| -> Result<(), redb::Error> {
        let before = counters.get(name)?.map_or(0, |n| n.value());
        counters.insert(name, before + amount)?;
        Ok(())
    };
    add("pages", changes.pages.len() as u64)?;
    add("unchanged", changes.pages.iter().filter(|page| page.unchanged).count() as u64)?;
    add("bytes", changes.pages.iter().map(|page| page.payload_bytes).sum())?;
    add("commits", 1)?;
    add("finished", changes.finished)?;
    add("out-of-scope", changes.out_of_scope)?;
    match mark {
        CommitMark::None => {}
        CommitMark::Seeded => add("seeded", 1)?,
        CommitMark::CrawlFinished => add("crawl-finished", 1)?,
    }
    counters.insert("warc-file", warc.file)?;
    counters.insert("warc-offset", warc.offset)?;
    Ok(())
}
