//! The source `remote`: files on the web, such as datasets and archives, fetched whole and pinned by digest.
//!
//! Files are given as `https://` URLs, as `hf://datasets/OWNER/NAME@REVISION/PATTERN` on a hub (see `hub.rs`),
//! or by lists of them, such as Common Crawl's `warc.paths.gz`. An interrupted download resumes; a file that was
//! fetched before is not fetched again.
//!
//! Invariant: the files read are the files fetched; their digests form the snapshot that the lock file pins.

use corpusmill_pipeline::snapshot::{RejectedItem, Snapshot};
use corpusmill_pipeline::{Rejection, StageError, UserError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fetch::{Fetcher, fetched_items};
use super::files::Files;
use super::hub::listing::Listings;
use super::hub::{Hub, RemoteFile};
use super::remote_ref::{RemoteRef, dedup_refs, parse_list};
use super::{AcquireContext, crawler_error};
use corpusmill_crawler::{DownloadClient, DownloadSettings};
use corpusmill_readers::archives::ArchiveSettings;
use corpusmill_readers::code::CodeSettings;
use corpusmill_readers::datasets::{ColumnMapping, InvalidUtf8};

/// Settings of the source `remote`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Remote {
    /// Files to fetch: `https://…`, or `hf://datasets/OWNER/NAME/PATH`, where `PATH` may be a glob (`*` matches within
    /// a folder, `**` across folders) and `NAME@REVISION` selects a branch, tag or commit other than `main`.
    pub urls: Vec<String>,
    /// Lists of files to fetch, plain or gzip: one URL or path per line, such as
    /// `https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-10/warc.paths.gz`.
    pub lists: Vec<String>,
    /// Base URL of the relative paths in lists; the root of the list's host by default.
    pub base: Option<String>,
    /// Maximum number of files of each list and glob; the first ones are fetched.
    pub max_files: u64,
    /// Hub for `hf://`, or a mirror of it; by default the environment variable `HF_ENDPOINT`, else
    /// `https://huggingface.co`. The token in `HF_TOKEN` is sent to this server only.
    pub hub: Option<String>,
    /// E-mail address or URL where server owners can reach you. Sent in the User-Agent; required for public hosts.
    pub contact: Option<String>,
    /// Maximum number of requests per second to one host. 0 means no limit and is allowed on loopback only.
    pub requests_per_second: f64,
    /// Maximum number of concurrent downloads.
    pub concurrency: usize,
    /// Maximum size of one file in bytes, as stored on the server.
    pub max_file_bytes: u64,
    /// Number of retries after a connection breaks without progress, and after 429, 503 and other temporary errors.
    pub retries: u32,
    /// Allow loopback addresses.
    pub allow_loopback: bool,
    /// Allow addresses in private networks.
    pub allow_private: bool,
    /// Columns of JSON Lines or Parquet for each document field.
    pub columns: ColumnMapping,
    /// How to handle text that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Size limits of archives and documents.
    pub limits: ArchiveSettings,
    /// Read the input as source trees, with these rules for vendored, generated, minified and data files.
    pub code: Option<CodeSettings>,
    /// Licence (SPDX expression) of documents that state none.
    pub licence: Option<String>,
    /// Language (ISO 639-3 code) of documents that state none.
    pub language: Option<String>,
}

impl Default for Remote {
    fn default() -> Self {
        let DownloadSettings {
            contact,
            requests_per_second,
            concurrency,
            max_file_bytes,
            retries,
            allow_loopback,
            allow_private,
        } = DownloadSettings::default();
        Self {
            urls: Vec::new(),
            lists: Vec::new(),
            base: None,
            max_files: 10,
            hub: None,
            contact,
            requests_per_second,
            concurrency,
            max_file_bytes,
            retries,
            allow_loopback,
            allow_private,
            columns: ColumnMapping::default(),
            invalid_utf8: InvalidUtf8::default(),
            limits: ArchiveSettings::default(),
            code: None,
            licence: None,
            language: None,
        }
    }
}

fn settings_error(message: &str, hint: &str) -> StageError {
    StageError::settings(UserError::new(format!("remote: {message}")).with_hint(hint))
}

impl Remote {
    /// Checks the settings without network access.
    ///
    /// # Errors
    /// If a setting is invalid; the message says what is allowed.
    pub fn check(&self) -> Result<(), StageError> {
        if self.urls.is_empty() && self.lists.is_empty() {
            let hint = "name at least one file: `urls: [\"https://…\"]`, or a list of them: `lists: […]`";
            return Err(settings_error("there is nothing to fetch", hint));
        }
        if self.max_files == 0 {
            return Err(settings_error("`max-files` is 0", "give at least 1"));
        }
        let hub = Hub::of(self.hub.as_deref())?;
        let mut addresses = Vec::new();
        for text in self.urls.iter().chain(&self.lists).chain(&self.base) {
            addresses.push(match RemoteRef::parse(text)? {
                RemoteRef::File(file) => file.url,
                RemoteRef::Dataset(dataset) => {
                    dataset.matcher()?;
                    hub.endpoint().clone()
                }
            });
        }
        self.download_settings().check(&addresses).map_err(crawler_error("remote"))
    }

    /// The equivalent settings for local files.
    pub fn files(&self) -> Files {
        Files {
            columns: self.columns.clone(),
            invalid_utf8: self.invalid_utf8,
            limits: self.limits.clone(),
            code: self.code.clone(),
            licence: self.licence.clone(),
            language: self.language.clone(),
            ..Files::default()
        }
    }

