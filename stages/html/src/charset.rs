//! Decodes bytes to text, by one policy for web pages and one for text files.
//!
//! Runs before everything that reads text.
//!
//! [`decode_page`] follows the WHATWG Encoding standard (`decode`) and the HTML standard 13.2.3.2: byte order mark, HTTP
//! header, the page's declaration, detection. [`decode_text`] is for files, which have neither header nor declaration:
//! byte order mark, valid UTF-8, detection. Both use the detector of Firefox (chardetng) and differ in these points:
//!
//! - UTF-8 of which less than 1 % is damaged: a page is UTF-8, since it joins text from several sources, of which one
//!   may be damaged. A text file is what the detector answers, since one program wrote it, and invalid UTF-8 then means
//!   another encoding.
//! - ISO-2022-JP: a page must declare it, as in browsers, since detected escape sequences could hide markup. A text file
//!   is never ISO-2022-JP: these bytes are ASCII, so they are valid UTF-8, which is kept as it is.
//! - Bytes shown to the detector: the first 256 KiB of a page, all of a text file, which may begin with a long part in
//!   ASCII.
//! - Malformed characters: replaced and reported for a page, which is used in any case. For a text file they are also
//!   counted, and the caller decides by their share.
//!
//! Invariant: any bytes give text, and the result reports whether characters were replaced.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes at the start of a page that are searched for a `<meta>` declaration (the standard requires 1,024; real pages
/// exceed it).
const DECLARATION_BYTES: usize = 4096;
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
    let (encoding, content) = by_bom(bytes).unwrap_or_else(|| (page_encoding(bytes, http_charset), bytes));
    let (text, replacements) = encoding.decode_without_bom_handling(content);
    DecodedPage { text: text.into_owned(), charset: encoding.name(), replacements }
}

