//! The values found so far, by source; the sources are ranked when the whole page is read.
//!
//! Invariant: [`collapse_whitespace`] returns one line, never empty and at most [`MAX_VALUE_BYTES`] bytes long.

/// Maximum length of a value in bytes; longer values are ignored.
pub(super) const MAX_VALUE_BYTES: usize = 1000;

/// The values of a page that may become its metadata, by source.
#[derive(Default)]
pub(super) struct MetadataCandidates {
    pub(super) json_title: Option<String>,
    pub(super) json_author: Option<String>,
    /// An organisation that JSON-LD names as author: used only if there is no other author.
    pub(super) json_organisation: Option<String>,
    /// The ids of persons whose names are elsewhere in the JSON-LD.
    pub(super) json_author_ids: Vec<String>,
    pub(super) json_persons: Vec<(String, String)>,
    pub(super) json_date: Option<String>,
    pub(super) json_site: Option<String>,
    pub(super) open_title: Option<String>,
    pub(super) open_site: Option<String>,
    pub(super) meta_title: Option<String>,
    pub(super) meta_author: Option<String>,
    pub(super) meta_date: Option<String>,
    pub(super) language: Option<String>,
    /// The first main headings: node and text.
    pub(super) headings: Vec<(usize, String)>,
    pub(super) title: Option<String>,
    pub(super) byline: Option<String>,
    pub(super) shown_author: Option<String>,
    pub(super) time: Option<String>,
    pub(super) shown_date: Option<String>,
    pub(super) near_date: Option<String>,
    pub(super) canonical: Option<String>,
    pub(super) licence: Option<String>,
    pub(super) licence_link: Option<String>,
}

/// The value with white space collapsed; `None` if it is empty or too long.
pub(super) fn collapse_whitespace(value: &str) -> Option<String> {
    let squashed = value.split_whitespace().collect::<Vec<_>>().join(" ");
    (!squashed.is_empty() && squashed.len() <= MAX_VALUE_BYTES).then_some(squashed)
}

/// Whether a value is an address or a handle, not a name.
pub(super) fn is_url_or_handle(value: &str) -> bool {
    value.starts_with("http://") || value.starts_with("https://") || value.starts_with('@')
}
