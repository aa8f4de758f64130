//! The source step `files`: local files, folders, globs and archives of any format that corpusmill reads.
//!
//! Invariant: large files are pinned in place by digest, never copied; big ones are split at fixed bounds, so the
//! number of threads changes no partition.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use corpusmill_pipeline::snapshot::{Facts, Item, Location, Refused, Snapshot};
use corpusmill_pipeline::{Digest, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Surroundings, acquire_error};
use crate::acquire::archive::ArchiveSettings;
use crate::acquire::code_files::CodeSettings;
use crate::acquire::columns::{ColumnMapping, InvalidUtf8};
use crate::acquire::compress::Compression;
use crate::acquire::files::FileSettings;
use crate::acquire::format::{Format, format_of};
use crate::acquire::listing::{ListedFile, ListingSettings, list};
use crate::acquire::{jsonl, parquet};
use crate::workspace::FileDigests;

/// Settings of the source step `files`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Files {
    /// Files, folders and globs (`**` crosses folders), relative to the working directory.
    pub paths: Vec<String>,
    /// Which column of JSON lines or Parquet holds what.
    pub columns: ColumnMapping,
    /// What to do with text that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Limits of archives and documents.
    pub limits: ArchiveSettings,
    /// Treat the input as source trees, with the rules for vendored, generated, minified and data files.
    pub code: Option<CodeSettings>,
    /// Take hidden files as well.
    pub hidden: bool,
    /// The licence (SPDX) of documents that name none.
    pub licence: Option<String>,
    /// The language (ISO 639-3) of documents that name none.
    pub language: Option<String>,
}

/// Uncompressed JSON lines, Parquet row groups and WARC files are split into items of about this many bytes.
const SPLIT_BYTES: u64 = 64 << 20;

impl Files {
    /// The part of the settings that reading depends on.
    pub fn reading(&self) -> FileSettings {
        FileSettings {
            columns: self.columns.clone(),
            invalid_utf8: self.invalid_utf8,
            limits: self.limits.clone(),
            code: self.code.clone(),
        }
    }

    /// Lists the files and pins them.
    ///
    /// # Errors
    /// When a path is missing or cannot be read.
    pub fn acquire(&self, surroundings: &Surroundings) -> Result<Snapshot, StageError> {
        if self.paths.is_empty() {
            return Err(StageError::Settings("files: `paths` is empty; name at least one file, folder or glob".into()));
        }
        let settings = ListingSettings { hidden: self.hidden };
        let listing = list(&self.paths, &surroundings.base, &settings).map_err(acquire_error)?;
        let mut digests = FileDigests::open(&surroundings.workspace);
        let mut snapshot = Snapshot::default();
        for (path, why) in listing.passed_over {
            let origin = path.display().to_string();
            let detail = Some(why.to_owned());
            snapshot.refused.push(Refused { origin, rule: "passed-over".into(), value: 1.0, threshold: 0.0, detail });
        }
        for path in listing.hidden {
            let detail = Some("`hidden: true` takes it".to_owned());
            let (origin, rule) = (path.display().to_string(), "hidden".to_owned());
            snapshot.refused.push(Refused { origin, rule, value: 1.0, threshold: 0.0, detail });
        }
        for file in listing.files {
            let refuse = |rule: &str| Refused {
                origin: file.origin.clone(),
                rule: rule.to_owned(),
                value: 0.0,
                threshold: 1.0,
                detail: None,
            };
            if file.path.to_str().is_none() {
                snapshot.refused.push(refuse("bad-name"));
            } else if file.bytes == 0 {
                snapshot.refused.push(refuse("empty-file"));
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

/// The items of one file: one, or one for each part of a large file that can be split.
pub(super) fn items(file: &ListedFile, digest: Digest, size: u64, modified: u64) -> Result<Vec<Item>, StageError> {
    let item = |location, facts| Item { origin: file.origin.clone(), status: 0, digest, location, facts };
    let path: Arc<Path> = fs_err::canonicalize(&file.path)?.into();
    let path = || Arc::clone(&path);
    let whole = || -> Result<Vec<Item>, StageError> {
        Ok(vec![item(Location::File { path: path(), size, modified }, Facts::default())])
    };
    if size <= SPLIT_BYTES {
        return whole();
    }
    match format_of(&file.origin) {
        Some(Format::Jsonl(Compression::None)) => {
            let ranges = jsonl::split_lines(&file.path, SPLIT_BYTES).map_err(acquire_error)?;
            ranges
                .into_iter()
                .map(|range| {
                    let facts = Facts::new([("first-line".to_owned(), range.first_line.to_string())].into());
                    let location = Location::Range { path: path(), size, modified, start: range.start, end: range.end };
                    Ok(item(location, facts))
                })
                .collect()
        }
        Some(Format::Parquet) => {
            let groups = parquet::row_groups(&file.path).map_err(acquire_error)?;
            let (mut items, mut start, mut bytes) = (Vec::new(), 0u64, 0u64);
            for (index, group) in groups.iter().enumerate() {
                bytes += group.bytes;
                let end = index as u64 + 1;
                if bytes >= SPLIT_BYTES || index + 1 == groups.len() {
                    items.push(item(Location::Range { path: path(), size, modified, start, end }, Facts::default()));
                    (start, bytes) = (end, 0);
                }
            }
            if items.is_empty() { whole() } else { Ok(items) }
        }
        Some(Format::Warc(_)) => {
            let parts = crate::warc::parts(&file.path, SPLIT_BYTES)
                .map_err(|error| StageError::Input(format!("{}: {error}", file.path.display())))?;
            let range = |part: Range<u64>| {
                let location = Location::Range { path: path(), size, modified, start: part.start, end: part.end };
                Ok(item(location, Facts::default()))
            };
            if parts.len() < 2 { whole() } else { parts.into_iter().map(range).collect() }
        }
        _ => whole(),
    }
}
