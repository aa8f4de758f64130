//! Detects the format of a file by its extension.
//!
//! Invariant: the result depends on the name only, so that a listing can be planned without opening a file.

use crate::archives::compress::Compression;
use crate::code::languages::{self, file_name};

/// The supported file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet: `.parquet`, `.pq`.
    Parquet,
    /// JSON Lines: `.jsonl`, `.ndjson`, `.jsonlines`, each also `.gz` and `.zst`; `.json.gz` and `.json.zst` (as C4 is
    /// published).
    Jsonl(Compression),
    /// WARC: `.warc`, `.warc.gz`, `.warc.zst`.
    Warc(Compression),
    /// ARC, the predecessor of WARC: `.arc`, `.arc.gz`.
    Arc,
    /// Packaged crate of crates.io: `.crate`, a gzipped tar.
    Crate,
    /// Tar: `.tar`, `.tar.gz`, `.tgz`, `.tar.zst`.
    Tar(Compression),
    /// Zip: `.zip`.
    Zip,
    /// Plain text: `.txt`, `.text`.
    Text,
    /// Markdown: `.md`, `.markdown`, `.mdown`, `.mkd`, `.mdx`.
    Markdown,
    /// HTML: `.html`, `.htm`, `.xhtml`.
    Html,
    /// LaTeX: `.tex`, `.latex`, `.ltx`.
    Latex,
    /// XML, read as a JATS article: `.xml`, `.nxml`, `.jats`.
    Xml,
    /// PDF: `.pdf`; rejected with advice on conversion.
    Pdf,
    /// Source code, with its media type.
    Code(&'static str),
}

const EXTENSIONS: &[(&str, Format)] = &[
    (".parquet", Format::Parquet),
    (".pq", Format::Parquet),
    (".jsonl", Format::Jsonl(Compression::None)),
    (".ndjson", Format::Jsonl(Compression::None)),
    (".jsonlines", Format::Jsonl(Compression::None)),
    (".jsonl.gz", Format::Jsonl(Compression::Gzip)),
    (".ndjson.gz", Format::Jsonl(Compression::Gzip)),
    (".jsonlines.gz", Format::Jsonl(Compression::Gzip)),
    (".json.gz", Format::Jsonl(Compression::Gzip)),
    (".jsonl.zst", Format::Jsonl(Compression::Zstd)),
    (".ndjson.zst", Format::Jsonl(Compression::Zstd)),
    (".jsonlines.zst", Format::Jsonl(Compression::Zstd)),
    (".json.zst", Format::Jsonl(Compression::Zstd)),
    (".warc", Format::Warc(Compression::None)),
    (".warc.gz", Format::Warc(Compression::Gzip)),
    (".warc.zst", Format::Warc(Compression::Zstd)),
    (".arc", Format::Arc),
    (".arc.gz", Format::Arc),
    (".crate", Format::Crate),
    (".tar", Format::Tar(Compression::None)),
    (".tar.gz", Format::Tar(Compression::Gzip)),
    (".tgz", Format::Tar(Compression::Gzip)),
    (".tar.zst", Format::Tar(Compression::Zstd)),
    (".zip", Format::Zip),
    (".txt", Format::Text),
    (".text", Format::Text),
    (".md", Format::Markdown),
    (".markdown", Format::Markdown),
    (".mdown", Format::Markdown),
    (".mkd", Format::Markdown),
    (".mdx", Format::Markdown),
    (".html", Format::Html),
    (".htm", Format::Html),
    (".xhtml", Format::Html),
    (".tex", Format::Latex),
    (".latex", Format::Latex),
    (".ltx", Format::Latex),
    (".xml", Format::Xml),
    (".nxml", Format::Xml),
    (".jats", Format::Xml),
    (".pdf", Format::Pdf),
];

/// Returns the format of a file by its case-insensitive extension; `None` if the extension is unknown.
///
/// ```
/// # use corpusmill_readers::{archives::Compression, format::{Format, format_of}};
/// assert_eq!(format_of("data/c4.00000.json.gz"), Some(Format::Jsonl(Compression::Gzip)));
/// assert_eq!(format_of("src/main.rs"), Some(Format::Code("text/x-rust")));
/// assert_eq!(format_of("photo.jpeg"), None);
/// ```
pub fn format_of(path: &str) -> Option<Format> {
    let name = file_name(path).to_ascii_lowercase();
    let known = EXTENSIONS
        .iter()
        .filter(|(extension, _)| name.len() > extension.len() && name.ends_with(extension))
        .max_by_key(|(extension, _)| extension.len());
    match known {
        Some((_, format)) => Some(*format),
        None => languages::media_type_of(path).map(Format::Code),
    }
}

/// Returns the media type of a file by its extension, for formats that contain one document.
pub fn media_type_of(path: &str) -> Option<&'static str> {
    match format_of(path)? {
        Format::Text => Some("text/plain"),
        Format::Markdown => Some("text/markdown"),
        Format::Html => Some("text/html"),
        Format::Latex => Some("text/x-tex"),
        Format::Xml => Some("application/xml"),
        Format::Pdf => Some("application/pdf"),
        Format::Code(media_type) => Some(media_type),
        Format::Parquet
        | Format::Jsonl(_)
        | Format::Warc(_)
        | Format::Arc
        | Format::Crate
        | Format::Tar(_)
        | Format::Zip => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_extension_wins() {
        assert_eq!(format_of("a.tar.gz"), Some(Format::Tar(Compression::Gzip)));
        assert_eq!(format_of("x/serde-1.0.0.crate"), Some(Format::Crate));
        assert_eq!(format_of("A.JSONL.ZST"), Some(Format::Jsonl(Compression::Zstd)));
        assert_eq!(format_of("a.warc.gz"), Some(Format::Warc(Compression::Gzip)));
        assert_eq!(format_of("README.md"), Some(Format::Markdown));
        assert_eq!(format_of("Makefile"), Some(Format::Code("text/x-makefile")));
        assert_eq!(format_of("a.gz"), None);
        assert_eq!(format_of(".md"), None);
        assert_eq!(format_of(""), None);
        assert_eq!(media_type_of("a/b.tex"), Some("text/x-tex"));
        assert_eq!(media_type_of("a/b.zip"), None);
    }
}
