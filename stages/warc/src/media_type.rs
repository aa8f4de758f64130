//! The media type of a body that has no `Content-Type`.
//!
//! Crawler and WARC reader both decide by it, so that a page is HTML in a crawl and in an archive of the crawl. The
//! rules are those of the MIME Sniffing standard (WHATWG, section 7.1) for HTML and plain text, with two additions: a
//! byte order mark and an XML declaration may precede the markup, and markup that is not HTML has no type.
//!
//! Invariant: only the beginning of the body decides, and any bytes have a type or none.

/// Bytes inspected for markup and for binary data.
const SNIFF_BYTES: usize = 1445;

/// The beginnings of HTML in the standard, then further elements with which pages begin.
const HTML_TAGS: [&str; 23] = [
    "!doctype html",
    "html",
    "head",
    "script",
    "iframe",
    "h1",
    "div",
    "font",
    "table",
    "a",
    "style",
    "title",
    "b",
    "body",
    "br",
    "p",
    "meta",
    "link",
    "base",
    "center",
    "article",
    "main",
    "section",
];

/// Beginnings that show, after an XML declaration, that the document is XHTML.
const XHTML_TAGS: [&str; 2] = ["!doctype html", "html"];

/// The media type of a body without `Content-Type`: `text/html` if it begins as HTML does, `text/plain` if it begins as
/// neither markup nor binary data does, else `None`.
pub fn sniff_media_type(body: &[u8]) -> Option<&'static str> {
    let head = &body[..body.len().min(SNIFF_BYTES)];
    let wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    let head: Vec<u8> = match head.strip_prefix(b"\xef\xbb\xbf") {
        Some(text) => text.to_vec(),
        // The markup of UTF-16 is ASCII with a zero beside each byte.
        None if wide => head[2..].iter().copied().filter(|byte| *byte != 0).collect(),
        None => head.to_vec(),
    };
    let text = head.trim_ascii_start();
    if text.is_empty() || !wide && text.iter().any(|byte| is_binary(*byte)) {
        return None;
    }
    if let Some(declaration) = text.strip_prefix(b"<?xml") {
        let end = declaration.windows(2).position(|pair| pair == b"?>")?;
        let document = declaration[end + 2..].trim_ascii_start();
        return begins_with_tag(document, &XHTML_TAGS).then_some("text/html");
    }
    if text.starts_with(b"<!--") || begins_with_tag(text, &HTML_TAGS) {
        return Some("text/html");
    }
    let is_markup = text[0] == b'<' && text.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'!');
    (!is_markup).then_some("text/plain")
}

/// Whether the text begins with one of the tags, whose name ends there.
fn begins_with_tag(text: &[u8], tags: &[&str]) -> bool {
    let Some(tag) = text.strip_prefix(b"<") else { return false };
    tags.iter().any(|name| {
        tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            && tag.get(name.len()).is_none_or(|after| after.is_ascii_whitespace() || matches!(after, b'>' | b'/'))
    })
}

/// Whether a byte occurs in no text (MIME Sniffing standard, section 3).
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_found_by_its_first_tag() {
        for body in [
            "<!DOCTYPE html>\n<p>x",
            "\n <HTML lang=en>",
            "<p>x</p>",
            "<br/>",
            "<!-- saved --><html>",
            "\u{feff}<h1>x</h1>",
            "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN'>",
        ] {
            assert_eq!(sniff_media_type(body.as_bytes()), Some("text/html"), "{body}");
        }
        let wide: Vec<u8> = "\u{feff}<html>Привет".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(sniff_media_type(&wide), Some("text/html"), "UTF-16 has bytes that other text has not");
    }

    #[test]
    fn text_is_plain_and_the_rest_has_no_type() {
        for text in ["the clock stopped", "1 < 2", "<3", "Grüße", "{\"a\": \"<p>\"}"] {
            assert_eq!(sniff_media_type(text.as_bytes()), Some("text/plain"), "{text}");
        }
        let others: [&[u8]; 8] = [
            b"",
            b" \n",
            b"<rss version='2.0'>",
            b"<prelude>",
            b"<?xml version='1.0'?><rss>",
            b"<?xml",
            b"GIF89a\x01\0",
            b"\x1f\x8b\x08\0",
        ];
        for other in others {
            assert_eq!(sniff_media_type(other), None, "{other:?}");
        }
    }
}
