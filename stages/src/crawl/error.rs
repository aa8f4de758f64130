//! What can stop a crawl. A bad page never does: it is a row of [`refused`](super::refused).
//!
//! Invariant: every message names the place (file, setting, host) and the way out.

use std::path::PathBuf;

/// Why a crawl could not start, go on or be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrawlError {
    /// A setting is missing or cannot be meant.
    #[error("crawl setting `{key}`: {problem}; {remedy}")]
    Setting {
        /// The recipe key.
        key: &'static str,
        /// What is wrong with the value.
        problem: String,
        /// What to write in its place.
        remedy: String,
    },
    /// The folder belongs to a crawl that would have taken other pages.
    #[error(
        "{dir}: this folder holds a crawl with other settings (seeds, scope, limits or refusals); \
         name a fresh folder, or refresh the source (`corpusmill run RECIPE --refresh SOURCE`)"
    )]
    OtherSettings {
        /// The source's folder.
        dir: PathBuf,
    },
    /// The page table was asked for before the crawl had ended.
    #[error("{dir}: the crawl has not finished; run it again, it goes on where it stopped")]
    Unfinished {
        /// The source's folder.
        dir: PathBuf,
    },
    /// The folder holds no crawl.
    #[error("{dir}: no crawl here (frontier.redb is missing); run the crawl first")]
    Missing {
        /// The source's folder.
        dir: PathBuf,
    },
    /// The frontier could not be read or written.
    #[error("{path}: the frontier cannot be used: {source}; free space or remove the folder to crawl anew")]
    Frontier {
        /// The frontier's file.
        path: PathBuf,
        /// What redb said.
        source: Box<redb::Error>,
    },
    /// A row of the frontier is not what this program writes.
    #[error("{path}: table `{table}` holds a row that cannot be read ({problem}); remove the folder to crawl anew")]
    Row {
        /// The frontier's file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// What was wrong.
        problem: String,
    },
    /// A file or folder could not be read or written; the error names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The WARC file could not be written.
    #[error(
        "{path}: cannot write the WARC file: {problem}; free space and run again, the crawl goes on where it stopped"
    )]
    Warc {
        /// The WARC file.
        path: PathBuf,
        /// What the writer said.
        problem: String,
    },
    /// A file could not be fetched to its end.
    #[error("{url}: not fetched to its end ({problem}); run again, it goes on where it was cut off")]
    Unfetched {
        /// The file's address.
        url: String,
        /// What the last attempt said.
        problem: String,
    },
    /// An interface gave no answer, or one that may not be taken.
    #[error("{url}: no usable answer ({problem}); run again, or see that the address is right")]
    Unanswered {
        /// What was asked.
        url: String,
        /// What the last attempt said.
        problem: String,
    },
    /// The HTTP client or the runtime could not be set up.
    #[error("the crawler's HTTP client cannot start: {problem}")]
    Client {
        /// What failed.
        problem: String,
    },
}
