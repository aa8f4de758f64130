//! The list of all steps: one variant per step, one definition for recipe keys, flags, JSON Schema and store keys.
//!
//! Invariant: only [`Step::add_to`] knows which stages a step has.

use corpusmill_pipeline::snapshot::Snapshot;
use corpusmill_pipeline::{Dataset, Digest, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use corpusmill_extract::{CleanSettings, select::Selectors};

use crate::clean::Clean;
use crate::dedup::Dedup;
use crate::filter::{self, FilterSettings};
use crate::sources::crates::Crates;
use crate::sources::files::Files;
use crate::sources::read::{ReadStage, Reader};
use crate::sources::remote::Remote;
use crate::sources::rust_docs::RustDocs;
use crate::sources::{AcquireContext, crawl, crawler_error};
use corpusmill_crawler::CrawlSettings;

/// One step of a source or of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Read local files, folders, globs and archives. First step of a source.
    Files(Files),
    /// Read the packages of a Cargo.lock from Cargo's cache. First step of a source.
    Crates(Crates),
    /// Crawl the Rust documentation of this machine over loopback. First step of a source.
    RustDocs(RustDocs),
    /// Crawl the web from seeds. First step of a source.
    Crawl(CrawlSettings),
    /// Fetch files from the web: WARC, Parquet, JSON lines. First step of a source.
    Remote(Box<Remote>),
    /// Turn HTML into Markdown or plain text.
    Clean(CleanSettings),
    /// Measure documents and apply thresholds.
    Filter(Box<FilterSettings>),
    /// Remove equal and nearly equal documents.
    Dedup(Dedup),
}

/// The first step of a source: how its input is acquired.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acquire {
    /// Local files.
    Files(Files),
    /// Packages of a Cargo.lock.
    Crates(Crates),
    /// Rust documentation of this machine.
    RustDocs(RustDocs),
    /// Web pages.
    Crawl(CrawlSettings),
    /// Files on the web.
    Remote(Box<Remote>),
}

impl Acquire {
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
        let lists = crawl.refused_domain_files.iter().chain(&crawl.refused_word_files);
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

impl Step {
    /// The step's name, as in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Files(_) => "files",
            Self::Crates(_) => "crates",
            Self::RustDocs(_) => "rust-docs",
            Self::Crawl(_) => "crawl",
            Self::Remote(_) => "remote",
            Self::Clean(_) => "clean",
            Self::Filter(_) => "filter",
            Self::Dedup(_) => "dedup",
        }
    }

    /// The acquisition of this step, if it can be a first step.
    pub fn as_acquire(&self) -> Option<Acquire> {
        Some(match self {
            Self::Files(files) => Acquire::Files(files.clone()),
            Self::Crates(crates) => Acquire::Crates(crates.clone()),
            Self::RustDocs(docs) => Acquire::RustDocs(docs.clone()),
            Self::Crawl(crawl) => Acquire::Crawl(crawl.clone()),
            Self::Remote(remote) => Acquire::Remote(remote.clone()),
            Self::Clean(_) | Self::Filter(_) | Self::Dedup(_) => return None,
        })
    }

    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// If a setting is invalid; the message says what is allowed.
    pub fn check(&self) -> Result<(), StageError> {
        match self {
            Self::Dedup(dedup) => dedup.check(),
            Self::Filter(filter) => filter.check(),
            Self::Crawl(crawl) => crawl.check().map(|_| ()).map_err(crawler_error("crawl")),
            Self::Remote(remote) => remote.check(),
            Self::Clean(clean) => {
                Selectors::new(clean).map(|_| ()).map_err(|error| StageError::Settings(format!("clean: {error}")))
            }
            Self::Files(_) | Self::Crates(_) | Self::RustDocs(_) => Ok(()),
        }
    }

    /// Adds this step's stages after `documents`; `path` is its path in the plan, such as `rust-docs/clean`.
    ///
    /// # Errors
    /// If the settings or the columns are invalid, or the step can only be the first of a source.
    pub fn add_to(&self, plan: &mut PlanBuilder, path: &str, documents: &Dataset) -> Result<Dataset, StageError> {
        match self {
            Self::Clean(settings) => plan.add(path, Clean { settings: settings.clone() }, &[documents]),
            Self::Filter(settings) => filter::stages::add_to(settings, plan, path, documents),
            Self::Dedup(dedup) => Ok(dedup.add_to(plan, path, documents)?.0),
            Self::Files(_) | Self::Crates(_) | Self::RustDocs(_) | Self::Crawl(_) | Self::Remote(_) => {
                Err(StageError::Settings(format!("`{}` can only be the first step of a source", self.name())))
            }
        }
    }
}
