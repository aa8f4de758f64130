//! Decodes bytes to text, by one policy for web pages and one for text files.
//!
//! Runs before everything that reads text.
//!
//! [`decode_page`] asks in the order of the HTML standard (13.2.3.2): byte order mark, HTTP header, the page's
//! declaration, detection. Unlike in a browser, a declaration counts only if the bytes fit it. UTF-8 whose bytes many
//! servers declare as `iso-8859-1` is UTF-8; a page whose header says `utf-8` and whose bytes say otherwise is what its
//! `<meta>` or the detector says. Otherwise such a page would be a text of U+FFFD or of wrong letters.
//!
//! [`decode_text`] is for files, which have neither header nor declaration: byte order mark, ISO-2022-JP, valid UTF-8,
//! detection.
//!
//! Both use the detector of Firefox (chardetng) and differ in these points:
//!
//! - Damaged UTF-8: a page is UTF-8 if at least four of five sequences are valid, since it joins text from several
//!   sources, of which one may be damaged. A text file, which one program wrote, is UTF-8 if less than one in a hundred
//!   is invalid.
//! - ISO-2022-JP: a page must declare it, as in browsers, since detected escape sequences could hide markup. A text
//!   file is ISO-2022-JP if it is ASCII with valid escape sequences to Japanese.
//! - Bytes shown to the detector: the first 256 KiB of a page, all of a text file, which may begin with a long part in
//!   ASCII.
//! - Malformed characters: replaced and reported for a page, which is used in any case. For a text file they are also
//!   counted, and the caller decides by their share.
//!
//! Invariant: any bytes give text, and the result reports whether characters were replaced.

mod declaration;
mod fit;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};

use declaration::declared_label;
use fit::{Utf8Count, has_utf_16_ascii, is_iso_2022_jp, is_readable, is_utf_16};

/// Bytes of a page passed to the detector.
const DETECTION_BYTES: usize = 1 << 18;

/// A decoded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedPage {
    /// The text, without a byte order mark.
    pub text: String,
    /// The WHATWG name of the encoding used, such as `UTF-8` or `windows-1252`.
    pub charset: &'static str,
    /// Whether bytes that are invalid in this encoding were replaced by U+FFFD.
    pub replacements: bool,
}

/// A decoded text file.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedText {
    /// The text, without a byte order mark.
    pub text: String,
    /// The WHATWG name of the encoding used, such as `UTF-8` or `windows-1252`.
    pub charset: &'static str,
    /// Share of the characters that are U+FFFD, from 0 to 1; 0 if every byte is valid in this encoding.
    pub malformed_share: f64,
}

/// Decodes a page; `http_charset` is the label in the `Content-Type` header, if any.
pub fn decode_page(bytes: &[u8], http_charset: Option<&str>) -> DecodedPage {
    if let Some((encoding, content)) = by_bom(bytes) {
        return page_as(encoding, content);
    }
    let meta = declared_label(bytes).and_then(|label| encoding_of(&label));
    // A page whose declaration could be read as ASCII is not UTF-16 (HTML standard, 13.2.3.2).
    let meta = meta.map(|encoding| if is_utf_16(encoding) { UTF_8 } else { encoding });
    let utf_8 = Utf8Count::of(bytes);
    [http_charset.and_then(encoding_of), meta]
        .into_iter()
        .flatten()
        .find_map(|encoding| page_as_declared(encoding, bytes, utf_8))
        .unwrap_or_else(|| {
            let detected = if utf_8.fits_page() { UTF_8 } else { detect(&bytes[..bytes.len().min(DETECTION_BYTES)]) };
            page_as(detected, bytes)
        })
}

/// Decodes a text file. Valid UTF-8 is returned without a copy, and never read as anything else but ISO-2022-JP, whose
/// bytes are ASCII.
pub fn decode_text(bytes: Vec<u8>) -> DecodedText {
    if let Some((encoding, content)) = by_bom(&bytes) {
        return text_as(encoding, content);
    }
    if is_iso_2022_jp(&bytes) {
        return text_as(ISO_2022_JP, &bytes);
    }
    match String::from_utf8(bytes) {
        Ok(text) => DecodedText { text, charset: UTF_8.name(), malformed_share: 0.0 },
        Err(error) => {
            let bytes = error.as_bytes();
            text_as(if Utf8Count::of(bytes).fits_file() { UTF_8 } else { detect(bytes) }, bytes)
        }
    }
}

/// Returns the WHATWG name of the encoding that a byte order mark declares: `UTF-8`, `UTF-16LE` or `UTF-16BE`.
pub fn bom_charset(bytes: &[u8]) -> Option<&'static str> {
    by_bom(bytes).map(|(encoding, _)| encoding.name())
}

/// The encoding that a byte order mark declares, and the bytes after the mark.
fn by_bom(bytes: &[u8]) -> Option<(&'static Encoding, &[u8])> {
    Encoding::for_bom(bytes).map(|(encoding, length)| (encoding, &bytes[length..]))
}

/// The encoding with this label; `None` for unknown labels and for encodings that the standard replaces by U+FFFD.
fn encoding_of(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label.trim_matches(['"', '\'', ' ']).as_bytes())
}

/// Guesses a legacy encoding; windows-1252 if the bytes are valid UTF-8 or fit no encoding well.
fn detect(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Decodes a page that declares `encoding`; `None` if its bytes refute the declaration.
fn page_as_declared(encoding: &'static Encoding, bytes: &[u8], utf_8: Utf8Count) -> Option<DecodedPage> {
    if encoding == UTF_8 {
        return utf_8.fits_page().then(|| page_as(UTF_8, bytes));
    }
    if utf_8.refutes(encoding) {
        return Some(page_as(UTF_8, bytes));
    }
    if is_utf_16(encoding) && !has_utf_16_ascii(bytes, encoding) {
        return None;
    }
    let page = page_as(encoding, bytes);
    (!page.replacements || is_readable(&page.text)).then_some(page)
}

fn page_as(encoding: &'static Encoding, bytes: &[u8]) -> DecodedPage {
    let (text, replacements) = encoding.decode_without_bom_handling(bytes);
    DecodedPage { text: text.into_owned(), charset: encoding.name(), replacements }
}

#[expect(clippy::cast_precision_loss, reason = "counts of characters stay far below 2^53")]
fn text_as(encoding: &'static Encoding, bytes: &[u8]) -> DecodedText {
    let (text, malformed) = encoding.decode_without_bom_handling(bytes);
    let malformed_share = if malformed {
        let lost = text.chars().filter(|character| *character == '\u{fffd}').count();
        lost as f64 / text.chars().count().max(1) as f64
    } else {
        0.0
    };
    DecodedText { text: text.into_owned(), charset: encoding.name(), malformed_share }
}

#[cfg(test)]
mod tests;
