//! Splits a large archive into byte ranges that workers read in parallel.
//!
//! This runs after files are listed and before they are read. Compressed archives are split at every multiple of the
//! part size, and a reader starts at the first member in its range that begins a record. A plain archive may contain
//! another archive in a payload, whose records look like its own. Its records are therefore traversed by their lengths,
//! and it is split at record boundaries only.
//!
//! Invariant: the parts depend only on the archive's bytes and the part size, and together yield every record once.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::ops::Range;
use std::path::Path;

use super::compression::{Compression, ZSTD_DICTIONARY_MAGIC};
use super::record::{Record, header_end};
use super::{ReaderOptions, WarcError};

/// Maximum size of a record header, in bytes.
const MAX_HEADER_BYTES: u64 = 256 * 1024;

/// Splits an archive into ranges of about `bytes` compressed bytes, in order. A zstd archive with a dictionary, which
/// is stored at its beginning, cannot be split and is one part.
///
/// # Errors
/// [`WarcError::Read`] if the file cannot be read.
pub fn parts(path: &Path, bytes: u64) -> Result<Vec<Range<u64>>, WarcError> {
    let failed = |source| WarcError::Read { offset: 0, source };
    let mut file = fs_err::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut beginning = Vec::new();
    file.by_ref().take(64 * 1024).read_to_end(&mut beginning).map_err(failed)?;
    let cuts = match Compression::detect(&beginning) {
        _ if length <= bytes => Vec::new(),
        Compression::Plain => plain_cuts(&mut BufReader::new(file), bytes).map_err(failed)?,
        Compression::Zstd if beginning.starts_with(&ZSTD_DICTIONARY_MAGIC.to_le_bytes()) => Vec::new(),
        Compression::Gzip | Compression::Zstd => (1..length.div_ceil(bytes)).map(|number| number * bytes).collect(),
    };
    let ends = cuts.iter().copied().chain([length]);
    Ok(std::iter::once(0).chain(cuts.iter().copied()).zip(ends).map(|(start, end)| start..end).collect())
}

/// Returns the reader options for one part. `beginning` holds the first bytes of the whole archive.
#[must_use]
pub fn part_options(part: &Range<u64>, beginning: &[u8], max_record_bytes: u64) -> ReaderOptions {
    let compression = Compression::detect(beginning);
    ReaderOptions {
        max_record_bytes,
        offset: part.start,
        compression: Some(compression),
        // A part of a plain archive begins with a record.
        seek_record: part.start > 0 && compression != Compression::Plain,
        end: Some(part.end),
    }
}

/// Returns offsets of records, about `bytes` apart; none after the first record with a wrong length.
fn plain_cuts(file: &mut BufReader<fs_err::File>, bytes: u64) -> std::io::Result<Vec<u64>> {
    file.rewind()?;
    let (mut cuts, mut at) = (Vec::new(), 0_u64);
    loop {
        let Some((head, block)) = plain_record(file)? else { return Ok(cuts) };
        if at >= bytes.saturating_mul(cuts.len() as u64 + 1) {
            cuts.push(at);
        }
        at = at.saturating_add(head).saturating_add(block).saturating_add(4);
        let Ok(step) = i64::try_from(block) else { return Ok(cuts) };
        file.seek_relative(step)?;
        let mut line_ends = [0; 4];
        if file.read_exact(&mut line_ends).is_err() || line_ends != *b"\r\n\r\n" {
            return Ok(cuts);
        }
    }
}

/// Returns the sizes in bytes of the next record's header and block.
fn plain_record(file: &mut BufReader<fs_err::File>) -> std::io::Result<Option<(u64, u64)>> {
    let mut head = Vec::new();
    while header_end(&head).is_none() {
        let line = file.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut head)?;
        if line == 0 || !head.starts_with(b"WARC/") || head.len() as u64 > MAX_HEADER_BYTES {
            return Ok(None);
        }
    }
    Ok(Record::parse(&head, 0).ok().map(|(_, length)| (head.len() as u64, length)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::{ArchiveItem, WarcReader};

    fn record(number: usize, payload: &str) -> String {
        let uri = format!("https://e.org/{number}");
        let length = payload.len();
        format!(
            "WARC/1.1\r\nWARC-Type: resource\r\nWARC-Target-URI: {uri}\r\nContent-Length: {length}\r\n\r\n{payload}\r\n\r\n"
        )
    }

    fn urls(path: &Path, size: u64) -> Vec<String> {
        let bytes = fs_err::read(path).unwrap();
        let mut urls = Vec::new();
        for part in parts(path, size).unwrap() {
            let from = usize::try_from(part.start).unwrap();
            let reader = WarcReader::with_options(&bytes[from..], part_options(&part, &bytes, 1 << 20)).unwrap();
            for item in reader {
                let ArchiveItem::Record(record) = item.unwrap() else { panic!("expected a record") };
                urls.push(record.target_uri().unwrap().to_owned());
            }
        }
        urls
    }

    #[test]
    fn nested_archive_is_a_payload() {
        let inner: String = (100..130).map(|number| record(number, "inner")).collect();
        let records: Vec<String> = (0..20).map(|number| record(number, &inner)).collect();
        let folder = tempfile::tempdir().unwrap();
        let expected: Vec<String> = (0..20).map(|number| format!("https://e.org/{number}")).collect();
        let gzip = |text: &String| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = |text: &String| zstd::encode_all(text.as_bytes(), 1).unwrap();
        let packings = [
            ("plain", records.concat().into_bytes()),
            ("gzip", records.iter().flat_map(gzip).collect()),
            ("zstd", records.iter().flat_map(zstd).collect()),
            ("whole", gzip(&records.concat())),
        ];
        for (name, bytes) in packings {
            let path = folder.path().join(name);
            fs_err::write(&path, &bytes).unwrap();
            for size in [97, 3000, 10_000, 1 << 30] {
                assert_eq!(urls(&path, size), expected, "{name} in parts of {size}");
            }
            let count = parts(&path, 10_000).unwrap().len();
            assert!(count > 1 || name == "zstd", "{name}: {count}");
        }
    }

    #[test]
    fn wrong_length_stops_splitting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.warc");
        let text = record(0, "x") + &record(1, "y").replace("Content-Length: 1", "Content-Length: 3") + &record(2, "z");
        fs_err::write(&path, &text).unwrap();
        assert_eq!(parts(&path, 10).unwrap().len(), 2);
    }
}