/// Decodes a text file. Valid UTF-8 is never read as anything else, and is returned without a copy.
pub fn decode_text(bytes: Vec<u8>) -> DecodedText {
    if let Some((encoding, content)) = by_bom(&bytes) {
        return text_as(encoding, content);
    }
    match String::from_utf8(bytes) {
        Ok(text) => DecodedText { text, charset: UTF_8.name(), malformed_share: 0.0 },
        Err(error) => text_as(detect(error.as_bytes()), error.as_bytes()),
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

/// Guesses a legacy encoding; windows-1252 if the bytes are valid UTF-8 or fit no encoding well.
fn detect(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
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

/// The encoding of a page without a byte order mark.
fn page_encoding(bytes: &[u8], http_charset: Option<&str>) -> &'static Encoding {
    let label = |label: &str| Encoding::for_label(label.trim_matches(['"', '\'', ' ']).as_bytes());
    if let Some(encoding) = http_charset.and_then(label) {
        return encoding;
    }
    if let Some(encoding) = declared(bytes).as_deref().and_then(label) {
        // A page whose declaration could be read as ASCII is not UTF-16 (HTML standard, 13.2.3.2).
        let encoding = if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding };
        let misdeclared = encoding == UTF_8 && std::str::from_utf8(bytes).is_err();
        if !misdeclared {
            return encoding;
        }
    }
    if std::str::from_utf8(bytes).is_ok() || mostly_utf_8(bytes) {
        return UTF_8;
    }
    detect(&bytes[..bytes.len().min(DETECTION_BYTES)])
}

/// Whether less than a hundredth of the non-ASCII bytes is invalid UTF-8: a damaged UTF-8 page, not another encoding.
fn mostly_utf_8(bytes: &[u8]) -> bool {
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    let bad: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    bad * 100 < high
}

/// The label that the page declares in a `<meta>` or an XML declaration.
fn declared(bytes: &[u8]) -> Option<String> {
    let head: String =
        bytes[..bytes.len().min(DECLARATION_BYTES)].iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let mut rest = head.as_str();
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let key = if rest.starts_with("meta") {
            "charset"
        } else if rest.starts_with("?xml") {
            "encoding"
        } else {
            continue;
        };
        let tag = &rest[..rest.find('>').unwrap_or(rest.len())];
        let Some(value) = tag.find(key).map(|at| tag[at + key.len()..].trim_start()) else { continue };
        let Some(value) = value.strip_prefix('=') else { continue };
        let value = value.trim_start_matches([' ', '"', '\'']);
        let label: String =
            value.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')).collect();
        if !label.is_empty() {
            return Some(label);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources_follow_the_order_of_the_standard() {
        assert_eq!(decode_page(b"\xef\xbb\xbfa", Some("windows-1252")).charset, "UTF-8");
        assert_eq!(decode_page(b"\xe9", Some("iso-8859-2")).charset, "ISO-8859-2");
        let meta = b"<head><meta http-equiv=content-type content='text/html; charset=gb2312'></head>\xd6\xd0\xce\xc4";
        let decoded = decode_page(meta, None);
        assert_eq!((decoded.charset, decoded.replacements), ("GBK", false));
        assert!(decoded.text.ends_with("中文"));
        assert_eq!(decode_page("plain Ünïcode".as_bytes(), None).charset, "UTF-8");
        let western = decode_page(b"Un caf\xe9 tr\xe8s agr\xe9able \xe0 la fran\xe7aise, d\xe9j\xe0 vu", None);
        assert_eq!(western.text, "Un café très agréable à la française, déjà vu");
    }

    #[test]
    fn encodings_of_text_are_detected() {
        let decode = |bytes: &[u8]| {
            let decoded = decode_text(bytes.to_vec());
            assert!(decoded.malformed_share.abs() < f64::EPSILON);
            (decoded.text, decoded.charset)
        };
        assert_eq!(decode(b"\xef\xbb\xbfabc"), ("abc".to_owned(), "UTF-8"));
        let (text, charset) = decode(b"Die H\xf6he der B\xe4ume \xfcber M\xfcnchen");
        assert_eq!((text.as_str(), charset), ("Die Höhe der Bäume über München", "windows-1252"));
        let utf16: Vec<u8> = [0xfeff_u16].into_iter().chain("hi ☃".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(bom_charset(&utf16), Some("UTF-16LE"));
        assert_eq!(decode(&utf16), ("hi ☃".to_owned(), "UTF-16LE"));
        let (bytes, _, _) = encoding_rs::GBK.encode("中文文本的编码应当被正确地识别出来");
        let (text, charset) = decode(&bytes);
        assert_eq!((text.as_str(), charset), ("中文文本的编码应当被正确地识别出来", "GBK"));
    }

    #[test]
    fn policies_differ() {
        let damaged = [&"naïve café, déjà vu; ".repeat(100).into_bytes()[..], b"\xe9"].concat();
        assert_eq!(decode_page(&damaged, None).charset, "UTF-8");
        assert_eq!(decode_text(damaged).charset, "windows-1252");

        let (japanese, _, _) = encoding_rs::ISO_2022_JP.encode("日本語の文章");
        assert_eq!(decode_page(&japanese, Some("iso-2022-jp")).text, "日本語の文章");
        assert_eq!(decode_page(&japanese, None).charset, "UTF-8");
        assert_eq!(decode_text(japanese.to_vec()).text.as_bytes(), &japanese[..]);

        let (russian, _, _) = encoding_rs::WINDOWS_1251.encode("Все счастливые семьи похожи друг на друга");
        let late = [&b"ascii ".repeat(DETECTION_BYTES / 6 + 1), &russian[..]].concat();
        assert_eq!(decode_page(&late, None).charset, "windows-1252");
        assert_eq!(decode_text(late).charset, "windows-1251");
    }

    #[test]
    fn malformed_characters_of_text_are_counted() {
        let decoded = decode_text(b"\xef\xbb\xbfab\xffd".to_vec());
        assert_eq!((decoded.text.as_str(), decoded.charset), ("ab\u{fffd}d", "UTF-8"));
        assert!((decoded.malformed_share - 0.25).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn any_bytes_give_text(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode_page(&bytes, None).charset.is_ascii());
            prop_assert!((0.0..=1.0).contains(&decode_text(bytes).malformed_share));
        }
    }
}
