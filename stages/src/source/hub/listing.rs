//! What a hub says of a data set: the commit behind a revision, and the files of a commit.
//!
//! Between the names of a recipe and the files that `remote` fetches.
//!
//! Invariant: an answer is believed whole or not at all; a listing that breaks off is an error, not a shorter list.

use std::collections::BTreeMap;

use corpusmill_pipeline::StageError;
use serde::Deserialize;
use url::Url;

use super::{Hub, HubFile, Selection, is_commit, is_plain, is_sha256};
use crate::crawl::{Client, Control, Reply};
use crate::source::web::crawl_error;

/// Bytes of one answer, and answers to one listing.
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

/// Looks data sets up.
pub(in crate::source) struct Listings<'a> {
    hub: &'a Hub,
    client: &'a Client,
    control: &'a dyn Control,
    /// Commits by [`Selection::key`]: those known before, and those that were used.
    known: BTreeMap<String, String>,
    pub(in crate::source) used: BTreeMap<String, String>,
    /// What was listed already: by address.
    listed: BTreeMap<Url, Option<Vec<Entry>>>,
}

impl<'a> Listings<'a> {
    pub(in crate::source) fn new(
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
    /// When the hub does not answer, knows no such data set, revision or file, or lets nobody see it without a token.
    pub(in crate::source) fn files(&mut self, selection: &Selection) -> Result<Vec<HubFile>, StageError> {
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
            // No such folder; what there is, is told.
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

    /// The commit behind a revision.
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
            return Err(StageError::Input(format!("{key}: the hub gives `{commit}` in place of a commit")));
        }
        self.used.insert(key, commit.clone());
        Ok(commit)
    }

    /// What lies in a folder of a commit, with `deep` also further below; nothing where there is no such folder.
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
                    let what = format!("{}: the hub's listing goes on at another server, {next}", selection.text());
                    return Err(StageError::Input(what));
                }
                None => {
                    self.listed.insert(first, entries.clone());
                    return Ok(entries);
                }
            }
        }
        if entries.is_some() {
            return Err(StageError::Input(format!("{}: the hub's listing breaks off or has no end", selection.text())));
        }
        self.listed.insert(first, None);
        Ok(None)
    }

    /// An answer with status 200; nothing where there is no such thing.
    fn ask(&self, selection: &Selection, url: &Url) -> Result<Option<Reply>, StageError> {
        let reply = self.client.ask(url, MAX_ANSWER_BYTES, self.control).map_err(crawl_error)?;
        let reply = reply.ok_or(StageError::Cancelled)?;
        let set = format!("{}/{}", selection.owner, selection.name);
        match reply.status {
            200 => Ok(Some(reply)),
            404 => Ok(None),
            status @ (401 | 403) => Err(StageError::Input(self.hub.locked(&selection.text(), &set, status))),
            status => Err(StageError::Input(format!("{}: {url} gives status {status}", selection.text()))),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(selection: &Selection, reply: &Reply) -> Result<T, StageError> {
    let hint = "see that `hub` or HF_ENDPOINT names a hub";
    serde_json::from_slice(&reply.body).map_err(|error| {
        StageError::Input(format!("{}: the hub's answer cannot be read: {error}\nhint: {hint}", selection.text()))
    })
}

/// The address behind `rel="next"` of a `Link` field (RFC 8288).
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

/// Files of which a message names some.
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
                "there are {}{more}; `*` stays within a folder, `**` does not",
                files[..files.len().min(SHOWN)].join(", ")
            )
        }
        None => "the data set has no files there".to_owned(),
    };
    StageError::Input(format!("{text}: no such file at commit {commit}\nhint: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
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
