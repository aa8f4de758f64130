//! Converts the bytes of one file to text: media type, encoding, and the readers of Markdown, LaTeX and JATS.
//!
//! HTML is passed on as bytes: the clean stage detects its encoding.
//!
//! Invariant: each input document yields one document or one rejection.

use super::{encoding, front_matter};
use crate::datasets::{ColumnMapping, json_array};
use crate::document::len_f64;
use crate::format::{READ_FORMATS, UNKNOWN_TYPE, unknown_extension, without_duplicate_suffix};
use crate::papers::{jats, latex};
use crate::{Body, RawDocument, ReaderItem, RejectedInput, format};

/// Returns the media type of a file by its extension, corrected by its first bytes.
///
/// A PDF is recognized under any name, and an HTML page or XML under any name without a known extension. Otherwise, no
/// extension or a text extension yields `text/plain`; binary content and unsupported extensions yield
/// `application/octet-stream`.
pub fn media_type(path: &str, bytes: &[u8]) -> &'static str {
    if encoding::is_pdf(bytes) {
        return "application/pdf";
    }
    if let Some(known) = format::media_type_of(path) {
        return known;
    }
    if encoding::reject_binary(path, bytes).is_some() {
        return UNKNOWN_TYPE;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(512)])
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_ascii_lowercase();
    if head.starts_with("<!doctype html") || head.starts_with("<html") {
        "text/html"
    } else if head.starts_with("<?xml") {
        "application/xml"
    } else if unknown_extension(without_duplicate_suffix(path)).is_some() || is_nested_dataset(path, bytes) {
        UNKNOWN_TYPE
    } else {
        "text/plain"
    }
}

/// Whether a member of an archive is JSON that would be read as rows if it were a file.
fn is_nested_dataset(path: &str, bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(json_array::SNIFF_BYTES)];
    path.contains('!')
        && without_duplicate_suffix(path).to_ascii_lowercase().ends_with(".json")
        && json_array::is_dataset(head, &ColumnMapping::default())
}

/// The rejection of an unsupported format: otherwise, a whole table would become one document.
fn unknown_format(origin: &str) -> RejectedInput {
    let name = without_duplicate_suffix(origin);
    let detail = match unknown_extension(name) {
        Some(extension) if format::format_of(name).is_none() => {
            format!("unsupported format `.{extension}`: convert it to one of {READ_FORMATS}")
        }
        _ => "datasets and archives nested in an archive are not supported: unpack the outer archive".to_owned(),
    };
    RejectedInput::unmeasured(origin, "unknown-format").with_detail(detail)
}

/// Converts a document as stored into a document of text, by its media type.
///
/// - `text/html` is passed on unchanged.
/// - `text/markdown` is decoded; the title comes from front matter or the first heading.
/// - `text/x-tex` and `application/xml` (JATS) become Markdown.
/// - `application/pdf` is rejected by rule `pdf`, binary content by `binary`, undecodable text by `bad-encoding`, and
///   `application/octet-stream` by `unknown-format` if name and content tell no type.
/// - Any other type is decoded and kept.
pub fn to_text(mut document: RawDocument) -> ReaderItem {
    if document.media_type == UNKNOWN_TYPE {
        media_type(&document.origin, document.body.as_bytes()).clone_into(&mut document.media_type);
    }
    if document.media_type == "application/pdf" || encoding::is_pdf(document.body.as_bytes()) {
        let detail = "PDF is not supported: convert it first (for example with `pdftotext -layout FILE.pdf FILE.txt`), or take the paper's LaTeX or JATS source";
        return ReaderItem::Rejected(RejectedInput::unmeasured(document.origin, "pdf").with_detail(detail));
    }
    if matches!(document.media_type.as_str(), "text/html" | "application/xhtml+xml") {
        return ReaderItem::Document(document);
    }
    match decode_body(document) {
        Ok(document) => convert(document),
        Err(rejected) => ReaderItem::Rejected(rejected),
    }
}

/// Decodes the document's body to text.
fn decode_body(mut document: RawDocument) -> Result<RawDocument, RejectedInput> {
    if let Body::Bytes(bytes) = document.body {
        if let Some(rejected) = encoding::reject_binary(&document.origin, &bytes) {
            return Err(rejected);
        }
        if document.media_type == UNKNOWN_TYPE {
            return Err(unknown_format(&document.origin));
        }
        let (text, name) = encoding::decode(&document.origin, bytes)?;
        document.body = Body::Text(text);
        document.encoding = name;
    }
    Ok(document)
}

fn convert(mut document: RawDocument) -> ReaderItem {
    let Body::Text(text) = &document.body else { return ReaderItem::Document(document) };
    match document.media_type.as_str() {
        "text/markdown" => {
            document.title = document.title.or_else(|| front_matter::title(text));
            ReaderItem::Document(document)
        }
        "text/x-tex" => {
            let converted = latex::to_markdown(text);
            document.title = document.title.or(converted.title);
            document.body = Body::Text(converted.text);
            "text/markdown".clone_into(&mut document.media_type);
            ReaderItem::Document(document)
        }
        "application/xml" => match jats::to_markdown(text) {
            Ok(article) => {
                document.title = document.title.or(article.title);
                document.licence = document.licence.or(article.licence);
                document.language = document.language.or(article.language);
                document.body = Body::Text(article.text);
                "text/markdown".clone_into(&mut document.media_type);
                ReaderItem::Document(document)
            }
            Err(problem) => {
                let rejected = RejectedInput::new(document.origin, problem.rule, len_f64(problem.position), 0.0);
                ReaderItem::Rejected(rejected.with_detail(problem.detail))
            }
        },
        _ => ReaderItem::Document(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(path: &str, bytes: &[u8]) -> ReaderItem {
        to_text(RawDocument::new(path, Body::Bytes(bytes.to_vec()), media_type(path, bytes)))
    }

    #[test]
    fn media_type_selects_the_reader() {
        let markdown = read("a.md", b"---\ntitle: T\n---\ntext\n").document().unwrap();
        assert_eq!(
            (markdown.title.as_deref(), markdown.body.as_text()),
            (Some("T"), Some("---\ntitle: T\n---\ntext\n"))
        );
        let tex = read("a.tex", b"\\title{T}\\section{S} x").document().unwrap();
        assert_eq!((tex.title.as_deref(), tex.media_type.as_str()), (Some("T"), "text/markdown"));
        assert_eq!(read("page", b"<!DOCTYPE html><p>x").document().unwrap().media_type, "text/html");
        assert_eq!(read("a.txt", b"na\xefve caf\xe9").document().unwrap().encoding, Some("windows-1252"));
    }

    #[test]
    fn non_text_is_rejected_by_rule() {
        let pdf = read("paper", b"%PDF-1.4\n\0\x01").rejected().unwrap();
        assert!(pdf.rejection.rule == "pdf" && pdf.rejection.detail.unwrap().contains("pdftotext"));
        assert_eq!(read("a.txt", b"\x7fELF\x02").rejected().unwrap().rejection.rule, "binary");
        assert_eq!(read("noname", b"a\0b").rejected().unwrap().rejection.rule, "binary");
        assert_eq!(read("a.xml", b"<project/>").rejected().unwrap().rejection.rule, "not-jats");
        assert_eq!(read("a.txt", b"").document().unwrap().body.len(), 0);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0usize..5) {
            let path = ["a.txt", "a.md", "a.tex", "a.xml", "a"][kind];
            read(path, &bytes);
        }
    }
}
