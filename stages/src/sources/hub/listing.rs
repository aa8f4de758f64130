//! Queries a hub about a data set: the commit of a revision, and the files of a commit.
//!
//! Used by the source step `remote`, before it fetches any file.
//!
//! Invariant: an incomplete listing is an error, never a shorter list.

use std::collections::BTreeMap;

use corpusmill_pipeline::StageError;
use serde::Deserialize;
use url::Url;

use super::{Hub, HubFile, Selection, is_commit, is_plain, is_sha256};
use crate::sources::crawl::crawl_error;
use corpusmill_crawler::{Client, Control, Reply};

/// Maximum size in bytes of a response, and maximum number of pages of a listing.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
const MAX_PAGES: usize = 10_000;

#[derive(Debug, Deserialize)]
struct Revision {
    sha: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    lfs: Option<Large>,
}

#[derive(Debug, Clone, Deserialize)]
struct Large {
    /// The SHA-256 of the file's bytes.
    oid: String,
}

impl Entry {
    fn is_file(&self) -> bool {
        self.kind == "file" && is_plain(&self.path)
    }
}

/// Resolves references to files of data sets.
pub(in crate::sources) struct Listings<'a> {
    hub: &'a Hub,
    client: &'a Client,
    control: &'a dyn Control,
    /// Commits by [`Selection::key`]: those from the lock file, and those used.
    known: BTreeMap<String, String>,
    pub(in crate::sources) used: BTreeMap<String, String>,
    /// Completed listings, by URL.
    listed: BTreeMap<Url, Option<Vec<Entry>>>,
}

impl<'a> Listings<'a> {
    pub(in crate::sources) fn new(
        hub: &'a Hub,
        client: &'a Client,
        control: &'a dyn Control,
        known: BTreeMap<String, String>,
    ) -> Self {
        Self { hub, client, control, known, used: BTreeMap::new(), listed: BTreeMap::new() }
    }

    /// The files of a selection, sorted by path.
    ///
    /// # Errors
    /// If the hub does not respond, has no such data set, revision or file, or requires a token.
    pub(in crate::sources) fn files(&mut self, selection: &Selection) -> Result<Vec<HubFile>, StageError> {
        let commit = self.commit(selection)?;
        let matcher = selection.matcher()?;
        let chosen = |entry: &&Entry| {
            let named = || entry.path == selection.pattern;
            entry.is_file() && matcher.as_ref().map_or_else(named, |matcher| matcher.is_match(&entry.path))
        };
        let folder = selection.folder();
        let deep = selection.pattern[folder.len()..].trim_start_matches('/').contains('/') || folder.is_empty();
        let mut entries = self.tree(selection, &commit, &folder, deep)?;
        if entries.is_none() && !folder.is_empty() {
            // The folder does not exist; the error lists the files that do.
            entries = self.tree(selection, &commit, "", true)?;
        }
        let entries = entries.unwrap_or_default();
        let mut files: Vec<HubFile> = entries
            .iter()
            .filter(chosen)
            .map(|entry| HubFile {
                origin: format!("{}/{}", selection.prefix, entry.path),
                url: self.hub.file(selection, &commit, &entry.path),
                sha256: entry.lfs.as_ref().map(|large| large.oid.to_ascii_lowercase()).filter(|sum| is_sha256(sum)),
            })
            .collect();
        files.sort_by(|a, b| a.origin.cmp(&b.origin));
        files.dedup();
        if files.is_empty() { Err(nothing(selection, &commit, &entries)) } else { Ok(files) }
    }

    /// The commit of a revision.
    fn commit(&mut self, selection: &Selection) -> Result<String, StageError> {
        let key = selection.key();
        if let Some(commit) = self.used.get(&key).or_else(|| self.known.get(&key)).cloned() {
            self.used.insert(key, commit.clone());
            return Ok(commit);
        }
        if is_commit(&selection.revision) {
            return Ok(selection.revision.clone());
        }
        let reply = self.ask(selection, &self.hub.interface(selection, "revision", &selection.revision, ""))?;
        let reply = reply.ok_or_else(|| missing(selection))?;
        let commit = read::<Revision>(selection, &reply)?.sha;
        if !is_commit(&commit) {
            return Err(StageError::Input(format!("{key}: the hub returned `{commit}`, which is not a commit")));
        }
        self.used.insert(key, commit.clone());
        Ok(commit)
    }

