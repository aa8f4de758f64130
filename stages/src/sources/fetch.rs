//! Fetches the files of a source, each into its own folder, and makes snapshot items of them.
//!
//! Used by the source `remote`, between resolving its references and writing its snapshot.
//!
//! Invariant: a file's folder is named by its digest if that is known in advance, otherwise by its URL.

use std::collections::BTreeMap;

use corpusmill_pipeline::snapshot::Item;
use corpusmill_pipeline::{Digest, StageError};

use super::files::items;
use super::hub::RemoteFile;
use super::{AcquireContext, crawler_error};
use corpusmill_crawler::{self as crawl, DownloadClient, DownloadRequest, DownloadedFile};
use corpusmill_readers::listing::ListedFile;

/// Fetches the files of one acquisition.
pub(super) struct Fetcher<'a> {
    pub(super) name: &'a str,
    pub(super) client: &'a DownloadClient,
    pub(super) context: &'a AcquireContext,
}

impl Fetcher<'_> {
    /// Fetches files; returns one result per file, in order.
    pub(super) fn fetch(
        &self,
        files: &[RemoteFile],
    ) -> Result<Vec<Result<DownloadedFile, crawl::RejectedUrl>>, StageError> {
        let AcquireContext { workspace, fresh, .. } = self.context;
        let mut wanted: Vec<DownloadRequest> = Vec::new();
        let mut indices = BTreeMap::new();
        let mut result_indices = Vec::new();
        for RemoteFile { url, sha256, .. } in files {
            // Keyed by digest if known, so that another commit with the same file does not fetch it again.
            let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
            let key = sha256.as_ref().map_or_else(|| url.to_string(), |sum| format!("sha256:{sum}/{name}"));
            result_indices.push(*indices.entry(key.clone()).or_insert_with(|| {
                let dir = workspace.remote_dir(Digest::of(key.as_bytes()));
                wanted.push(DownloadRequest { url: url.clone(), dir, sha256: sha256.clone() });
                wanted.len() - 1
            }));
        }
        let work = format!("{}/remote", self.name);
        let fetched = self.client.files(&wanted, *fresh, self.context.control(&work));
        let fetched = fetched.map_err(crawler_error("remote"))?.ok_or(StageError::Cancelled)?;
        Ok(result_indices.into_iter().filter_map(|index| fetched.get(index).cloned()).collect())
    }
}

/// The snapshot items of a fetched file.
pub(super) fn fetched_items(file: &RemoteFile, fetched: &DownloadedFile) -> Result<Vec<Item>, StageError> {
    let digest: Digest =
        fetched.digest.parse().map_err(|error| StageError::input(format!("{}: {error}", file.origin)))?;
    let (size, modified) = crate::workspace::size_and_mtime(&fetched.path)?;
    let file = ListedFile { path: fetched.path.clone(), origin: file.origin.clone(), bytes: size };
    items(&file, digest, size, modified)
}