    /// Fetches the files that are not yet stored, and returns the snapshot of all.
    ///
    /// # Errors
    /// If a list cannot be fetched, no file could be fetched, or an I/O error occurs.
    pub fn acquire(&self, name: &str, context: &AcquireContext) -> Result<Snapshot, StageError> {
        self.check()?;
        let hub = Hub::of(self.hub.as_deref())?;
        let client =
            DownloadClient::new(&self.download_settings(), hub.credential()).map_err(crawler_error("remote"))?;
        let fetcher = Fetcher { name, client: &client, context };
        let mut references = self.urls.iter().map(|text| RemoteRef::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let mut snapshot = Snapshot::default();
        self.read_lists(&fetcher, &hub, &mut references, &mut snapshot)?;
        let files = self.files_of(&fetcher, &hub, references, &mut snapshot)?;
        for (file, fetched) in files.iter().zip(fetcher.fetch(&files)?) {
            match fetched {
                Ok(fetched) => snapshot.items.extend(fetched_items(file, &fetched)?),
                Err(rejected) => {
                    snapshot.rejected.push(RejectedItem { origin: file.origin.clone(), rejection: rejected.rejection });
                }
            }
        }
        if snapshot.items.is_empty() {
            return Err(nothing_fetched(name, &snapshot));
        }
        let rejected = snapshot.rejected.len();
        context.progress.message(&format!("  {name}/remote: {} files, {rejected} rejected", snapshot.items.len()));
        snapshot.sort();
        Ok(snapshot)
    }

    /// Adds the files named by the lists.
    fn read_lists(
        &self,
        fetcher: &Fetcher<'_>,
        hub: &Hub,
        references: &mut Vec<RemoteRef>,
        snapshot: &mut Snapshot,
    ) -> Result<(), StageError> {
        let lists = self.lists.iter().map(|text| RemoteRef::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let lists = self.files_of(fetcher, hub, lists, snapshot)?;
        for (list, fetched) in lists.iter().zip(fetcher.fetch(&lists)?) {
            let fetched = fetched.map_err(|rejected| {
                let Rejection { rule, value, detail, .. } = rejected.rejection;
                let detail = detail.unwrap_or_default();
                StageError::input(format!("{}: cannot fetch the list: {rule} {value} {detail}", list.origin))
            })?;
            let listed = parse_list(list, &fetched, self.base.as_deref())?;
            references.extend(self.limit_files(&list.origin, listed, snapshot));
        }
        Ok(())
    }

    /// Resolves references to files; those in datasets are looked up on the hub.
    fn files_of(
        &self,
        fetcher: &Fetcher<'_>,
        hub: &Hub,
        references: Vec<RemoteRef>,
        snapshot: &mut Snapshot,
    ) -> Result<Vec<RemoteFile>, StageError> {
        let work = format!("{}/hub", fetcher.name);
        let control = fetcher.context.control(&work);
        let _running = control.start(0, "answers");
        let mut listings = Listings::new(hub, fetcher.client, control, fetcher.context.revisions.clone());
        let mut files = Vec::new();
        for reference in references {
            match reference {
                RemoteRef::File(file) => files.push(file),
                RemoteRef::Dataset(dataset) => {
                    let found = listings.files(&dataset)?;
                    files.extend(self.limit_files(&dataset.text(), found, snapshot));
                }
            }
        }
        snapshot.revisions.append(&mut listings.used);
        Ok(dedup_refs(files))
    }

    /// The first `max-files` files of a list or glob; records a rejection if there are more.
    fn limit_files<T>(&self, origin: &str, mut all: Vec<T>, snapshot: &mut Snapshot) -> Vec<T> {
        let (count, max) = (all.len(), usize::try_from(self.max_files).unwrap_or(usize::MAX));
        if count > max {
            all.truncate(max);
            #[expect(clippy::cast_precision_loss, reason = "file counts are far below 2^52")]
            let rejection = Rejection::new("max-files", count as f64, self.max_files as f64);
            let detail = format!("lists {count} files; only the first {max} are read");
            let rejection = rejection.with_detail(detail);
            snapshot.rejected.push(RejectedItem { origin: origin.to_owned(), rejection });
        }
        all
    }

    /// The settings for fetching the files.
    fn download_settings(&self) -> DownloadSettings {
        DownloadSettings {
            contact: self.contact.clone(),
            requests_per_second: self.requests_per_second,
            concurrency: self.concurrency,
            max_file_bytes: self.max_file_bytes,
            retries: self.retries,
            allow_loopback: self.allow_loopback,
            allow_private: self.allow_private,
        }
    }
}

fn nothing_fetched(name: &str, snapshot: &Snapshot) -> StageError {
    let line = |rejected: &RejectedItem| {
        let detail = rejected.rejection.detail.as_deref().unwrap_or_default();
        format!("\n  {}: {} {} {detail}", rejected.origin, rejected.rejection.rule, rejected.rejection.value)
    };
    let list: Vec<String> = snapshot.rejected.iter().take(3).map(line).collect();
    let hint = "check that the URLs are correct, and whether `allow-loopback` must be set";
    StageError::input(UserError::new(format!("{name}: no file was fetched{}", list.concat())).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_before_anything_is_fetched() {
        let message = |remote: Remote| remote.check().unwrap_err().to_string();
        assert!(message(Remote::default()).contains("nothing to fetch"));
        let public = Remote { urls: vec!["https://data.commoncrawl.org/x.warc.gz".into()], ..Remote::default() };
        assert!(message(public.clone()).contains("remote: `contact`"), "{}", message(public.clone()));
        assert!(Remote { contact: Some("a@millhouse.org".into()), ..public.clone() }.check().is_ok());
        assert!(message(Remote { contact: Some("a@example.org".into()), ..public }).contains("placeholder"));
    }
}
