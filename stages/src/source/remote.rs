//! The source step `remote`: data sets and archives that lie on the web as files, fetched whole and pinned by digest.
//!
//! Addresses are `https://`, or `hf://datasets/OWNER/NAME/PATH` of a hub of data sets; lists name many at once, as Common
//! Crawl's `warc.paths.gz` does. A download that was cut off goes on; a file that is there is not fetched again.
//!
//! Invariant: what is read is what was fetched; the digests of all files make the snapshot that the lock pins.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use corpusmill_pipeline::snapshot::{Refused, Snapshot};
use corpusmill_pipeline::{Digest, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::files::{Files, items};
use super::web::crawl_error;
use super::{Surroundings, Watched};
use crate::acquire::archive::ArchiveSettings;
use crate::acquire::code_files::CodeSettings;
use crate::acquire::columns::{ColumnMapping, InvalidUtf8};
use crate::acquire::listing::ListedFile;
use crate::crawl::{self, CrawlSettings, Fetched, Wanted};

/// Settings of the source step `remote`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Remote {
    /// Files: `https://…`, or `hf://datasets/OWNER/NAME/PATH` (`NAME@REVISION` for another revision than `main`).
    pub urls: Vec<String>,
    /// Lists of files, gzip or not: one address or path a line, such as
    /// `https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-10/warc.paths.gz`.
    pub lists: Vec<String>,
    /// What the paths of a list are relative to; the root of the list's own host by default.
    pub base: Option<String>,
    /// Files to take from each list at most, from its beginning.
    pub max_files: u64,
    /// The hub behind `hf://`, or a mirror of it.
    pub hub: String,
    /// An e-mail address or URL at which you are reached. Sent in the User-Agent, required for public hosts.
    pub contact: Option<String>,
    /// Requests per second to one host at most. 0 means no limit and is allowed on loopback only.
    pub requests_per_second: f64,
    /// Files under way at a time.
    pub concurrency: usize,
    /// Bytes of one file at most, as it lies on the server.
    pub max_file_bytes: u64,
    /// Further attempts when a connection breaks without bringing anything, and after 429, 503 and other temporary errors.
    pub retries: u32,
    /// Whether loopback addresses may be fetched.
    pub allow_loopback: bool,
    /// Whether private networks may be fetched.
    pub allow_private: bool,
    /// Which column of JSON lines or Parquet holds what.
    pub columns: ColumnMapping,
    /// What to do with text that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Limits of archives and documents.
    pub limits: ArchiveSettings,
    /// Treat the input as source trees, with the rules for vendored, generated, minified and data files.
    pub code: Option<CodeSettings>,
    /// The licence (SPDX) of documents that name none.
    pub licence: Option<String>,
    /// The language (ISO 639-3) of documents that name none.
    pub language: Option<String>,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            lists: Vec::new(),
            base: None,
            max_files: 10,
            hub: "https://huggingface.co".to_owned(),
            contact: None,
            requests_per_second: 1.0,
            concurrency: 2,
            max_file_bytes: 64 << 30,
            retries: 5,
            allow_loopback: false,
            allow_private: false,
            columns: ColumnMapping::default(),
            invalid_utf8: InvalidUtf8::default(),
            limits: ArchiveSettings::default(),
            code: None,
            licence: None,
            language: None,
        }
    }
}

/// A file as the recipe names it, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    origin: String,
    url: Url,
}

fn wrong(message: &str, hint: &str) -> StageError {
    StageError::Settings(format!("remote: {message}\nhint: {hint}"))
}

