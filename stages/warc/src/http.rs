//! Parses the HTTP response inside a record: status, header fields, decoded body.
//!
//! Archives store responses as sent or as changed by their writer: chunked bodies or bodies with joined chunks,
//! compressed bodies or decoded ones with an unchanged `Content-Encoding`. All are accepted. A body that ends early, by
//! its compression, its chunks, or the length in its header, is an error.
//!
//! Invariant: each decoding step keeps at most the limit of decoded bytes in memory; no input panics; a body is
//! returned whole or not at all.

use std::io::Read;

use corpusmill_codec::{is_machine_fault, zstd_decoder};
use flate2::bufread::GzDecoder;
use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::record::{find, header_end};

/// Maximum size of a decoded body that [`parse_http`] accepts, in bytes.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes that the brotli decoder reads from its input at a time.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// The first bytes of every gzip member (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Maximum number of content codings to decode; servers use one, rarely two.
const MAX_CODINGS: usize = 4;

/// A parsed response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code, such as 200.
    pub status: u16,
    /// Names and values in order, as sent; bytes that are not valid UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body after decoding its transfer and content codings.
    pub body: Vec<u8>,
}

/// The reason why a block is not a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The block does not begin with a status line.
    #[error("the block does not begin with an HTTP status line; is the record a response?")]
    StatusLine,
    /// The body has an unsupported content coding, such as `compress`.
    #[error("unsupported content coding `{0}`; fetch the page with gzip, deflate, br or zstd")]
    Coding(String),
    /// The decoded body exceeds the limit.
    #[error("the body decodes to more than {0} bytes; raise the limit if it is not a decompression bomb")]
    TooLarge(u64),
    /// The body is truncated or damaged after this many decoded bytes.
    #[error("the body is truncated or damaged after {0} bytes; fetch the page again")]
    Incomplete(u64),
    /// The machine has too little memory to decode the body; says nothing about the response.
    #[error("not enough memory to decode the body")]
    OutOfMemory,
}

impl HttpResponse {
    /// Returns the value of a header field by its case-insensitive name; the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Parses the block of a response record; bodies that decode to more than 64 MiB are rejected.
///
/// # Errors
/// See [`HttpError`].
pub fn parse_http(block: &[u8]) -> Result<HttpResponse, HttpError> {
    parse_http_bounded(block, MAX_BODY_BYTES)
}

/// Parses the block of a response record; bodies that decode to more than `max_body_bytes` are rejected.
///
/// # Errors
/// See [`HttpError`].
pub fn parse_http_bounded(block: &[u8], max_body_bytes: u64) -> Result<HttpResponse, HttpError> {
    let end = header_end(block).unwrap_or(block.len());
    let (head, body) = block.split_at(end);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(status).ok_or(HttpError::StatusLine)?;
    let mut response = HttpResponse { status, headers: fields(lines), body: Vec::new() };
    let chunked =
        response.header("Transfer-Encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    let joined = if chunked { join_chunks(body) } else { None };
    let (body, mut whole) = joined.map_or((None, true), |(body, whole)| (Some(body), whole));
    let codings = codings(&response);
    let packed = body.as_deref().unwrap_or_else(|| &block[end..]);
    let mut decoded = None::<Vec<u8>>;
    if !packed.is_empty() && codings.len() <= MAX_CODINGS {
        for coding in codings.iter().rev() {
            let (step, step_whole) = decode(coding, decoded.as_deref().unwrap_or(packed), max_body_bytes)?;
            whole &= step_whole;
            decoded = step.or(decoded);
        }
    }
    // The length is that of the body as sent. Chunks have none, and an archive's writer may have decoded the body, or
    // have omitted it.
    let is_as_sent = !chunked && !packed.is_empty() && (codings.is_empty() || decoded.is_some());
    whole &= !(is_as_sent && declared_length(&response).is_some_and(|length| length > packed.len() as u64));
    response.body = decoded.or(body).unwrap_or_else(|| block[end..].to_vec());
    let bytes = response.body.len() as u64;
    if bytes > max_body_bytes {
        return Err(HttpError::TooLarge(max_body_bytes));
    }
    if whole { Ok(response) } else { Err(HttpError::Incomplete(bytes)) }
}

/// The value of `Content-Length`, if it is a number.
fn declared_length(response: &HttpResponse) -> Option<u64> {
    response.header("Content-Length")?.trim().parse().ok()
}

/// Unpacks a body that is gzip although no coding names it; `None` for another body.
///
/// # Errors
/// [`HttpError::TooLarge`], [`HttpError::Incomplete`] and [`HttpError::OutOfMemory`].
pub fn unpack_gzip(body: &[u8], max_body_bytes: u64) -> Result<Option<Vec<u8>>, HttpError> {
    if !body.starts_with(&GZIP_MAGIC) {
        return Ok(None);
    }
    let (unpacked, whole) = read_gzip(body, max_body_bytes)?;
    match unpacked.len() as u64 {
        _ if whole => Ok(Some(unpacked)),
        0 => Ok(None),
        bytes => Err(HttpError::Incomplete(bytes)),
    }
}

/// Parses `HTTP/1.1 200 OK`, and also `HTTP/2 200` and the `ICY 200 OK` of old servers.
fn status(line: &str) -> Option<u16> {
    let mut words = line.split_ascii_whitespace();
    let version = words.next()?;
    if !version.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("HTTP/")) && version != "ICY" {
        return None;
    }
    words.next()?.parse().ok().filter(|status| (100..=999).contains(status))
}

/// Parses lines with a colon; lines that begin with white space continue the line before; others are skipped.
fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

/// Returns the content codings in the order in which they were applied.
fn codings(response: &HttpResponse) -> Vec<String> {
    let named = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Content-Encoding"));
    let words = named.flat_map(|(_, value)| value.split(','));
    // A transfer coding other than chunked compresses the same bytes again.
    let transfer = response.header("Transfer-Encoding").unwrap_or_default().split(',');
    let transfer = transfer.filter(|word| matches!(word.trim(), "gzip" | "x-gzip" | "deflate"));
    let words = words.chain(transfer).map(|word| word.trim().to_ascii_lowercase());
    words.filter(|word| !matches!(word.as_str(), "" | "identity" | "none" | "utf-8" | "binary" | "8bit")).collect()
}

/// Joins a chunked body; `None` if it does not begin with a chunk, since the chunks were already joined. The flag
/// reports whether the body ends with the last chunk.
fn join_chunks(body: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut joined = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let Some((length, after)) = chunk_length(rest) else {
            return if joined.is_empty() { None } else { Some((joined, false)) };
        };
        if length == 0 {
            return Some((joined, true));
        }
        let Some(chunk) = after.get(..length) else {
            joined.extend_from_slice(after);
            return Some((joined, false));
        };
        joined.extend_from_slice(chunk);
        rest = &after[length..];
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
    }
}

