//! Separates prose from code, so that two sources can divide the same archives between them.
//!
//! Invariant: [`ContentKind::of`] depends on the name only and assigns every file to exactly one kind, so a file
//! rejected in one source is never also recorded in the other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::languages;

/// Which files of a source archive a source reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SplitByMedia {
    /// Both prose and code.
    #[default]
    All,
    /// Everything except prose.
    Code,
    /// Markdown, reStructuredText, AsciiDoc and Org.
    Prose,
}

impl SplitByMedia {
    /// Returns true if a source with this setting reads the file; it ignores all other files.
    pub fn includes(self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Code => ContentKind::of(path) == ContentKind::Code,
            Self::Prose => ContentKind::of(path) == ContentKind::Prose,
        }
    }
}

/// The two kinds of files in a source archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// Text for people, such as Markdown.
    Prose,
    /// Everything else.
    Code,
}

impl ContentKind {
    /// Returns the kind of a file by its name.
    pub fn of(path: &str) -> Self {
        if languages::prose_type_of(path).is_some() { Self::Prose } else { Self::Code }
    }

    /// Returns the kind of a document by its media type.
    pub fn of_media_type(media_type: &str) -> Self {
        if languages::is_prose(media_type) { Self::Prose } else { Self::Code }
    }
}

/// Whether a media type is that of source code: `text/x-NAME`, but not a text for people such as `text/x-rst`.
pub fn is_source_code(media_type: &str) -> bool {
    media_type.starts_with("text/x-") && ContentKind::of_media_type(media_type) == ContentKind::Code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_one_kind() {
        for path in ["README.md", "src/lib.rs", "LICENSE", "docs/a.rst", "x"] {
            assert!(SplitByMedia::All.includes(path));
            assert_ne!(SplitByMedia::Code.includes(path), SplitByMedia::Prose.includes(path));
        }
        assert_eq!(ContentKind::of_media_type("text/markdown"), ContentKind::Prose);
        assert_eq!(ContentKind::of_media_type("text/x-rust"), ContentKind::Code);
        assert!(is_source_code("text/x-rust") && !is_source_code("text/markdown") && !is_source_code("text/plain"));
    }
}
