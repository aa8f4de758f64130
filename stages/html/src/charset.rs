//! Decodes bytes to text by byte order mark, then the HTTP header, then the page's declaration, then detection.
//!
//! The order of sources follows the WHATWG Encoding standard (`decode`) and the HTML standard 13.2.3.2.
//!
//! Invariant: any bytes give text, and the result reports whether characters were replaced.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes at the start of a page that are searched for a `<meta>` declaration (the standard requires 1,024; real pages
/// exceed it).
const DECLARATION_BYTES: usize = 4096;
/// Bytes passed to the detector.
const DETECTION_BYTES: usize = 1 << 18;

/// A decoded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// The WHATWG name of the encoding used, such as `UTF-8` or `windows-1252`.
    pub charset: &'static str,
    /// Whether bytes that are invalid in this encoding were replaced by U+FFFD.
    pub replacements: bool,
}

/// Decodes a page; `http_charset` is the label in the `Content-Type` header, if any.
pub fn decode(bytes: &[u8], http_charset: Option<&str>) -> Decoded {
    let encoding = choose_encoding(bytes, http_charset);
    let (text, encoding, replacements) = encoding.decode(bytes);
    Decoded { text: text.into_owned(), charset: encoding.name(), replacements }
}

fn choose_encoding(bytes: &[u8], http_charset: Option<&str>) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
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
    if std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let shown = &bytes[..bytes.len().min(DETECTION_BYTES)];
    detector.feed(shown, true);
    let guess = detector.guess(None, Utf8Detection::Allow);
    if guess == UTF_8 || mostly_utf_8(bytes) { if mostly_utf_8(bytes) { UTF_8 } else { WINDOWS_1252 } } else { guess }
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
        assert_eq!(decode(b"\xef\xbb\xbfa", Some("windows-1252")).charset, "UTF-8");
        assert_eq!(decode(b"\xe9", Some("iso-8859-2")).charset, "ISO-8859-2");
        let meta = b"<head><meta http-equiv=content-type content='text/html; charset=gb2312'></head>\xd6\xd0\xce\xc4";
        let decoded = decode(meta, None);
        assert_eq!((decoded.charset, decoded.replacements), ("GBK", false));
        assert!(decoded.text.ends_with("中文"));
        assert_eq!(decode("plain Ünïcode".as_bytes(), None).charset, "UTF-8");
        let western = decode(b"Un caf\xe9 tr\xe8s agr\xe9able \xe0 la fran\xe7aise, d\xe9j\xe0 vu", None);
        assert_eq!(western.text, "Un café très agréable à la française, déjà vu");
    }

    proptest! {
        #[test]
        fn any_bytes_give_text(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode(&bytes, None).charset.is_ascii());
        }
    }
}