/// Returns the hexadecimal length at the beginning of a chunk, and the bytes after its line.
fn chunk_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().take(1024).position(|&byte| byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let digits = line.split(';').next()?.trim();
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let length = plain.then(|| usize::from_str_radix(digits, 16).ok())??;
    Some((length, &bytes[end + 1..]))
}

/// Decodes one coding; `None` if the bytes are already decoded. The flag reports whether decoding succeeded.
fn decode(coding: &str, bytes: &[u8], max_bytes: u64) -> Result<(Option<Vec<u8>>, bool), HttpError> {
    let packed = match coding {
        "gzip" | "x-gzip" => bytes.starts_with(&GZIP_MAGIC),
        "deflate" => true,
        // Brotli has no magic number (RFC 7932).
        "br" => !looks_like_text(bytes),
        "zstd" => bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
        other => {
            return if looks_like_text(bytes) { Ok((None, true)) } else { Err(HttpError::Coding(other.to_owned())) };
        }
    };
    if !packed {
        return Ok((None, true));
    }
    let (decoded, whole) = match coding {
        "zstd" => read_all(zstd_decoder(bytes).map_err(|_| HttpError::OutOfMemory)?, max_bytes)?,
        "br" => read_all(brotli_decompressor::Decompressor::new(bytes, BROTLI_BUFFER_BYTES), max_bytes)?,
        // RFC 9110 specifies the zlib format; servers also send raw deflate data.
        "deflate" if is_zlib(bytes) => read_all(ZlibDecoder::new(bytes), max_bytes)?,
        "deflate" => read_all(DeflateDecoder::new(bytes), max_bytes)?,
        _ => read_gzip(bytes, max_bytes)?,
    };
    if !whole && looks_like_text(bytes) {
        return Ok((None, true));
    }
    Ok((Some(decoded), whole))
}

/// Reads all decodable bytes. The flag reports whether decoding succeeded.
fn read_all(mut decoder: impl Read, max_bytes: u64) -> Result<(Vec<u8>, bool), HttpError> {
    let mut decoded = Vec::new();
    let whole = read_into(&mut decoder, &mut decoded, max_bytes)?;
    Ok((decoded, whole))
}

