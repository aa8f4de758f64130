//! # Extract the main content of a page
//!
//! Reads an HTML file, and writes its main content as Markdown, its metadata, and what was cut by which rule.
//!
//! ```text
//! cargo run -p corpusmill-examples --example clean_page -- page.html https://site.org/page
//! ```

use std::io::{self, Write};

use anyhow::Context as _;
use corpusmill_extract::{CleanSettings, clean};
use corpusmill_html::charset;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("usage: clean_page FILE [URL]")?;
    write_content(&fs_err::read(path)?, arguments.next().as_deref(), io::stdout().lock())
}

fn write_content(bytes: &[u8], url: Option<&str>, mut out: impl Write) -> anyhow::Result<()> {
    // A page is bytes until its encoding is known: from a byte order mark, the HTTP header (here none), the page's own
    // declaration, or detection, in this order.
    let page = charset::decode_page(bytes, None);
    writeln!(out, "encoding: {}", page.charset)?;

    // The defaults are those of a recipe's step `clean`. Links become plain text unless the settings keep them.
    let settings = CleanSettings { links: true, ..CleanSettings::default() };
    let cleaned = clean(&page.text, url, &settings);

    // Metadata comes from the head of the page, from JSON-LD, and from the elements that show them.
    for (name, value) in [
        ("title", &cleaned.title),
        ("author", &cleaned.author),
        ("date", &cleaned.date),
        ("language", &cleaned.language),
        ("licence", &cleaned.licence),
    ] {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}")?;
        }
    }

    // Nothing is cut silently: each rule that removed something states how much.
    for cut in &cleaned.cut {
        writeln!(out, "cut by {}: {} parts, {} bytes", cut.rule, cut.count, cut.bytes)?;
    }

    // A page without content has a reason in place of a text.
    match cleaned.reason {
        Some(reason) => writeln!(out, "no content: {}", reason.as_str())?,
        None => writeln!(out, "\n{}", cleaned.text)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(page: &str) -> String {
        let mut out = Vec::new();
        write_content(page.as_bytes(), Some("https://site.test/docs/"), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn content_and_metadata_are_written_and_the_menu_is_cut() {
        let page = "<html lang=en><title>Tea</title><nav><a href=/>Home</a> <a href=/b>Other pages</a></nav><main>\
            <h1>Tea</h1><p>Tea is a drink, and this sentence about it is long enough to be read by people. \
            See <a href=green>green tea</a> for more.</p></main></html>";
        let out = written(page);
        assert!(out.starts_with("encoding: UTF-8\ntitle: Tea\nlanguage: en\n"), "{out}");
        assert!(out.contains("cut by navigation: 1 parts"), "{out}");
        assert!(out.contains("[green tea](https://site.test/docs/green)"), "{out}");
        assert!(!out.contains("Other pages"), "{out}");
    }

    #[test]
    fn a_page_without_content_has_a_reason() {
        assert!(written("<html><body></body></html>").ends_with("no content: no-content\n"));
    }
}
