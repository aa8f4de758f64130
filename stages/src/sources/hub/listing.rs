//! Queries a hub about a dataset: the commit of a revision, and the files of a commit.
//!
//! Used by the source `remote`, before it fetches any file.
//!
//! Invariant: an incomplete listing is an error, never a shorter list.

use std::collections::BTreeMap;

use corpusmill_pipeline::{StageError, UserError};
use corpusmill_readers::listing::is_glob;
use serde::Deserialize;
use url::Url;

use super::{DatasetRef, Hub, RemoteFile, is_commit, is_plain, is_sha256};
use crate::sources::crawler_error;
use corpusmill_crawler::{ApiResponse, Control, DownloadClient};

/// Maximum size in bytes of a response, and maximum number of pages of a listing.
const MAX_RESPONSE_BYTES: u64 = 64 << 20;
const MAX_PAGES: usize = 10_000;

#[derive(Debug, Deserialize)]
struct Revision {
    sha: String,
}

#[derive(Debug, Clone, Deserialize)]
struct TreeEntry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    lfs: Option<LfsPointer>,
}

#[derive(Debug, Clone, Deserialize)]
struct LfsPointer {
    /// The SHA-256 of the file's bytes.
    oid: String,
}

impl TreeEntry {
    fn is_file(&self) -> bool {
        self.kind == "file" && is_plain(&self.path)
    }
}

/// Resolves references to files of datasets.
pub(in crate::sources) struct Listings<'a> {
    hub: &'a Hub,
    client: &'a DownloadClient,
    control: Control<'a>,
    /// Commits by [`DatasetRef::key`]: those from the lock file, and those used.
    known: BTreeMap<String, String>,
    pub(in crate::sources) used: BTreeMap<String, String>,
    /// Completed listings, by URL.
    listed: BTreeMap<Url, Option<Vec<TreeEntry>>>,
}

impl<'a> Listings<'a> {
    pub(in crate::sources) fn new(
        hub: &'a Hub,
        client: &'a DownloadClient,
        control: Control<'a>,
        known: BTreeMap<String, String>,
    ) -> Self {
        Self { hub, client, control, known, used: BTreeMap::new(), listed: BTreeMap::new() }
    }

    /// The files of a dataset, sorted by path.
    ///
    /// # Errors
    /// If the hub does not respond, has no such dataset, revision or file, or requires a token.
    pub(in crate::sources) fn files(&mut self, dataset: &DatasetRef) -> Result<Vec<RemoteFile>, StageError> {
        let commit = self.commit(dataset)?;
        let matcher = dataset.matcher()?;
        let chosen = |entry: &&TreeEntry| {
            let named = || entry.path == dataset.pattern;
            entry.is_file() && matcher.as_ref().map_or_else(named, |matcher| matcher.is_match(&entry.path))
        };
        let folder = dataset.folder();
        let recursive = dataset.pattern[folder.len()..].trim_start_matches('/').contains('/') || folder.is_empty();
        let mut entries = self.tree(dataset, &commit, &folder, recursive)?;
        if entries.is_none() && !folder.is_empty() {
            // The folder does not exist; the error lists the files that do.
            entries = self.tree(dataset, &commit, "", true)?;
        }
        let entries = entries.unwrap_or_default();
        let mut files: Vec<RemoteFile> = entries
            .iter()
            .filter(chosen)
            .map(|entry| RemoteFile {
                origin: format!("{}/{}", dataset.prefix, entry.path),
                url: self.hub.file(dataset, &commit, &entry.path),
                sha256: entry.lfs.as_ref().map(|large| large.oid.to_ascii_lowercase()).filter(|sum| is_sha256(sum)),
            })
            .collect();
        files.sort_by(|a, b| a.origin.cmp(&b.origin));
        files.dedup();
        if files.is_empty() { Err(no_such_file(dataset, &commit, &entries)) } else { Ok(files) }
    }

    /// The commit of a revision.
    fn commit(&mut self, dataset: &DatasetRef) -> Result<String, StageError> {
        let key = dataset.key();
        if let Some(commit) = self.used.get(&key).or_else(|| self.known.get(&key)).cloned() {
            self.used.insert(key, commit.clone());
            return Ok(commit);
        }
        if is_commit(&dataset.revision) {
            return Ok(dataset.revision.clone());
        }
        let reply = self.get(dataset, &self.hub.api_url(dataset, "revision", &dataset.revision, ""))?;
        let reply = reply.ok_or_else(|| unknown_dataset(dataset))?;
        let commit = read::<Revision>(dataset, &reply)?.sha;
        if !is_commit(&commit) {
            return Err(StageError::input(format!("{key}: the hub returned `{commit}`, which is not a commit")));
        }
        self.used.insert(key, commit.clone());
        Ok(commit)
    }