/// Reads the members of a gzip body, as [`read_all`]; other bytes after a member are ignored, as browsers do.
fn read_gzip(bytes: &[u8], max_bytes: u64) -> Result<(Vec<u8>, bool), HttpError> {
    let mut decoded = Vec::new();
    let mut rest = bytes;
    while rest.starts_with(&GZIP_MAGIC) {
        let mut member = GzDecoder::new(rest);
        if !read_into(&mut member, &mut decoded, max_bytes)? {
            return Ok((decoded, false));
        }
        rest = member.into_inner();
    }
    Ok((decoded, true))
}

/// Reads after the bytes that are already decoded; returns whether decoding succeeded.
fn read_into(decoder: &mut impl Read, decoded: &mut Vec<u8>, max_bytes: u64) -> Result<bool, HttpError> {
    let room = max_bytes.saturating_add(1).saturating_sub(decoded.len() as u64);
    let read = decoder.take(room).read_to_end(decoded);
    // The source is in memory, so an error is due to the data or to a shortage of memory.
    if read.as_ref().is_err_and(is_machine_fault) {
        return Err(HttpError::OutOfMemory);
    }
    if decoded.len() as u64 > max_bytes {
        return Err(HttpError::TooLarge(max_bytes));
    }
    Ok(read.is_ok())
}

/// Checks for a zlib header: method deflate, window up to 32 KiB, and a checksum of both bytes (RFC 1950, section 2.2).
fn is_zlib(bytes: &[u8]) -> bool {
    bytes
        .first_chunk()
        .is_some_and(|&[method, flags]| method & 0x8f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0)
}

