//! Extraction of a page's main content.
//!
//! Invariant: the same page gives the same text, whose size is bounded by the page's.

use corpusmill_extract::{CleanSettings, Cleaned, Comments, Format, Profile, clean};
use corpusmill_html::charset;

/// Bytes of text per byte of page. A link `<a href=x>` becomes `[…](https://site.test/folder/x)`, and a line of a list
/// or quotation is indented once per level.
const MAX_GROWTH: usize = 64;
/// Bytes of text of a page of any size.
const GRACE_BYTES: usize = 4096;

/// Decodes the bytes and extracts their content under all formats.
///
/// # Panics
/// When two runs differ, a result contradicts itself, or the text is out of proportion to the page.
pub fn html_to_markdown(data: &[u8]) {
    let page = charset::decode_page(data, None);
    assert_eq!(page, charset::decode_page(data, None), "decoding is not deterministic");
    for format in [Format::Markdown, Format::Text] {
        for (all, min_chars) in [(false, 25), (true, 0)] {
            let settings = CleanSettings {
                format,
                links: all,
                images: all,
                comments: if all { Comments::Keep } else { Comments::Auto },
                profile: if all { Profile::Precision } else { Profile::Balanced },
                min_chars,
                min_confidence: if all { 0.0 } else { 0.2 },
                ..CleanSettings::default()
            };
            let run = || clean(&page.text, Some("https://site.test/folder/page"), &settings);
            let first = run();
            assert_eq!(first, run(), "extraction is not deterministic");
            check(&first, &page.text);
        }
    }
}

fn check(cleaned: &Cleaned, page: &str) {
    let text = &cleaned.text;
    assert_eq!(cleaned.reason.is_some(), text.is_empty(), "a page has either a text or a reason for none");
    assert!(cleaned.confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence)));
    assert!(!text.ends_with(char::is_whitespace), "the text ends with white space");
    if cleaned.reason.is_none() {
        let letters = text.chars().filter(|c| !c.is_whitespace()).count() as u64;
        assert_eq!(cleaned.letters, letters, "the count of characters is not that of the text");
    }
    let limit = MAX_GROWTH * page.len() + GRACE_BYTES;
    assert!(text.len() <= limit, "{} bytes of text from {} bytes of page", text.len(), page.len());
    for cut in &cleaned.cut {
        assert!(cut.count > 0, "the rule {} is listed without a cut", cut.rule);
        assert!(cut.bytes <= page.len() as u64, "the rule {} cut {} of {} bytes", cut.rule, cut.bytes, page.len());
    }
    let cut: u64 = cleaned.cut.iter().map(|cut| cut.bytes).sum();
    assert!(cut <= page.len() as u64, "{cut} bytes were cut from {}", page.len());
}