    /// The entries of a folder of a commit, including nested ones if `recursive`; `None` if the folder does not exist.
    fn tree(
        &mut self,
        dataset: &DatasetRef,
        commit: &str,
        folder: &str,
        recursive: bool,
    ) -> Result<Option<Vec<TreeEntry>>, StageError> {
        let mut url = self.hub.api_url(dataset, "tree", commit, folder);
        url.set_query(Some(if recursive { "recursive=true" } else { "recursive=false" }));
        let first = url.clone();
        if let Some(entries) = self.listed.get(&first) {
            return Ok(entries.clone());
        }
        let mut entries: Option<Vec<TreeEntry>> = None;
        for _ in 0..MAX_PAGES {
            let Some(reply) = self.get(dataset, &url)? else { break };
            entries.get_or_insert_default().extend(read::<Vec<TreeEntry>>(dataset, &reply)?);
            match reply.link.as_deref().and_then(next_page).and_then(|next| url.join(next).ok()) {
                Some(next) if next.origin() == self.hub.endpoint.origin() => url = next,
                Some(next) => {
                    let what = format!("{}: the hub's listing continues on another server, {next}", dataset.text());
                    return Err(StageError::input(what));
                }
                None => {
                    self.listed.insert(first, entries.clone());
                    return Ok(entries);
                }
            }
        }
        if entries.is_some() {
            return Err(StageError::input(format!("{}: the hub's listing is incomplete or too long", dataset.text())));
        }
        self.listed.insert(first, None);
        Ok(None)
    }

    /// The response if its status is 200; `None` for status 404.
    fn get(&self, dataset: &DatasetRef, url: &Url) -> Result<Option<ApiResponse>, StageError> {
        let reply = self.client.get(url, MAX_RESPONSE_BYTES, self.control).map_err(crawler_error("remote"))?;
        let reply = reply.ok_or(StageError::Cancelled)?;
        let set = format!("{}/{}", dataset.owner, dataset.name);
        match reply.status {
            200 => Ok(Some(reply)),
            404 => Ok(None),
            status @ (401 | 403) => Err(StageError::input(self.hub.access_error(&dataset.text(), &set, status))),
            status => Err(StageError::input(format!("{}: {url} returned status {status}", dataset.text()))),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(dataset: &DatasetRef, reply: &ApiResponse) -> Result<T, StageError> {
    let hint = "check that `hub` or HF_ENDPOINT is the URL of a hub";
    serde_json::from_slice(&reply.body).map_err(|error| {
        let message = format!("{}: cannot parse the hub's response: {error}", dataset.text());
        StageError::input(UserError::new(message).with_hint(hint))
    })
}

/// The URL with `rel="next"` in a `Link` header field (RFC 8288).
fn next_page(link: &str) -> Option<&str> {
    let (mut rest, mut found) = (link, None);
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, text)| text.split_once('>')) {
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = |parameter: &str| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel") && value.split(' ').any(|word| word.eq_ignore_ascii_case("next"))
        };
        if parameters.split(';').any(is_next) {
            found = Some(target);
            break;
        }
        rest = after;
    }
    found
}

fn unknown_dataset(dataset: &DatasetRef) -> StageError {
    let DatasetRef { owner, name, revision, .. } = dataset;
    let hint = "write hf://datasets/OWNER/NAME@REVISION/PATH; the revision is a branch, a tag or a commit";
    let message =
        format!("{}: the hub has no dataset {owner}/{name}, or no revision `{revision}` of it", dataset.text());
    StageError::input(UserError::new(message).with_hint(hint))
}

/// Maximum number of files named in an error message.
const MAX_FILES_SHOWN: usize = 5;

fn no_such_file(dataset: &DatasetRef, commit: &str, entries: &[TreeEntry]) -> StageError {
    let text = dataset.text();
    if entries.iter().any(|entry| entry.kind == "directory" && entry.path == dataset.pattern) {
        let hint = format!("write {text}/** for all files below it");
        return StageError::input(UserError::new(format!("{text} is a folder")).with_hint(hint));
    }
    let files: Vec<&str> = entries.iter().filter(|entry| entry.is_file()).map(|entry| entry.path.as_str()).collect();
    let near = files.iter().max_by(|a, b| {
        let score = |path: &str| strsim::normalized_levenshtein(path, &dataset.pattern);
        score(a).total_cmp(&score(b)).then_with(|| b.cmp(a))
    });
    let hint = match near {
        Some(near) if !is_glob(&dataset.pattern) => format!("did you mean {}/{near}?", dataset.prefix),
        Some(_) => {
            let more = if files.len() > MAX_FILES_SHOWN { ", …" } else { "" };
            format!(
                "the dataset has {}{more}; `*` matches within a folder, `**` across folders",
                files[..files.len().min(MAX_FILES_SHOWN)].join(", ")
            )
        }
        None => "the dataset has no files in this folder".to_owned(),
    };
    StageError::input(UserError::new(format!("{text}: no such file at commit {commit}")).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_page_link_is_found() {
        for (link, next) in [
            ("<https://h/x?cursor=a,b>; rel=\"next\"", Some("https://h/x?cursor=a,b")),
            ("</first>; rel=first, </second>; title=\"a\"; rel=\"last next\"", Some("/second")),
            ("<a>; REL=next, <b>; rel=prev", Some("a")),
            ("<a>; rel=\"nextish\"", None),
            ("a; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_page(link), next, "{link}");
        }
    }
}
