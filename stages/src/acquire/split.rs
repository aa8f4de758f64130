//! Prose told from code, so that two sources can take their share of the same archives.
//!
//! Invariant: [`Side::of`] looks at the name only and gives every file exactly one side, so that a file refused in one source is
//! never on record in the other too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::languages;

/// Which side of a source archive a source takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SplitByMedia {
    /// Prose and code alike.
    #[default]
    All,
    /// Everything that is not prose.
    Code,
    /// Markdown, `reStructuredText`, `AsciiDoc` and Org.
    Prose,
}

impl SplitByMedia {
    /// True where a source with this setting takes the file; the others' files are not its business.
    pub fn takes(self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Code => Side::of(path) == Side::Code,
            Self::Prose => Side::of(path) == Side::Prose,
        }
    }
}

/// The two sides of a source archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Text for people: Markdown and its like.
    Prose,
    /// All else.
    Code,
}

impl Side {
    /// The side of a file, by its name.
    pub fn of(path: &str) -> Self {
        if languages::prose_type_of(path).is_some() { Self::Prose } else { Self::Code }
    }

    /// The side of a document, by its media type.
    pub fn of_media_type(media_type: &str) -> Self {
        if languages::is_prose(media_type) { Self::Prose } else { Self::Code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_one_taker() {
        for path in ["README.md", "src/lib.rs", "LICENSE", "docs/a.rst", "x"] {
            assert!(SplitByMedia::All.takes(path));
            assert_ne!(SplitByMedia::Code.takes(path), SplitByMedia::Prose.takes(path));
        }
        assert_eq!(Side::of_media_type("text/markdown"), Side::Prose);
        assert_eq!(Side::of_media_type("text/x-rust"), Side::Code);
    }
}
