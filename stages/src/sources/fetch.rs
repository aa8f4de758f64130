//! Fetches the files of a source, each into its own folder, and makes snapshot items of them.
//!
//! Used by the source step `remote`, between resolving its references and writing its snapshot.
//!
//! Invariant: a file's folder is named by its digest if that is known in advance, otherwise by its URL.

use std::collections::BTreeMap;

use corpusmill_pipeline::snapshot::Item;
use corpusmill_pipeline::{Digest, StageError};

use super::crawl::crawl_error;
use super::files::items;
use super::hub::HubFile;
use super::{FetchProgress, Surroundings};
use corpusmill_crawler::{self as crawl, Client, Fetched, Wanted};
use corpusmill_readers::listing::ListedFile;

/// Fetches the files of one acquisition.
pub(super) struct Errand<'a> {
    pub(super) name: &'a str,
    pub(super) client: &'a Client,
    pub(super) surroundings: &'a Surroundings,
}

impl Errand<'_> {
    /// Fetches files; returns one result per file, in order.
    pub(super) fn fetch(&self, files: &[HubFile]) -> Result<Vec<Result<Fetched, crawl::Refused>>, StageError> {
        let Surroundings { workspace, fresh, .. } = self.surroundings;
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut places = BTreeMap::new();
        let mut order = Vec::new();
        for HubFile { url, sha256, .. } in files {
            // Keyed by digest if known, so that another commit with the same file does not fetch it again.
            let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
            let key = sha256.as_ref().map_or_else(|| url.to_string(), |sum| format!("sha256:{sum}/{name}"));
            order.push(*places.entry(key.clone()).or_insert_with(|| {
                let dir = workspace.remote_dir(Digest::of(key.as_bytes()));
                wanted.push(Wanted { url: url.clone(), dir, sha256: sha256.clone() });
                wanted.len() - 1
            }));
        }
        let total = wanted.len() as u64;
        let watched = FetchProgress::start(self.surroundings, format!("{}/remote", self.name), total, "files");
        let fetched = self.client.files(&wanted, *fresh, &watched);
        drop(watched);
        let fetched = fetched.map_err(crawl_error).map_err(as_own)?.ok_or(StageError::Cancelled)?;
        Ok(order.into_iter().filter_map(|place| fetched.get(place).cloned()).collect())
    }
}

/// The snapshot items of a fetched file.
pub(super) fn items_of(file: &HubFile, fetched: &Fetched) -> Result<Vec<Item>, StageError> {
    let digest: Digest =
        fetched.digest.parse().map_err(|error| StageError::Input(format!("{}: {error}", file.origin)))?;
    let (size, modified) = crate::workspace::stamp(&fetched.path)?;
    let file = ListedFile { path: fetched.path.clone(), origin: file.origin.clone(), bytes: size };
    items(&file, digest, size, modified)
}

/// Rewrites a message about a crawler setting to name the setting of this step.
pub(super) fn as_own(error: StageError) -> StageError {
    match error {
        StageError::Settings(text) => StageError::Settings(
            text.replacen("crawl: crawl setting", "remote:", 1)
                .replace("`seeds`", "`urls`")
                .replace("`max-page-bytes`", "`max-file-bytes`"),
        ),
        other => other,
    }
}
