//! Errors that stop a crawl. A bad page does not: it becomes a row of [`each_rejected`](crate::each_rejected).
//!
//! Invariant: every message names the place (file, setting, host) and what to do.

use std::path::PathBuf;

/// Why a crawl cannot start, resume or be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrawlError {
    /// A setting is missing or invalid.
    #[error("`{key}`: {problem}; {remedy}")]
    Setting {
        /// The recipe key.
        key: &'static str,
        /// What is wrong with the value.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
    /// The folder belongs to a crawl with settings that select other pages.
    #[error(
        "{dir}: this folder holds a crawl with other settings (seeds, scope, limits or rejection rules); \
         choose another folder, or refresh the source (`corpusmill run RECIPE --refresh SOURCE`)"
    )]
    OtherSettings {
        /// The source's folder.
        dir: PathBuf,
    },
    /// The folder belongs to a crawl of a version that stores its state in another format.
    #[error("{dir}: this folder holds a crawl of another version of corpusmill; remove the folder to crawl again")]
    OtherFormat {
        /// The source's folder.
        dir: PathBuf,
    },
    /// The page table was read before the crawl finished.
    #[error("{dir}: the crawl is not finished; run it again to resume")]
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
    /// The frontier cannot be read or written.
    #[error(
        "{path}: cannot read or write the frontier: {source}; free disk space, or remove the folder to restart the crawl"
    )]
    Frontier {
        /// The frontier file.
        path: PathBuf,
        /// The error of redb.
        source: Box<redb::Error>,
    },
    /// A row of the frontier has an unknown format.
    #[error("{path}: cannot read a row of table `{table}`: {problem}; remove the folder to restart the crawl")]
    Row {
        /// The frontier file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// The problem.
        problem: String,
    },
    /// A file or folder cannot be read or written; the error names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The WARC file cannot be written.
    #[error("{path}: cannot write the WARC file: {problem}; free disk space and run again to resume the crawl")]
    Warc {
        /// The WARC file.
        path: PathBuf,
        /// The error of the writer.
        problem: String,
    },
    /// A file was not fetched completely.
    #[error("{url}: download incomplete: {problem}; run again to resume it")]
    Unfetched {
        /// The URL of the file.
        url: String,
        /// The problem of the last attempt.
        problem: String,
    },
    /// An API sent no response, or one that is not acceptable.
    #[error("{url}: no usable response: {problem}; run again, or check the URL")]
    Unanswered {
        /// The requested URL.
        url: String,
        /// The problem of the last attempt.
        problem: String,
    },
    /// The HTTP client or the runtime cannot be created.
    #[error("cannot start the HTTP client of the crawler: {problem}")]
    Client {
        /// What failed.
        problem: String,
    },
}

/// The error about the value of a setting.
pub(crate) fn setting_error(key: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> CrawlError {
    CrawlError::Setting { key, problem: problem.into(), remedy: remedy.into() }
}
