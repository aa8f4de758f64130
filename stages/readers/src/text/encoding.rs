//! Rejects files that are not text, and text that no encoding fits.
//!
//! [`decode_text`](corpusmill_html::charset::decode_text) decodes; this module decides what is rejected.
//!
//! Invariant: a file is rejected by its bytes only, whatever its name.

use corpusmill_html::charset::{self, DecodedText};

use crate::RejectedInput;
use crate::document::len_f64;

/// Bytes of a file inspected for binary content, as in git.
const SNIFF_BYTES: usize = 8000;
/// Maximum share of control characters in the inspected bytes; a file with more is binary even without NUL.
const MAX_CONTROL_SHARE: f64 = 0.1;
/// Maximum share of characters that a guessed encoding fails to decode.
const MAX_MALFORMED_SHARE: f64 = 0.01;

/// Magic numbers of formats that could be mistaken for text.
const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF-", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x7fELF", "ELF"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"(\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\0asm", "WebAssembly"),
    (b"PAR1", "Parquet"),
];

/// Returns true if the bytes begin like a PDF.
pub(crate) fn is_pdf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"%PDF-")
}

/// Returns the rejection `binary` if the bytes are not text; `value` is the number of NUL bytes or the share of control
/// characters.
pub fn reject_binary(origin: &str, bytes: &[u8]) -> Option<RejectedInput> {
    // UTF-16 contains NUL bytes.
    if charset::bom_charset(bytes).is_some_and(|charset| charset != "UTF-8") {
        return None;
    }
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(
            RejectedInput::unmeasured(origin, "binary").with_detail(format!("has the magic number of {name}")),
        );
    }
    let nul = head.split(|byte| *byte == 0).count() - 1;
    if nul > 0 {
        return Some(
            RejectedInput::new(origin, "binary", len_f64(nul), 0.0).with_detail("NUL bytes in the first 8000 bytes"),
        );
    }
    // ESC is excluded: ISO-2022-JP and terminal recordings are text.
    let control = head.iter().filter(|byte| matches!(byte, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f)).count();
    let share = len_f64(control) / len_f64(head.len().max(1));
    (share > MAX_CONTROL_SHARE).then(|| {
        RejectedInput::new(origin, "binary", share, MAX_CONTROL_SHARE)
            .with_detail("share of control characters in the first 8000 bytes")
    })
}

/// Decodes bytes to text; also returns the encoding unless it is UTF-8.
///
/// # Errors
/// `bad-encoding` if no encoding fits; `value` is the share of characters that could not be decoded.
pub(crate) fn decode(origin: &str, bytes: Vec<u8>) -> Result<(String, Option<&'static str>), RejectedInput> {
    let DecodedText { text, charset, malformed_share } = charset::decode_text(bytes);
    if malformed_share > MAX_MALFORMED_SHARE {
        let detail = format!("the nearest encoding is {charset}");
        return Err(
            RejectedInput::new(origin, "bad-encoding", malformed_share, MAX_MALFORMED_SHARE).with_detail(detail)
        );
    }
    Ok((text, (charset != "UTF-8").then_some(charset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_named_unless_it_is_utf_8() {
        assert_eq!(decode("f", b"\xef\xbb\xbfabc".to_vec()).unwrap(), ("abc".to_owned(), None));
        let (text, name) = decode("f", b"Die H\xf6he der B\xe4ume \xfcber M\xfcnchen".to_vec()).unwrap();
        assert_eq!((text.as_str(), name), ("Die Höhe der Bäume über München", Some("windows-1252")));
    }

    #[test]
    fn undecodable_text_is_rejected_by_its_share() {
        let with_damage = |ascii: usize| [&b"\xef\xbb\xbf"[..], &b"a".repeat(ascii), b"\xff"].concat();
        assert_eq!(decode("f", with_damage(99)).unwrap().0.chars().count(), 100);
        let rejected = decode("f", with_damage(49)).unwrap_err();
        assert_eq!(
            (rejected.rejection.rule.as_ref(), rejected.rejection.value, rejected.rejection.threshold),
            ("bad-encoding", 0.02, 0.01)
        );
        assert_eq!(rejected.rejection.detail.as_deref(), Some("the nearest encoding is UTF-8"));
    }

    #[test]
    fn binary_detection() {
        assert!((reject_binary("f", b"abc\0def").unwrap().rejection.value - 1.0).abs() < f64::EPSILON);
        assert_eq!(reject_binary("f", b"%PDF-1.7 ...").unwrap().rejection.rule, "binary");
        assert!(reject_binary("f", &[1, 2, 3, b'a', b'b']).is_some());
        assert!(reject_binary("f", "日本語 text\r\n\ttab".as_bytes()).is_none());
        assert!(reject_binary("f", b"").is_none());
        assert!(reject_binary("f", b"\xff\xfeh\0i\0").is_none());
    }
}