/// Checks whether a body begins like markup, JSON or plain text, which means that the archive's writer decoded it.
fn looks_like_text(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(64)];
    let control = |byte: &u8| *byte < b' ' && !byte.is_ascii_whitespace();
    find(beginning, b"\0").is_none()
        && !beginning.iter().any(control)
        && std::str::from_utf8(beginning).map_or_else(|error| error.error_len().is_none(), |_| true)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"<p>hello, hello, hello, hello</p>";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn response(fields: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), body].concat()
    }

    fn body(fields: &str, body: &[u8]) -> Result<Vec<u8>, HttpError> {
        parse_http(&response(fields, body)).map(|parsed| parsed.body)
    }

    #[test]
    fn all_codings_are_decoded() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(TEXT).unwrap();
        let whole = Ok(TEXT.to_vec());
        assert_eq!(body("", TEXT), whole);
        assert_eq!(body("Content-Encoding: gzip\r\n", &gzip(TEXT)), whole);
        assert_eq!(body("content-encoding: x-gzip, GZIP\r\n", &gzip(&gzip(TEXT))), whole);
        assert_eq!(body("Content-Encoding: deflate\r\n", &zlib.finish().unwrap()), whole);
        assert_eq!(body("Content-Encoding: deflate\r\n", &bare.finish().unwrap()), whole);
        assert_eq!(body("Content-Encoding: zstd\r\n", &zstd::encode_all(TEXT, 3).unwrap()), whole);
        // An uncompressed meta-block of 5 bytes, then an empty last one (RFC 7932, section 9.2).
        let brotli = [&[0x40, 0x00, 0x10][..], b"hello", &[0x03]].concat();
        assert_eq!(body("Content-Encoding: br\r\n", &brotli), Ok(b"hello".to_vec()));
        let chunked = [b"8;x=y\r\n<p>hello\r\n19\n", &TEXT[8..], b"\r\n0\r\n\r\n"].concat();
        assert_eq!(body("Transfer-Encoding: chunked\r\n", &chunked), whole);
    }

    #[test]
    fn decoded_bodies_are_unchanged() {
        for fields in [
            "Content-Encoding: gzip\r\n",
            "Content-Encoding: deflate\r\n",
            "Content-Encoding: br\r\n",
            "Transfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(body(fields, TEXT), Ok(TEXT.to_vec()), "{fields}");
            // The length of the compressed body, which is longer than this one.
            assert_eq!(body(&format!("{fields}Content-Length: 999\r\n"), TEXT), Ok(TEXT.to_vec()), "{fields}");
        }
        let packed = gzip(TEXT);
        let error = parse_http(&response("Content-Encoding: compress\r\n", &packed)).unwrap_err();
        assert_eq!(error, HttpError::Coding("compress".to_owned()));
        assert!(matches!(body("Content-Encoding: br\r\n", &packed), Err(HttpError::Incomplete(_))));
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let long = TEXT.repeat(100);
        let packed = gzip(&long);
        let zstd = zstd::encode_all(&long[..], 3).unwrap();
        for (fields, cut) in [
            ("Content-Encoding: gzip\r\n", &packed[..packed.len() - 9]),
            ("Content-Encoding: gzip\r\n", &packed[..packed.len() / 2]),
            ("Content-Encoding: zstd\r\n", &zstd[..zstd.len() - 5]),
            ("Transfer-Encoding: chunked\r\n", &b"5\r\nhello\r\n9\r\nwor"[..]),
            ("Transfer-Encoding: chunked\r\n", &b"5\r\nhello\r\n"[..]),
            ("Content-Length: 34\r\n", TEXT),
            ("Content-Encoding: gzip\r\nContent-Length: 9999\r\n", &packed[..]),
        ] {
            let outcome = body(fields, cut);
            assert!(matches!(outcome, Err(HttpError::Incomplete(_))), "{fields}: {outcome:?}");
        }
        assert_eq!(body("Content-Length: 34\r\n", TEXT), Err(HttpError::Incomplete(33)));
    }

    #[test]
    fn a_body_with_another_length_than_stated_may_be_whole() {
        assert_eq!(body("Content-Length: 33\r\n", TEXT), Ok(TEXT.to_vec()));
        assert_eq!(body("Content-Length: 5\r\n", TEXT), Ok(TEXT.to_vec()));
        assert_eq!(body("Content-Length: about 99\r\n", TEXT), Ok(TEXT.to_vec()));
        assert_eq!(body("Content-Length: 99\r\n", b""), Ok(Vec::new()));
        let padded = [&gzip(TEXT)[..], b"\0\0 padding"].concat();
        assert_eq!(body("Content-Encoding: gzip\r\n", &padded), Ok(TEXT.to_vec()));
        assert_eq!(unpack_gzip(&padded, 1 << 20), Ok(Some(TEXT.to_vec())));
        let two = [gzip(TEXT), gzip(TEXT)].concat();
        assert_eq!(body("Content-Encoding: gzip\r\n", &two), Ok(TEXT.repeat(2)));
        assert_eq!(unpack_gzip(&two, 65), Err(HttpError::TooLarge(65)));
    }

    #[test]
    fn malformed_headers() {
        let parsed = parse_http(b"http/1.0 404\nSet-Cookie : a\n folded\nnonsense\nX-Bad: \xff\n\nbody").unwrap();
        assert_eq!((parsed.status, parsed.body.as_slice()), (404, &b"body"[..]));
        assert_eq!(parsed.header("set-cookie"), Some("a folded"));
        assert_eq!(parsed.headers.len(), 2);
        assert_eq!(parse_http(b"HTTP/1.1 204 No Content\r\nA: b").unwrap().body, b"");
        assert_eq!(parse_http(b"<html>").unwrap_err(), HttpError::StatusLine);
    }

    #[test]
    fn gzip_without_a_coding_is_unpacked_on_request() {
        let packed = gzip(&TEXT.repeat(100));
        assert_eq!(body("", &packed), Ok(packed.clone()), "a response is returned as its header says");
        assert_eq!(unpack_gzip(&packed, 1 << 20).unwrap(), Some(TEXT.repeat(100)));
        let cut = unpack_gzip(&packed[..packed.len() - 9], 1 << 20);
        assert!(matches!(cut, Err(HttpError::Incomplete(1..))), "{cut:?}");
        assert_eq!(unpack_gzip(&gzip(b""), 1 << 20).unwrap(), Some(Vec::new()));
        for other in [TEXT, b"", b"\x1f", b"\x1f\x8b but no gzip"] {
            assert_eq!(unpack_gzip(other, 1 << 20).unwrap(), None, "{other:?}");
        }
        assert_eq!(unpack_gzip(&packed, 99).unwrap_err(), HttpError::TooLarge(99));
    }

    #[test]
    fn decompression_bombs_are_rejected() {
        let bomb = response("Content-Encoding: gzip\r\n", &gzip(&vec![0; 1_000_000]));
        assert_eq!(parse_http_bounded(&bomb, 999_999).unwrap_err(), HttpError::TooLarge(999_999));
        assert_eq!(parse_http_bounded(&bomb, 1_000_000).unwrap().body.len(), 1_000_000);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), coding in "gzip|deflate|zstd|chunked|br") {
            let fields = format!("Content-Encoding: {coding}\r\nTransfer-Encoding: {coding}\r\n");
            let _ = parse_http(&response(&fields, &bytes));
            let _ = parse_http(&bytes);
        }
    }
}
