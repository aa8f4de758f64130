//! The first step of a source: how its input is acquired.
//!
//! Runs first. Acquiring gives a snapshot; the stage that this step adds to the plan reads the
//! snapshot.
//!
//! Invariant: a source has exactly one acquisition, and no other step acquires.

use corpusmill_crawler::CrawlSettings;
use corpusmill_pipeline::snapshot::Snapshot;
use corpusmill_pipeline::{Dataset, Digest, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crates::Crates;
use super::files::Files;
use super::read::{ReadStage, Reader};
use super::remote::Remote;
use super::rust_docs::RustDocs;
use super::{AcquireContext, crawl, crawler_error};

/// The first step of a source, which acquires its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Acquire {
    /// Read local files, folders, globs and archives. First step of a source.
    Files(Files),
    /// Read the packages of a Cargo.lock from Cargo's cache. First step of a source.
    Crates(Crates),
    /// Crawl the Rust documentation of this machine over loopback. First step of a source.
    RustDocs(RustDocs),
    /// Crawl the web from seeds. First step of a source.
    Crawl(CrawlSettings),
    /// Fetch files from the web: WARC, Parquet, JSON Lines. First step of a source.
    Remote(Box<Remote>),
}

impl Acquire {
    /// The names of all acquisitions, as in recipes.
    pub const NAMES: [&str; 5] = ["files", "crates", "rust-docs", "crawl", "remote"];

    /// The step's name, as in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Files(_) => "files",
            Self::Crates(_) => "crates",
            Self::RustDocs(_) => "rust-docs",
            Self::Crawl(_) => "crawl",
            Self::Remote(_) => "remote",
        }
    }

    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If a setting is invalid; the message says what is allowed.
    pub fn check(&self) -> Result<(), StageError> {
        match self {
            Self::Crawl(crawl) => crawl.check().map(|_| ()).map_err(crawler_error("crawl")),
            Self::Remote(remote) => remote.check(),
            Self::Files(_) | Self::Crates(_) | Self::RustDocs(_) => Ok(()),
        }
    }

    /// Whether acquiring the snapshot again takes a crawl or downloads.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::RustDocs(_) | Self::Crawl(_) | Self::Remote(_))
    }

    /// Acquires the input and returns its snapshot.
    ///
    /// # Errors
    /// If the input is missing or an I/O error occurs.
    pub fn acquire(&self, name: &str, context: &AcquireContext) -> Result<Snapshot, StageError> {
        match self {
            Self::Files(files) => files.acquire(context),
            Self::Crates(crates) => crates.acquire(context),
            Self::RustDocs(docs) => docs.acquire(name, context),
            Self::Crawl(crawl) => crawl::acquire(name, crawl, context),
            Self::Remote(remote) => remote.acquire(name, context),
        }
    }

    /// Digests of the list files that the settings name; a changed list requires a new snapshot.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub fn list_digests(&self) -> Result<Vec<String>, StageError> {
        let Self::Crawl(crawl) = self else { return Ok(Vec::new()) };
        let lists = crawl.blocked_domain_files.iter().chain(&crawl.blocked_word_files);
        lists.map(|path| Ok(Digest::of(&fs_err::read(path)?).to_string())).collect()
    }

    /// How the snapshot is read.
    pub fn reader(&self) -> Reader {
        let files = |files: &Files| Reader::Files {
            settings: Box::new(files.file_settings()),
            licence: files.licence.clone(),
            language: files.language.clone(),
        };
        match self {
            Self::Files(settings) => files(settings),
            Self::Remote(remote) => files(&remote.files()),
            Self::Crates(crates) => Reader::Crates(crates.code.clone()),
            Self::RustDocs(_) | Self::Crawl(_) => Reader::Pages,
        }
    }

    /// Adds the stage that reads a snapshot of this source.
    ///
    /// # Errors
    /// Never in practice.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        source: &str,
        snapshot: Snapshot,
        partitions: u32,
    ) -> Result<Dataset, StageError> {
        plan.add(format!("{source}/read"), ReadStage::new(source, self.reader(), snapshot, partitions), &[])
    }
}
