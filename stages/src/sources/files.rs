//! The source `files`: local files, folders, globs and archives of any supported format.
//!
//! Invariant: files are pinned in place by digest, never copied; large ones are split at fixed offsets, so the number
//! of threads changes no partition.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use corpusmill_pipeline::snapshot::{Item, ItemMetadata, Location, RejectedItem, Snapshot};
use corpusmill_pipeline::{Digest, Rejection, StageError, UserError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AcquireContext, reader_error};
use crate::workspace::FileDigests;
use corpusmill_readers::archives::{ArchiveSettings, Compression};
use corpusmill_readers::code::CodeSettings;
use corpusmill_readers::datasets::{ColumnMapping, InvalidUtf8, row_groups, split_at_lines};
use corpusmill_readers::files::FileSettings;
use corpusmill_readers::format::{Format, format_of};
use corpusmill_readers::listing::{ListedFile, ListingSettings, is_glob, list};

/// Settings of the source `files`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Files {
    /// Files, folders and globs (`**` matches across folders), relative to the working directory.
    pub paths: Vec<String>,
    /// Columns of JSON Lines or Parquet for each document field.
    pub columns: ColumnMapping,
    /// How to handle text that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Size limits of archives and documents.
    pub limits: ArchiveSettings,
    /// Read the input as source trees, with these rules for vendored, generated, minified and data files.
    pub code: Option<CodeSettings>,
    /// Read hidden files too, and hidden members of archives.
    pub hidden: bool,
    /// Licence (SPDX expression) of documents that state none.
    pub licence: Option<String>,
    /// Language (ISO 639-3 code) of documents that state none.
    pub language: Option<String>,
}

/// Target size in bytes of the items into which a JSON Lines, Parquet or WARC file of `size` bytes is split: at most 256
/// items up to 16 GiB, so that one file occupies many threads. Depends on nothing but the size, as every machine must
/// find the same items.
fn part_bytes(size: u64) -> u64 {
    const MEBIBYTE: u64 = 1 << 20;
    size.div_ceil(256).next_multiple_of(MEBIBYTE).clamp(4 * MEBIBYTE, 64 * MEBIBYTE)
}

impl Files {
    /// The settings that affect how files are read.
    pub fn file_settings(&self) -> FileSettings {
        FileSettings {
            columns: self.columns.clone(),
            invalid_utf8: self.invalid_utf8,
            limits: self.limits.clone(),
            hidden: self.hidden,
            code: self.code.clone(),
        }
    }

    /// The paths, without globs, at which there is nothing.
    pub fn missing_paths(&self) -> impl Iterator<Item = &str> {
        let is_missing = |path: &&str| !is_glob(path) && !Path::new(path).exists();
        self.paths.iter().map(String::as_str).filter(is_missing)
    }

    /// Lists the files and returns their snapshot.
    ///
    /// # Errors
    /// If a path is missing or cannot be read.
    pub fn acquire(&self, context: &AcquireContext) -> Result<Snapshot, StageError> {
        if self.paths.is_empty() {
            let error = UserError::new("files: `paths` is empty").with_hint("name at least one file, folder or glob");
            return Err(StageError::settings(error));
        }
        let settings = ListingSettings { hidden: self.hidden, exclude: context.outputs.clone() };
        let listing = list(&self.paths, &context.base, &settings).map_err(reader_error)?;
        for path in &listing.excluded {
            context.progress.message(&format!("  {}: not read, since it is an output of this command", path.display()));
        }
        let mut digests = FileDigests::open(&context.workspace);
        let mut snapshot = Snapshot::default();
        for (path, why) in listing.skipped {
            let origin = path.display().to_string();
            let rejection = Rejection::unmeasured("skipped-path").with_detail(why);
            snapshot.rejected.push(RejectedItem { origin, rejection });
        }
        for path in listing.hidden {
            let origin = path.display().to_string();
            let rejection = Rejection::unmeasured("hidden").with_detail("set `hidden: true` to read it");
            snapshot.rejected.push(RejectedItem { origin, rejection });
        }
        for file in listing.files {
            let rejected = |rule: &'static str| RejectedItem {
                origin: file.origin.clone(),
                rejection: Rejection::unmeasured(rule),
            };
            if file.path.to_str().is_none() {
                snapshot.rejected.push(rejected("non-utf8-path"));
            } else if file.bytes == 0 {
                snapshot.rejected.push(rejected("empty-file"));
            } else {
                let (digest, size, modified) = digests.digest(&file.path)?;
                snapshot.items.extend(items(&file, digest, size, modified)?);
            }
        }
        digests.save()?;
        snapshot.sort();
        Ok(snapshot)
    }
}

/// The items of one file: one item, or one per part of a large file in a splittable format.
pub(super) fn items(file: &ListedFile, digest: Digest, size: u64, modified: u64) -> Result<Vec<Item>, StageError> {
    let item = |location, metadata| Item { origin: file.origin.clone(), status: 0, digest, location, metadata };
    let path: Arc<Path> = fs_err::canonicalize(&file.path)?.into();
    let path = || Arc::clone(&path);
    let whole = || -> Result<Vec<Item>, StageError> {
        Ok(vec![item(Location::File { path: path(), size, modified }, ItemMetadata::default())])
    };
    let part_bytes = part_bytes(size);
    if size <= part_bytes {
        return whole();
    }
    match format_of(&file.origin) {
        Some(Format::Jsonl(Compression::None)) => {
            let ranges = split_at_lines(&file.path, part_bytes).map_err(reader_error)?;
            ranges
                .into_iter()
                .map(|range| {
                    let metadata = ItemMetadata::new([("first-line".to_owned(), range.first_line.to_string())].into());
                    let location = Location::Range { path: path(), size, modified, start: range.start, end: range.end };
                    Ok(item(location, metadata))
                })
                .collect()
        }
        Some(Format::Parquet) => {
            let groups = row_groups(&file.path).map_err(reader_error)?;
            let (mut items, mut start, mut bytes) = (Vec::new(), 0u64, 0u64);
            for (index, group) in groups.iter().enumerate() {
                bytes += group.bytes;
                let end = index as u64 + 1;
                if bytes >= part_bytes || index + 1 == groups.len() {
                    items.push(item(
                        Location::Range { path: path(), size, modified, start, end },
                        ItemMetadata::default(),
                    ));
                    (start, bytes) = (end, 0);
                }
            }
            if items.is_empty() { whole() } else { Ok(items) }
        }
        Some(Format::Warc(_)) => {
            let parts = corpusmill_warc::parts(&file.path, part_bytes)
                .map_err(|error| StageError::input(format!("{}: {error}", file.path.display())))?;
            let range = |part: Range<u64>| {
                let location = Location::Range { path: path(), size, modified, start: part.start, end: part.end };
                Ok(item(location, ItemMetadata::default()))
            };
            if parts.len() < 2 { whole() } else { parts.into_iter().map(range).collect() }
        }
        _ => whole(),
    }
}
