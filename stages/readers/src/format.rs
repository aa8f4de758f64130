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
    /// WARC: `.warc`, `.warc.gz`, `.warc.zst`, and `.warc.wet` (as Common Crawl names the texts of its pages), also `.gz`
    /// and `.zst`.
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
    (".warc.wet", Format::Warc(Compression::None)),
    (".warc.wet.gz", Format::Warc(Compression::Gzip)),
    (".warc.wet.zst", Format::Warc(Compression::Zstd)),
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

/// The media type of a file whose name says nothing about its content.
pub(crate) const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Extensions of text that has no format of its own here, without the dot: logs, settings, subtitles, markup.
const TEXT_EXTENSIONS: &[&str] = &[
    "bib",
    "cfg",
    "conf",
    "creole",
    "diff",
    "json",
    "log",
    "mediawiki",
    "nfo",
    "patch",
    "pod",
    "properties",
    "qmd",
    "rmd",
    "srt",
    "texi",
    "texinfo",
    "textile",
    "vtt",
    "wiki",
];
/// Length of the longest extension; what follows a dot in a longer name is a word.
const MAX_EXTENSION_BYTES: usize = 10;

/// What the readers read, for the details of rejections.
pub(crate) const READ_FORMATS: &str = "WARC, ARC, Parquet, JSON Lines, tar and zip archives, plain text, Markdown, \
    reStructuredText, HTML, LaTeX, JATS, source code, and text without extension";

/// Returns the lower-case extension of a name if it is of a kind that is no text; `None` if the file may be text, such
/// as `README`, `page.1` or `Vol. 2`.
///
/// Only for names without [`format_of`], and for those of a format that contains several documents.
pub(crate) fn unknown_extension(path: &str) -> Option<String> {
    let name = file_name(path).to_ascii_lowercase();
    let extension = languages::extension(&name)?;
    let is_kind = extension.len() <= MAX_EXTENSION_BYTES
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_text = TEXT_EXTENSIONS.contains(&extension) || languages::prose_type_of(&name).is_some();
    (is_kind && !is_text).then(|| extension.to_owned())
}

/// Removes the `#2` that distinguishes members of one name from the origin of a member.
pub(crate) fn without_duplicate_suffix(origin: &str) -> &str {
    match origin.rsplit_once('#') {
        Some((path, count))
            if path.contains('!') && !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            path
        }
        _ => origin,
    }
}

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
        Format::Html if path.to_ascii_lowercase().ends_with(".xhtml") => Some("application/xhtml+xml"),
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
        assert_eq!(format_of("CC-MAIN-1.warc.wet.gz"), Some(Format::Warc(Compression::Gzip)));
        assert_eq!(format_of("README.md"), Some(Format::Markdown));
        assert_eq!(format_of("Makefile"), Some(Format::Code("text/x-makefile")));
        assert_eq!(format_of("a.gz"), None);
        assert_eq!(format_of(".md"), None);
        assert_eq!(format_of(""), None);
        assert_eq!(media_type_of("a/b.tex"), Some("text/x-tex"));
        assert_eq!(media_type_of("a/B.XHTML"), Some("application/xhtml+xml"));
        assert_eq!(media_type_of("a/b.zip"), None);
    }

    #[test]
    fn extensions_of_unknown_kinds() {
        for (name, extension) in [("a/b.CSV", "csv"), ("x.tar.bz2", "bz2"), ("b.jsonl", "jsonl")] {
            assert_eq!(unknown_extension(name).as_deref(), Some(extension));
        }
        for name in
            ["README", ".profile", "a.rst", "a.json", "a.7", "St. Mary of the Woods", "a.b-c", "a.", "no.extension12"]
        {
            assert_eq!(unknown_extension(name), None, "{name}");
        }
        assert!(TEXT_EXTENSIONS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
