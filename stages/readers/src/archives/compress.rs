//! Decompresses streams: plain, gzip (any number of members) and zstd (any number of frames).
//!
//! Invariant: the decoder only reads forward, so a stream of any size needs bounded memory.

use std::io::{self, BufRead, Read};

/// The compression of a stream, detected from the file's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// Gzip (RFC 1952), all members in sequence.
    Gzip,
    /// Zstandard (RFC 8878), all frames in sequence; windows up to 128 MiB, the format's recommended limit.
    Zstd,
}

/// Wraps `reader` in the decoder of its compression.
///
/// # Errors
/// The zstd decoder cannot be created (out of memory).
pub(crate) fn decoder<'a>(
    reader: impl BufRead + Send + 'a,
    compression: Compression,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(corpusmill_codec::zstd_decoder(reader)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_and_frames_are_joined() {
        let mut text = String::new();
        let both = [gzip("one "), gzip("two")].concat();
        decoder(&both[..], Compression::Gzip).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");

        text.clear();
        let both = [zstd::encode_all(&b"one "[..], 1).unwrap(), zstd::encode_all(&b"two"[..], 1).unwrap()].concat();
        decoder(&both[..], Compression::Zstd).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
    }
}
