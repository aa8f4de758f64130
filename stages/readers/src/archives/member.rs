//! The limits of an archive, and a member as read from it.
//!
//! The readers of tar and zip yield members; [`Archive`](super::Archive) turns them into documents.
//!
//! Invariant: a member is complete. A member that is cut short, damaged or above a limit is a rejection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::RejectedInput;

/// Limits of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ArchiveSettings {
    /// Maximum length of a member in bytes; longer members are rejected (`too-large`). The default is 16 MiB, as for
    /// any document.
    pub max_document_bytes: u64,
    /// Maximum content read from one archive, in bytes; the rest of the archive is rejected as a whole (`too-large`).
    /// The default is 4 GiB, which exceeds the largest source archives.
    pub max_archive_bytes: u64,
    /// Maximum ratio of decompressed to compressed bytes, checked after 16 MiB; a higher ratio is rejected (`ratio`).
    /// Source code reaches 20; the limit of deflate is 1032.
    pub max_compression_ratio: u64,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self { max_document_bytes: 16 << 20, max_archive_bytes: 4 << 30, max_compression_ratio: 200 }
    }
}

/// The next member of an archive.
pub(crate) enum Member {
    File {
        name: Vec<u8>,
        bytes: Vec<u8>,
    },
    /// A rejected member or, without a name, the rejected rest of the archive.
    Rejected {
        name: Option<Vec<u8>>,
        rule: &'static str,
        value: f64,
        threshold: f64,
        detail: String,
    },
}

impl Member {
    pub(crate) fn rejected(name: Vec<u8>, rule: &'static str, value: f64, threshold: f64, detail: String) -> Self {
        Self::Rejected { name: Some(name), rule, value, threshold, detail }
    }

    /// A member that a rule without a measured value rejects.
    pub(crate) fn matched(name: Vec<u8>, rule: &'static str, detail: String) -> Self {
        Self::rejected(name, rule, 1.0, 0.0, detail)
    }

    pub(crate) fn archive(rule: &'static str, value: f64, threshold: f64, detail: String) -> Self {
        Self::Rejected { name: None, rule, value, threshold, detail }
    }
}

/// Which members are read, by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// All: those of a package, which its publisher chose.
    Any,
    /// Also hidden ones, but neither `.git` nor the metadata of macOS.
    Hidden,
    /// Those of which no part of the name begins with a dot, as in a listing of files.
    Visible,
}

impl NameRule {
    /// Returns the rejection of a member by its name.
    pub(crate) fn rejection(self, origin: &str, name: &str) -> Option<RejectedInput> {
        if self == Self::Any {
            return None;
        }
        let any = |matches: fn(&str) -> bool| name.split('/').any(matches);
        let (rule, detail) = if any(|part| part == ".git") {
            ("hidden", "`.git` is never read")
        } else if any(|part| part == "__MACOSX" || part.starts_with("._")) {
            ("apple-double", "macOS adds these files to archives: they describe other members")
        } else if self == Self::Visible && any(|part| part.starts_with('.')) {
            ("hidden", "set `hidden: true` to read it")
        } else {
            return None;
        };
        Some(RejectedInput::unmeasured(origin, rule).with_detail(detail))
    }
}
