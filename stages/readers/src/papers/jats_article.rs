//! A converted JATS article, and why a file is none.
//!
//! Invariant: the licence of an article is an SPDX identifier.

/// A converted article.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Article {
    /// The article as Markdown, with its title as the first heading.
    pub text: String,
    /// Its title.
    pub title: Option<String>,
    /// SPDX identifier of a Creative Commons licence, if the article links to one.
    pub licence: Option<String>,
    /// `xml:lang` of the article.
    pub language: Option<String>,
}

/// The reason why an XML file is not an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JatsError {
    /// Rule: `bad-xml` or `not-jats`.
    pub rule: &'static str,
    /// Byte offset of the problem.
    pub position: usize,
    /// Description of the problem.
    pub detail: String,
}

/// Converts a Creative Commons link to its SPDX identifier; `None` for a link that is not a licence.
pub(super) fn licence(link: &str) -> Option<String> {
    let path = link.split_once("creativecommons.org/")?.1.trim_end_matches('/');
    let mut parts = path.split('/');
    let (kind, name, version) = (parts.next()?, parts.next()?, parts.next().unwrap_or("4.0"));
    match kind {
        "licenses" => Some(format!("CC-{}-{version}", name.to_ascii_uppercase())),
        "publicdomain" if name == "zero" => Some("CC0-1.0".to_owned()),
        _ => None,
    }
}
