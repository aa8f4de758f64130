//! Decompresses streams: plain, gzip (any number of members) and zstd (any number of frames).
//!
//! Invariant: the decoder only reads forward, so a stream of any size needs bounded memory.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

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
pub fn decoder<'a>(
    reader: impl BufRead + Send + 'a,
    compression: Compression,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(GzipMembers::Member(Box::new(GzDecoder::new(reader)))),
        Compression::Zstd => Box::new(corpusmill_codec::zstd_decoder(reader)?),
    })
}

/// The members of a gzip stream. Zeros after a member, with which tapes and block devices fill their last block, are
/// skipped, as by gzip itself.
enum GzipMembers<R> {
    Member(Box<GzDecoder<R>>),
    /// After a member.
    Between(R),
    End,
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::End => return Ok(0),
                Self::Member(decoder) => {
                    match decoder.read(buffer) {
                        Ok(0) if !buffer.is_empty() => {}
                        Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                            *self = Self::End;
                            return Err(error);
                        }
                        outcome => return outcome,
                    }
                    if let Self::Member(decoder) = std::mem::replace(self, Self::End) {
                        *self = Self::Between(decoder.into_inner());
                    }
                }
                Self::Between(reader) => {
                    let bytes = reader.fill_buf()?;
                    let (length, zeros) = (bytes.len(), bytes.iter().take_while(|byte| **byte == 0).count());
                    if length == 0 {
                        *self = Self::End;
                        continue;
                    }
                    reader.consume(zeros);
                    if zeros < length
                        && let Self::Between(reader) = std::mem::replace(self, Self::End)
                    {
                        *self = Self::Member(Box::new(GzDecoder::new(reader)));
                    }
                }
            }
        }
    }
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

    #[test]
    fn zeros_after_a_gzip_member_are_skipped() {
        let read = |bytes: Vec<u8>| {
            let mut text = String::new();
            let mut decoder = decoder(io::Cursor::new(bytes), Compression::Gzip).unwrap();
            decoder.read_to_string(&mut text).map(|_| text).map_err(|error| error.kind())
        };
        let zeros = vec![0; 100_000];
        assert_eq!(read([gzip("one"), zeros.clone()].concat()).unwrap(), "one");
        assert_eq!(read([gzip("one "), zeros.clone(), gzip("two"), vec![0]].concat()).unwrap(), "one two");
        assert_eq!(
            read([gzip("one"), zeros.clone(), b"garbage garbage".to_vec()].concat()),
            Err(io::ErrorKind::InvalidInput)
        );
        assert!(read(zeros).is_err(), "zeros alone are no gzip");
        let whole = gzip("one");
        assert_eq!(read(whole[..whole.len() - 1].to_vec()), Err(io::ErrorKind::UnexpectedEof));
    }
}
