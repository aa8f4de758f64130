//! What a snapshot lists: items, where their bytes are, and rejected items.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Digest, Rejection};

/// Metadata of an item from its source, by name. Items with equal metadata share one allocation.
pub type ItemMetadata = Arc<BTreeMap<String, String>>;

/// One file, page or part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Logical address: URL, relative path, `crate:name-version`.
    pub origin: String,
    /// HTTP status, or 0 for a file.
    pub status: u16,
    /// Digest of the whole payload.
    pub digest: Digest,
    /// Current location of the bytes; not part of the identity.
    pub location: Location,
    /// Declared media type and character set, licence, and other metadata from the source; part of the identity.
    #[serde(with = "super::shared", alias = "facts")]
    pub metadata: ItemMetadata,
}

/// Location of an item's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Location {
    /// A whole file.
    File {
        /// Its path.
        #[serde(with = "super::shared")]
        path: Arc<Path>,
        /// Its size in bytes.
        size: u64,
        /// Its modification time when it was pinned, in nanoseconds since the Unix epoch; readers compare it.
        modified: u64,
    },
    /// A record of a WARC file. Its position depends on when it was fetched, so it is not part of the identity.
    Record {
        /// The file's path.
        #[serde(with = "super::shared")]
        path: Arc<Path>,
        /// Size of the whole file in bytes.
        size: u64,
        /// First byte of the record.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// A byte range of a line-oriented file, or row groups of a Parquet file. Its bounds are fixed, so they are part of
    /// the identity.
    Range {
        /// The file's path.
        #[serde(with = "super::shared")]
        path: Arc<Path>,
        /// Size of the whole file in bytes.
        size: u64,
        /// As for a whole file.
        modified: u64,
        /// First byte or row group.
        start: u64,
        /// One past the last.
        end: u64,
    },
}

impl Location {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::Record { path, .. } | Self::Range { path, .. } => path,
        }
    }

    /// The bounds that are part of the identity: those of a [`Location::Range`].
    pub fn bounds(&self) -> Option<(u64, u64)> {
        match self {
            Self::Range { start, end, .. } => Some((*start, *end)),
            Self::File { .. } | Self::Record { .. } => None,
        }
    }

    /// Size and modification time of the file when it was pinned. `None` for a WARC record, since a WARC file grows
    /// during a crawl.
    pub fn stamp(&self) -> Option<(u64, u64)> {
        match self {
            Self::File { size, modified, .. } | Self::Range { size, modified, .. } => Some((*size, *modified)),
            Self::Record { .. } => None,
        }
    }

    /// Size of the whole file in bytes.
    pub fn file_size(&self) -> u64 {
        match self {
            Self::File { size, .. } | Self::Record { size, .. } | Self::Range { size, .. } => *size,
        }
    }
}

/// An item that acquisition found and rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedItem {
    /// Logical address.
    pub origin: String,
    /// Why.
    #[serde(flatten)]
    pub rejection: Rejection,
}
