//! Reads ARC, the Internet Archive's format before WARC: a header line, then the number of bytes it declares.
//!
//! A header is `URL IP DATE TYPE LENGTH`, in version 2 with more fields before the length (archive.org/web/researcher/
//! ArcFileFormat.php). Records are converted to WARC records, so that all later steps are the same.
//!
//! Invariant: memory is limited to `max_record_bytes`. The first damage ends reading and is one [`Lost`] item, since
//! records have no delimiter by which the next one could be found reliably. Its `bytes` count what was read of the
//! damaged record; the rest of the file is not read and not counted.

use std::io::{BufRead, BufReader, ErrorKind, Read as _};

use corpusmill_codec::is_machine_fault;
use flate2::bufread::MultiGzDecoder;

use super::record::{Lost, Record, Skipped};
use super::{ArchiveItem, WarcError};

/// Maximum size of a header line, in bytes.
const MAX_HEADER_BYTES: u64 = 64 * 1024;

/// Streams the records of an ARC file, plain or gzip.
pub struct ArcReader<'a> {
    input: Box<dyn BufRead + 'a>,
    /// Decoded bytes read so far.
    offset: u64,
    max_record_bytes: u64,
    finished: bool,
}

/// Parses a header line into a record and the length of its block.
fn record(line: &[u8], offset: u64) -> Option<(Record, u64)> {
    let line = String::from_utf8_lossy(line);
    let fields: Vec<&str> = line.split(' ').collect();
    // The URL may contain spaces; the date of 14 digits is the second field after it.
    let is_date = |field: &&str| field.len() == 14 && field.bytes().all(|byte| byte.is_ascii_digit());
    let at = fields.iter().position(is_date).filter(|at| *at >= 2 && at + 2 < fields.len())?;
    let length: u64 = fields.last()?.parse().ok()?;
    let (url, date, media_type) = (fields[..at - 1].join(" "), fields[at], fields[at + 1]);
    let date =
        [&date[..4], "-", &date[4..6], "-", &date[6..8], "T", &date[8..10], ":", &date[10..12], ":", &date[12..]];
    let kind = match url.split_once(':')?.0 {
        "filedesc" => "warcinfo",
        "dns" => "metadata",
        "http" | "https" => "response",
        _ => "resource",
    };
    let head = format!(
        "ARC\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {}Z\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n",
        date.concat()
    );
    Record::parse(head.as_bytes(), offset).ok()
}

impl<'a> ArcReader<'a> {
    /// Reads a file from its first byte; blocks longer than `max_record_bytes` become [`ArchiveItem::Skipped`].
    ///
    /// # Errors
    /// [`WarcError::Read`] if reading the input fails.
    pub fn new(mut input: impl BufRead + 'a, max_record_bytes: u64) -> Result<Self, WarcError> {
        let packed =
            input.fill_buf().map_err(|source| WarcError::Read { offset: 0, source })?.starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn BufRead> =
            if packed { Box::new(BufReader::new(MultiGzDecoder::new(input))) } else { Box::new(input) };
        Ok(Self { input, offset: 0, max_record_bytes, finished: false })
    }

    fn advance(&mut self) -> std::io::Result<Option<ArchiveItem>> {
        let mut line = Vec::new();
        // Empty lines separate the records.
        while line.is_empty() {
            let read = self.input.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)?;
            self.offset += read as u64;
            if read == 0 {
                return Ok(None);
            }
            line.truncate(line.trim_ascii_end().len());
        }
        let begin = self.offset;
        let Some((mut record, length)) = record(&line, begin) else {
            return Ok(Some(self.lost(begin, "no ARC header at this offset")));
        };
        if length > self.max_record_bytes {
            let skipped = std::io::copy(&mut self.input.by_ref().take(length), &mut std::io::sink())?;
            self.offset += skipped;
            if skipped == length {
                return Ok(Some(ArchiveItem::Skipped(Skipped { record, block_bytes: length })));
            }
            return Ok(Some(self.lost(begin, "the archive ends within a record")));
        }
        let read = self.input.by_ref().take(length).read_to_end(&mut record.block)? as u64;
        self.offset += read;
        Ok(Some(if read == length {
            ArchiveItem::Record(record)
        } else {
            self.lost(begin, "the archive ends within a record")
        }))
    }

    fn lost(&mut self, begin: u64, why: &'static str) -> ArchiveItem {
        self.finished = true;
        ArchiveItem::Lost(Lost { offset: begin, bytes: self.offset - begin, why })
    }
}

impl Iterator for ArcReader<'_> {
    type Item = Result<ArchiveItem, WarcError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let begin = self.offset;
        match self.advance() {
            Ok(item) => item.map(Ok),
            // These kinds come from the decoder and mean damage; any other error is an I/O failure.
            Err(error)
                if !is_machine_fault(&error)
                    && matches!(
                        error.kind(),
                        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof
                    ) =>
            {
                Some(Ok(self.lost(begin, "the gzip data of the archive is corrupt")))
            }
            Err(source) => {
                self.finished = true;
                Some(Err(WarcError::Read { offset: begin, source }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::super::{RecordKind, parse_http};
    use super::*;

    const PAGE: &str = "HTTP/1.0 200 OK\nContent-Type: text/html\n\n<p>old</p>";

    fn records() -> [String; 3] {
        let description = "1 0 InternetArchive\nURL IP-address Archive-date Content-type Archive-length\n";
        [
            format!("filedesc://a.arc 0.0.0.0 19970101000000 text/plain {}\n{description}\n", description.len()),
            format!("http://e.org/a b 192.0.2.1 19970102030405 text/html {}\n{PAGE}\n", PAGE.len()),
            format!("http://e.org/v2 192.0.2.1 20010102030405 text/html 200 - - 700 a.arc {}\n{PAGE}\n", PAGE.len()),
        ]
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], max: u64) -> Vec<ArchiveItem> {
        ArcReader::new(bytes, max).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn versions_1_and_2_plain_and_gzip() {
        let packed: Vec<u8> = records().iter().flat_map(|record| gzip(record.as_bytes())).collect();
        for bytes in [records().concat().into_bytes(), packed] {
            let items = read(&bytes, 1000);
            let [ArchiveItem::Record(info), ArchiveItem::Record(first), ArchiveItem::Record(second)] = &items[..]
            else {
                panic!("{items:?}")
            };
            assert_eq!(info.kind, RecordKind::Warcinfo);
            assert_eq!((first.kind, first.target_uri()), (RecordKind::Response, Some("http://e.org/a b")));
            assert_eq!((first.date(), second.target_uri()), (Some("1997-01-02T03:04:05Z"), Some("http://e.org/v2")));
            assert_eq!(parse_http(&second.block).unwrap().body, b"<p>old</p>");
            assert!(
                matches!(&read(&bytes, 20)[1], ArchiveItem::Skipped(skipped) if skipped.block_bytes == PAGE.len() as u64)
            );
        }
    }

    #[test]
    fn damage_is_reported_and_ends_reading() {
        let whole = records().concat();
        for cut in [whole.len() - 20, whole.len() - 60] {
            let items = read(&whole.as_bytes()[..cut], 1000);
            assert!(matches!(items.last(), Some(ArchiveItem::Lost(_))) && items.len() == 3, "{items:?}");
        }
        let mut bent = gzip(whole.as_bytes());
        let middle = bent.len() / 2;
        bent[middle] ^= 0xff;
        assert!(matches!(read(&bent, 1000).last(), Some(ArchiveItem::Lost(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), packed: bool) {
            let _ = read(&if packed { gzip(&bytes) } else { bytes }, 100);
        }
    }
}
