//! Decodes bytes to text: rejects binary files and detects encodings.
//!
//! The detection tries a byte order mark, then valid UTF-8, then a guess (chardetng, the detector of Firefox).
//!
//! Invariant: valid UTF-8 is never read as anything else, and a guess is recorded by its WHATWG name.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

use super::{Refused, len_f64};

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
pub(crate) fn reject_binary(origin: &str, bytes: &[u8]) -> Option<Refused> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes)
        && encoding != UTF_8
    {
        return None;
    }
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(Refused::new(origin, "binary", 1.0, 0.0).with_detail(format!("begins as {name} does")));
    }
    let nul = head.split(|byte| *byte == 0).count() - 1;
    if nul > 0 {
        return Some(Refused::new(origin, "binary", len_f64(nul), 0.0).with_detail("NUL bytes in the first 8000"));
    }
    // ESC is excluded: ISO-2022-JP and terminal recordings are text.
    let control = head.iter().filter(|byte| matches!(byte, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f)).count();
    let share = len_f64(control) / len_f64(head.len().max(1));
    (share > MAX_CONTROL_SHARE).then(|| {
        Refused::new(origin, "binary", share, MAX_CONTROL_SHARE)
            .with_detail("share of control characters in the first 8000 bytes")
    })
}

/// Decodes bytes to text; also returns the encoding unless it is UTF-8.
///
/// # Errors
/// `bad-encoding` if no encoding fits; `value` is the share of characters that could not be decoded.
pub(crate) fn decode(origin: &str, bytes: Vec<u8>) -> Result<(String, Option<&'static str>), Refused> {
    if let Some((encoding, length)) = Encoding::for_bom(&bytes) {
        return decode_as(origin, &bytes[length..], encoding);
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Ok((text, None)),
        Err(error) => error.into_bytes(),
    };
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes, true);
    decode_as(origin, &bytes, detector.guess(None, Utf8Detection::Deny))
}

fn decode_as(
    origin: &str,
    bytes: &[u8],
    encoding: &'static Encoding,
) -> Result<(String, Option<&'static str>), Refused> {
    let (text, malformed) = encoding.decode_without_bom_handling(bytes);
    if malformed {
        let lost = text.chars().filter(|character| *character == '\u{fffd}').count();
        let share = len_f64(lost) / len_f64(text.chars().count().max(1));
        if share > MAX_MALFORMED_SHARE {
            let detail = format!("the nearest encoding is {}", encoding.name());
            return Err(Refused::new(origin, "bad-encoding", share, MAX_MALFORMED_SHARE).with_detail(detail));
        }
    }
    Ok((text.into_owned(), (encoding != UTF_8).then(|| encoding.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_detected() {
        assert_eq!(decode("f", b"\xef\xbb\xbfabc".to_vec()).unwrap(), ("abc".to_owned(), None));
        let (text, name) = decode("f", b"Die H\xf6he der B\xe4ume \xfcber M\xfcnchen".to_vec()).unwrap();
        assert_eq!((text.as_str(), name), ("Die Höhe der Bäume über München", Some("windows-1252")));
        let utf16: Vec<u8> = [0xfeff_u16].into_iter().chain("hi ☃".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert!(reject_binary("f", &utf16).is_none());
        assert_eq!(decode("f", utf16).unwrap(), ("hi ☃".to_owned(), Some("UTF-16LE")));
        let (bytes, _, _) = encoding_rs::GBK.encode("中文文本的编码应当被正确地识别出来");
        let (text, name) = decode("f", bytes.into_owned()).unwrap();
        assert_eq!((text.as_str(), name), ("中文文本的编码应当被正确地识别出来", Some("GBK")));
    }

    #[test]
    fn binary_detection() {
        assert!((reject_binary("f", b"abc\0def").unwrap().value - 1.0).abs() < f64::EPSILON);
        assert_eq!(reject_binary("f", b"%PDF-1.7 ...").unwrap().rule, "binary");
        assert!(reject_binary("f", &[1, 2, 3, b'a', b'b']).is_some());
        assert!(reject_binary("f", "日本語 text\r\n\ttab".as_bytes()).is_none());
        assert!(reject_binary("f", b"").is_none());
    }
}