impl Remote {
    /// Checks the settings without touching the network.
    ///
    /// # Errors
    /// With what is wrong and what is allowed.
    pub fn check(&self) -> Result<(), StageError> {
        if self.urls.is_empty() && self.lists.is_empty() {
            let hint = "name at least one file: `urls: [\"https://…\"]`, or a list of them: `lists: […]`";
            return Err(wrong("there is nothing to fetch", hint));
        }
        if self.max_files == 0 {
            return Err(wrong("`max-files` is 0", "give at least 1"));
        }
        let named = self.urls.iter().chain(&self.lists).map(|text| self.named(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(base) = &self.base {
            self.named(base)?;
        }
        self.fetching(&named).check().map(|_| ()).map_err(crawl_error).map_err(as_own)
    }

    /// How files are read, as for local ones.
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

    /// Fetches what is not there yet, and lists it.
    ///
    /// # Errors
    /// When a server cannot be reached, nothing could be had, or the machine fails.
    pub fn acquire(&self, name: &str, surroundings: &Surroundings) -> Result<Snapshot, StageError> {
        self.check()?;
        let mut snapshot = Snapshot::default();
        let mut named: Vec<Named> = self.urls.iter().map(|text| self.named(text)).collect::<Result<_, _>>()?;
        let lists: Vec<Named> = self.lists.iter().map(|text| self.named(text)).collect::<Result<_, _>>()?;
        for (list, fetched) in lists.iter().zip(self.fetch(name, &lists, surroundings)?) {
            match fetched {
                Ok(fetched) => named.extend(self.listed(list, &fetched)?),
                Err(refused) => {
                    let what = format!("{}: the list cannot be had: {} {}", list.origin, refused.rule, refused.value);
                    return Err(StageError::Input(what));
                }
            }
        }
        let mut seen = BTreeSet::new();
        named.retain(|file| seen.insert(file.origin.clone()));
        for (file, fetched) in named.iter().zip(self.fetch(name, &named, surroundings)?) {
            match fetched {
                Ok(fetched) => snapshot.items.extend(file.items(&fetched)?),
                Err(refused) => snapshot.refused.push(Refused {
                    origin: file.origin.clone(),
                    rule: refused.rule,
                    value: refused.value,
                    threshold: refused.threshold,
                    detail: Some(refused.detail).filter(|detail| !detail.is_empty()),
                }),
            }
        }
        if snapshot.items.is_empty() {
            return Err(nothing_fetched(name, &snapshot));
        }
        let (files, refused) = (named.len() - snapshot.refused.len(), snapshot.refused.len());
        surroundings.console.say(format!("  {name}/remote: {files} files, {refused} refused"));
        snapshot.sort();
        Ok(snapshot)
    }

    fn fetch(
        &self,
        name: &str,
        files: &[Named],
        surroundings: &Surroundings,
    ) -> Result<Vec<Result<Fetched, crawl::Refused>>, StageError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let bar = surroundings.console.bar(&format!("{name}/remote"), files.len() as u64, "files");
        let watched = Watched { surroundings, bar };
        let dir = |url: &Url| surroundings.workspace.remote_dir(Digest::of(url.as_str().as_bytes()));
        let wanted: Vec<Wanted> =
            files.iter().map(|file| Wanted { url: file.url.clone(), dir: dir(&file.url) }).collect();
        let fetched = crawl::download(&self.fetching(files), &wanted, surroundings.fresh, &watched);
        watched.bar.finish_and_clear();
        fetched.map_err(crawl_error).map_err(as_own)?.ok_or(StageError::Cancelled)
    }

    /// The settings of a crawl under which these files may be fetched.
    fn fetching(&self, files: &[Named]) -> CrawlSettings {
        CrawlSettings {
            seeds: files.iter().map(|file| file.url.to_string()).collect(),
            contact: self.contact.clone(),
            requests_per_second: self.requests_per_second,
            concurrency: self.concurrency,
            concurrency_per_host: self.concurrency,
            max_page_bytes: self.max_file_bytes,
            retries: self.retries,
            allow_loopback: self.allow_loopback,
            allow_private: self.allow_private,
            ..CrawlSettings::default()
        }
    }

    /// The address behind what a recipe or list names.
    fn named(&self, text: &str) -> Result<Named, StageError> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix("hf://") else {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            let hint = "write https://HOST/PATH or hf://datasets/OWNER/NAME/PATH";
            let url = url.ok_or_else(|| wrong(&format!("`{text}` is no address of a file"), hint))?;
            let origin = url[..url::Position::AfterPath].to_owned();
            return Ok(Named { origin, url });
        };
        let hint = "such as hf://datasets/HuggingFaceFW/fineweb/sample/10BT/000_00000.parquet; `*` is not expanded";
        let bad = || wrong(&format!("`{text}` names no file of a data set"), hint);
        let mut parts = rest.splitn(4, '/');
        let (Some("datasets"), Some(owner), Some(name), Some(path)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        if [owner, name, revision].iter().any(|part| part.is_empty()) || path.is_empty() || path.contains('*') {
            return Err(bad());
        }
        let hub = self.hub.trim_end_matches('/');
        let url = Url::parse(&format!("{hub}/datasets/{owner}/{name}/resolve/{}/{path}", revision.replace('/', "%2F")));
        let url =
            url.map_err(|error| wrong(&format!("`hub` is `{hub}`: {error}"), "such as https://huggingface.co"))?;
        Ok(Named { origin: text.to_owned(), url })
    }

    /// The files that a list names, the first `max-files`.
    fn listed(&self, list: &Named, fetched: &Fetched) -> Result<Vec<Named>, StageError> {
        let base = match &self.base {
            Some(base) => self.named(&format!("{}/", base.trim_end_matches('/')))?.url,
            None => list.url.join("/").map_err(|error| StageError::Input(format!("{}: {error}", list.origin)))?,
        };
        let most = usize::try_from(self.max_files).unwrap_or(usize::MAX);
        let text = list_text(&fetched.path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let file = |line: &str| {
            if line.contains("://") {
                return self.named(line);
            }
            let url = base.join(line.trim_start_matches('/'));
            self.named(url.map_err(|error| StageError::Input(format!("{}: `{line}`: {error}", list.origin)))?.as_str())
        };
        lines.take(most).map(file).collect()
    }
}

/// Bytes of a list, unpacked, that are read.
const MAX_LIST_BYTES: u64 = 256 << 20;

fn list_text(path: &PathBuf) -> Result<String, StageError> {
    let bytes = fs_err::read(path)?;
    let mut text = Vec::new();
    let packed = bytes.starts_with(&[0x1f, 0x8b]);
    let read = if packed {
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(MAX_LIST_BYTES).read_to_end(&mut text)
    } else {
        bytes.as_slice().take(MAX_LIST_BYTES).read_to_end(&mut text)
    };
    read.map_err(|error| StageError::Input(format!("{}: {error}", path.display())))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl Named {
    fn items(&self, fetched: &Fetched) -> Result<Vec<corpusmill_pipeline::snapshot::Item>, StageError> {
        let digest: Digest =
            fetched.digest.parse().map_err(|error| StageError::Input(format!("{}: {error}", self.origin)))?;
        let (size, modified) = crate::workspace::stamp(&fetched.path)?;
        let file = ListedFile { path: fetched.path.clone(), origin: self.origin.clone(), bytes: size };
        items(&file, digest, size, modified)
    }
}

fn nothing_fetched(name: &str, snapshot: &Snapshot) -> StageError {
    let line = |refused: &Refused| {
        let detail = refused.detail.as_deref().unwrap_or_default();
        format!("\n  {}: {} {} {detail}", refused.origin, refused.rule, refused.value)
    };
    let list: Vec<String> = snapshot.refused.iter().take(3).map(line).collect();
    let hint = "see that the addresses are right, and whether `allow-loopback` stands against them";
    StageError::Input(format!("{name}: no file was fetched{}\nhint: {hint}", list.concat()))
}

/// The message of a crawl's setting as one of this step.
fn as_own(error: StageError) -> StageError {
    match error {
        StageError::Settings(text) => StageError::Settings(
            text.replacen("crawl: crawl setting", "remote:", 1)
                .replace("`seeds`", "`urls`")
                .replace("`max-page-bytes`", "`max-file-bytes`"),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_hub_are_resolved() {
        let remote = Remote { hub: "http://127.0.0.1:9/".into(), ..Remote::default() };
        let url = |text: &str| remote.named(text).map(|named| named.url.to_string());
        assert_eq!(
            url("hf://datasets/a/b/x/y.parquet").unwrap(),
            "http://127.0.0.1:9/datasets/a/b/resolve/main/x/y.parquet"
        );
        let revision = url("hf://datasets/a/b@refs/x.jsonl").unwrap();
        assert_eq!(revision, "http://127.0.0.1:9/datasets/a/b/resolve/refs/x.jsonl");
        for bad in
            ["hf://models/a/b/c", "hf://datasets/a/b", "hf://datasets/a/b/*.parquet", "ftp://e.org/x", "x.parquet"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
        let named = remote.named("https://e.org/a.jsonl.gz?download=1#x").unwrap();
        assert_eq!((named.origin.as_str(), named.url.query()), ("https://e.org/a.jsonl.gz", Some("download=1")));
    }

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
