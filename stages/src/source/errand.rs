//! Files fetched for a source: each into a folder of its own, and what they are to the snapshot.
//!
//! Between the names that `remote` was given and the items of its snapshot.
//!
//! Invariant: a file whose digest is known beforehand lies under that digest, any other under its address.

use std::collections::BTreeMap;

use corpusmill_pipeline::snapshot::Item;
use corpusmill_pipeline::{Digest, StageError};

use super::files::items;
use super::hub::HubFile;
use super::web::crawl_error;
use super::{Surroundings, Watched};
use crate::acquire::listing::ListedFile;
use crate::crawl::{self, Client, Fetched, Wanted};

/// One acquisition under way.
pub(super) struct Errand<'a> {
    pub(super) name: &'a str,
    pub(super) client: &'a Client,
    pub(super) surroundings: &'a Surroundings,
}

impl Errand<'_> {
    /// Fetches files; one result each, in their order.
    pub(super) fn fetch(&self, files: &[HubFile]) -> Result<Vec<Result<Fetched, crawl::Refused>>, StageError> {
        let Surroundings { console, workspace, fresh, .. } = self.surroundings;
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut places = BTreeMap::new();
        let mut order = Vec::new();
        for HubFile { url, sha256, .. } in files {
            // By its digest where that is known, so that another commit with the same file costs nothing.
            let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
            let key = sha256.as_ref().map_or_else(|| url.to_string(), |sum| format!("sha256:{sum}/{name}"));
            order.push(*places.entry(key.clone()).or_insert_with(|| {
                let dir = workspace.remote_dir(Digest::of(key.as_bytes()));
                wanted.push(Wanted { url: url.clone(), dir, sha256: sha256.clone() });
                wanted.len() - 1
            }));
        }
        let bar = console.bar(&format!("{}/remote", self.name), wanted.len() as u64, "files");
        let watched = Watched { surroundings: self.surroundings, bar };
        let fetched = self.client.files(&wanted, *fresh, &watched);
        watched.bar.finish_and_clear();
        let fetched = fetched.map_err(crawl_error).map_err(as_own)?.ok_or(StageError::Cancelled)?;
        Ok(order.into_iter().filter_map(|place| fetched.get(place).cloned()).collect())
    }
}

/// The items of a file that is there.
pub(super) fn items_of(file: &HubFile, fetched: &Fetched) -> Result<Vec<Item>, StageError> {
    let digest: Digest =
        fetched.digest.parse().map_err(|error| StageError::Input(format!("{}: {error}", file.origin)))?;
    let (size, modified) = crate::workspace::stamp(&fetched.path)?;
    let file = ListedFile { path: fetched.path.clone(), origin: file.origin.clone(), bytes: size };
    items(&file, digest, size, modified)
}

/// The message of a crawl's setting as one of this step.
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