    /// The entries of a folder of a commit, including nested ones if `deep`; `None` if the folder does not exist.
    fn tree(
        &mut self,
        selection: &Selection,
        commit: &str,
        folder: &str,
        deep: bool,
    ) -> Result<Option<Vec<Entry>>, StageError> {
        let mut url = self.hub.interface(selection, "tree", commit, folder);
        url.set_query(Some(if deep { "recursive=true" } else { "recursive=false" }));
        let first = url.clone();
        if let Some(entries) = self.listed.get(&first) {
            return Ok(entries.clone());
        }
        let mut entries: Option<Vec<Entry>> = None;
        for _ in 0..MAX_PAGES {
            let Some(reply) = self.ask(selection, &url)? else { break };
            entries.get_or_insert_default().extend(read::<Vec<Entry>>(selection, &reply)?);
            match reply.link.as_deref().and_then(next_page).and_then(|next| url.join(next).ok()) {
                Some(next) if next.origin() == self.hub.endpoint.origin() => url = next,
                Some(next) => {
                    let what = format!("{}: the hub's listing continues on another server, {next}", selection.text());
                    return Err(StageError::Input(what));
                }
                None => {
                    self.listed.insert(first, entries.clone());
                    return Ok(entries);
                }
            }
        }
        if entries.is_some() {
            return Err(StageError::Input(format!(
                "{}: the hub's listing is incomplete or too long",
                selection.text()
            )));
        }
        self.listed.insert(first, None);
        Ok(None)
    }

    /// The response if its status is 200; `None` for status 404.
    fn ask(&self, selection: &Selection, url: &Url) -> Result<Option<Reply>, StageError> {
        let reply = self.client.ask(url, MAX_ANSWER_BYTES, self.control).map_err(crawl_error)?;
        let reply = reply.ok_or(StageError::Cancelled)?;
        let set = format!("{}/{}", selection.owner, selection.name);
        match reply.status {
            200 => Ok(Some(reply)),
            404 => Ok(None),
            status @ (401 | 403) => Err(StageError::Input(self.hub.locked(&selection.text(), &set, status))),
            status => Err(StageError::Input(format!("{}: {url} returned status {status}", selection.text()))),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(selection: &Selection, reply: &Reply) -> Result<T, StageError> {
    let hint = "check that `hub` or HF_ENDPOINT is the URL of a hub";
    serde_json::from_slice(&reply.body).map_err(|error| {
        StageError::Input(format!("{}: cannot parse the hub's response: {error}\nhint: {hint}", selection.text()))
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

fn missing(selection: &Selection) -> StageError {
    let Selection { owner, name, revision, .. } = selection;
    StageError::Input(format!(
        "{}: the hub has no data set {owner}/{name}, or no revision `{revision}` of it\n\
         hint: write hf://datasets/OWNER/NAME@REVISION/PATH; the revision is a branch, a tag or a commit",
        selection.text()
    ))
}

/// Maximum number of files named in an error message.
const SHOWN: usize = 5;

fn nothing(selection: &Selection, commit: &str, entries: &[Entry]) -> StageError {
    let text = selection.text();
    if entries.iter().any(|entry| entry.kind == "directory" && entry.path == selection.pattern) {
        return StageError::Input(format!("{text} is a folder\nhint: write {text}/** for all files below it"));
    }
    let files: Vec<&str> = entries.iter().filter(|entry| entry.is_file()).map(|entry| entry.path.as_str()).collect();
    let near = files.iter().max_by(|a, b| {
        let score = |path: &str| strsim::normalized_levenshtein(path, &selection.pattern);
        score(a).total_cmp(&score(b)).then_with(|| b.cmp(a))
    });
    let hint = match near {
        Some(near) if !selection.is_glob() => format!("did you mean {}/{near}?", selection.prefix),
        Some(_) => {
            let more = if files.len() > SHOWN { ", …" } else { "" };
            format!(
                "the data set has {}{more}; `*` matches within a folder, `**` across folders",
                files[..files.len().min(SHOWN)].join(", ")
            )
        }
        None => "the data set has no files in this folder".to_owned(),
    };
    StageError::Input(format!("{text}: no such file at commit {commit}\nhint: {hint}"))
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
