//! The body of a response: its content coding, decoded under a limit.
//!
//! Servers name gzip and send a body that is not, or send gzip without naming it. The first bytes decide in both cases,
//! as in the WARC reader, so that a crawl and an archive of the same responses give the same pages.
//!
//! Invariant: no more bytes are decoded than the limit allows, and a whole body is returned whole or rejected.

use std::io::Read as _;

use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use crate::fetch::failure::Failure;

/// Decoded size in bytes up to which the compression ratio is not limited: blank pages compress well and do no harm.
const MIN_RATIO_CHECK_BYTES: usize = 1 << 20;

/// How much of a body to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BodyExtent {
    /// The whole body, up to this number of decoded bytes.
    Whole(u64),
    /// This number of decoded bytes; the rest is left unread.
    Prefix(u64),
}

/// Decodes the content coding of a body to the requested extent; the ratio of a whole body is at most
/// `max_compression_ratio`.
pub(crate) fn decode(
    mut wire: Vec<u8>,
    headers: &HeaderMap,
    extent: BodyExtent,
    max_compression_ratio: u64,
) -> Result<Vec<u8>, Failure> {
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .map(|encoding| encoding.trim().to_owned())
        // Besides `identity`, some servers send a charset or a transfer encoding of mail.
        .filter(|encoding| !matches!(encoding.as_str(), "" | "identity" | "none" | "utf-8" | "binary" | "8bit"))
        .collect();
    match (encodings.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), extent) {
        (["gzip" | "x-gzip"], BodyExtent::Whole(limit)) if is_gzip(&wire) => {
            gunzip(&wire, limit, max_compression_ratio)
        }
        (["gzip" | "x-gzip"], BodyExtent::Prefix(bytes)) if is_gzip(&wire) => gunzip_prefix(&wire, bytes),
        ([] | ["gzip" | "x-gzip"], BodyExtent::Whole(_)) => Ok(wire),
        ([] | ["gzip" | "x-gzip"], BodyExtent::Prefix(bytes)) => {
            wire.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
            Ok(wire)
        }
        _ => Err(Failure::Encoding(encodings.join(", "))),
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Decodes the body of a text that is gzip although no header says so; returns another body as it is.
pub(crate) fn unpack_text(body: Vec<u8>, limit: u64, max_compression_ratio: u64) -> Result<Vec<u8>, Failure> {
    if is_gzip(&body) { gunzip(&body, limit, max_compression_ratio) } else { Ok(body) }
}

fn gunzip(wire: &[u8], limit: u64, max_compression_ratio: u64) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(wire).take(limit.saturating_add(1));
    decoder.read_to_end(&mut body).map_err(|e| Failure::Encoding(format!("gzip body: {e}")))?;
    if body.len() as u64 > limit {
        return Err(Failure::TooLarge { limit, seen: body.len() as u64 });
    }
    let ratio = (body.len() / wire.len().max(1)) as u64;
    if body.len() > MIN_RATIO_CHECK_BYTES && ratio > max_compression_ratio {
        return Err(Failure::Ratio { seen: ratio, limit: max_compression_ratio });
    }
    Ok(body)
}

/// Decodes the first `bytes` bytes. If the compressed input was cut at the limit, returns what decodes.
fn gunzip_prefix(wire: &[u8], bytes: u64) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let cut = wire.len() as u64 > bytes;
    match flate2::read::MultiGzDecoder::new(wire).take(bytes).read_to_end(&mut body) {
        Err(e) if !cut => Err(Failure::Encoding(format!("gzip body: {e}"))),
        _ => Ok(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(coding: &'static str, wire: &[u8], extent: BodyExtent) -> Result<Vec<u8>, Failure> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, reqwest::header::HeaderValue::from_static(coding))]);
        decode(wire.to_vec(), &headers, extent, 200)
    }

    #[test]
    fn bodies_decide_whether_they_are_gzip() {
        let (whole, prefix) = (BodyExtent::Whole(100), BodyExtent::Prefix(3));
        for coding in ["gzip", "X-Gzip", "identity", "utf-8", "none, gzip"] {
            assert_eq!(decoded(coding, b"<p>plain", whole).unwrap(), b"<p>plain", "{coding}");
            assert_eq!(decoded(coding, b"<p>plain", prefix).unwrap(), b"<p>", "{coding}");
        }
        assert_eq!(decoded("gzip", &gzip(b"<p>packed"), whole).unwrap(), b"<p>packed");
        assert_eq!(decoded("gzip", b"", whole).unwrap(), b"");
        assert!(matches!(decoded("gzip", b"\x1f\x8b but no gzip", whole), Err(Failure::Encoding(_))));
        assert!(matches!(decoded("br", b"<p>plain", whole), Err(Failure::Encoding(_))));
    }

    #[test]
    fn unnamed_gzip_is_unpacked_under_the_limits() {
        assert_eq!(unpack_text(gzip(b"<p>packed"), 100, 200).unwrap(), b"<p>packed");
        assert_eq!(unpack_text(b"<p>plain".to_vec(), 1, 200).unwrap(), b"<p>plain");
        assert!(matches!(unpack_text(gzip(&[b' '; 101]), 100, 200), Err(Failure::TooLarge { limit: 100, .. })));
        assert!(matches!(unpack_text(b"\x1f\x8b but no gzip".to_vec(), 100, 200), Err(Failure::Encoding(_))));
    }

    #[test]
    fn limits_count_decoded_bytes() {
        let bomb = gzip(&vec![0; 1 << 20]);
        assert!(bomb.len() < 2048);
        assert!(matches!(gunzip(&bomb, 1 << 19, 200), Err(Failure::TooLarge { .. })));
        assert_eq!(gunzip(&bomb, 1 << 20, 200).unwrap().len(), 1 << 20);
        assert!(matches!(gunzip(&bomb[..bomb.len() / 2], 1 << 20, 200), Err(Failure::Encoding(_))));
        let larger = gzip(&vec![0; 2 << 20]);
        assert!(matches!(gunzip(&larger, 4 << 20, 200), Err(Failure::Ratio { limit: 200, .. })));
        assert!(gunzip(&larger, 4 << 20, 2000).is_ok());
        assert_eq!(gunzip_prefix(&larger, 1 << 20).unwrap().len(), 1 << 20);
        assert!(matches!(gunzip_prefix(&larger[..larger.len() / 2], 4 << 20), Err(Failure::Encoding(_))));
        assert!(!gunzip_prefix(&larger[..larger.len() / 2], larger.len() as u64 / 4).unwrap().is_empty());
    }
}
