//! The readers of LaTeX and of JATS articles.
//!
//! Invariant: a paper gives one document or one rejection, whose size is bounded by the paper's.

use corpusmill_readers::papers::{jats as jats_reader, latex as latex_reader};
use corpusmill_readers::text::to_text;
use corpusmill_readers::{Body, RawDocument, ReaderItem};

/// Bytes of text per byte of source.
const MAX_GROWTH: usize = 16;
/// Bytes of text of a source of any size.
const GRACE_BYTES: usize = 1024;

/// Converts the bytes from LaTeX.
///
/// # Panics
/// When two runs differ, line ends matter, or the text is out of proportion to the source.
pub fn latex(data: &[u8]) {
    convert(data, "paper.tex", "text/x-tex");
    let source = String::from_utf8_lossy(data);
    let document = latex_reader::to_markdown(&source);
    check_size(&document.text, &source);
    if !source.contains('\r') {
        let other = latex_reader::to_markdown(&source.replace('\n', "\r\n"));
        assert_eq!(other, document, "the text depends on the line ends");
    }
}

/// Converts the bytes from JATS.
///
/// # Panics
/// When two runs differ, an error points outside the file, or the text is out of proportion to the source.
pub fn jats(data: &[u8]) {
    convert(data, "paper.nxml", "application/xml");
    let source = String::from_utf8_lossy(data);
    match jats_reader::to_markdown(&source) {
        Ok(article) => check_size(&article.text, &source),
        Err(error) => {
            assert!(["bad-xml", "not-jats"].contains(&error.rule), "unknown rule {}", error.rule);
            assert!(error.position <= source.len(), "an error at {} of {} bytes", error.position, source.len());
        }
    }
}

/// Converts a file as the reader of files does.
fn convert(data: &[u8], origin: &str, media_type: &str) {
    let run = || to_text(RawDocument::new(origin, Body::Bytes(data.to_vec()), media_type));
    let item = run();
    assert_eq!(item, run(), "conversion is not deterministic");
    match item {
        ReaderItem::Document(document) => {
            assert!(document.body.as_text().is_some(), "a document has no text");
            assert_eq!(document.origin, origin);
        }
        ReaderItem::Rejected(rejected) => {
            assert_eq!(rejected.origin, origin);
            assert!(rejected.rejection.value.is_finite() && rejected.rejection.threshold.is_finite());
        }
    }
}

fn check_size(text: &str, source: &str) {
    let limit = MAX_GROWTH * source.len() + GRACE_BYTES;
    assert!(text.len() <= limit, "{} bytes of text from {} bytes of source", text.len(), source.len());
}
