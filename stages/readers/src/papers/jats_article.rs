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

/// The licences of Creative Commons, as their links name them, and their SPDX identifiers without the version.
const LICENCES: [(&str, &str); 7] = [
    ("by", "CC-BY"),
    ("by-sa", "CC-BY-SA"),
    ("by-nd", "CC-BY-ND"),
    ("by-nc", "CC-BY-NC"),
    ("by-nc-sa", "CC-BY-NC-SA"),
    ("by-nc-nd", "CC-BY-NC-ND"),
    // The order of its first version.
    ("by-nd-nc", "CC-BY-NC-ND"),
];
/// The versions of these licences.
const VERSIONS: [&str; 5] = ["1.0", "2.0", "2.5", "3.0", "4.0"];

/// Converts a Creative Commons link to its SPDX identifier; `None` for a link that is not a licence.
///
/// A link without a version is none: SPDX has no identifier for it, and the versions have different terms. A port to the
/// law of one country, such as `by/3.0/us`, is given as the licence of its name and version.
pub(super) fn licence(link: &str) -> Option<String> {
    let link = link.trim().to_ascii_lowercase();
    let path = link.split_once("creativecommons.org/")?.1;
    let mut parts = path.split(['?', '#']).next()?.split('/').filter(|part| !part.is_empty());
    let (kind, name) = (parts.next()?, parts.next()?);
    match kind {
        "licenses" => {
            let (_, identifier) = LICENCES.iter().find(|(written, _)| *written == name)?;
            let version = parts.next().filter(|version| VERSIONS.contains(version))?;
            Some(format!("{identifier}-{version}"))
        }
        // It has one version.
        "publicdomain" if name == "zero" => Some("CC0-1.0".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_licences_have_an_identifier() {
        for (path, expected) in [
            ("licenses/by/4.0/", Some("CC-BY-4.0")),
            ("licenses/by-nc-nd/3.0", Some("CC-BY-NC-ND-3.0")),
            ("licenses/by-nd-nc/1.0/", Some("CC-BY-NC-ND-1.0")),
            ("/licenses/BY-SA/2.5/deed.en_GB", Some("CC-BY-SA-2.5")),
            ("licenses/by-nc/4.0#terms", Some("CC-BY-NC-4.0")),
            ("licenses/by/3.0/us/legalcode", Some("CC-BY-3.0")),
            ("publicdomain/zero/1.0/", Some("CC0-1.0")),
            ("publicdomain/mark/1.0/", None),
            ("licenses/foo/4.0/", None),
            ("licenses/by/", None),
            ("licenses/by/deed.en", None),
            ("licenses/by/5.0/", None),
            ("licenses/", None),
            ("", None),
        ] {
            for scheme in ["http://", "https://www.", ""] {
                let link = format!("{scheme}creativecommons.org/{path}");
                assert_eq!(licence(&link).as_deref(), expected, "{link}");
            }
        }
        assert_eq!(licence("https://example.org/licenses/by/4.0/"), None);
    }
}
