//! Tests on generated archives: compressed in every way, truncated, corrupted and split.
//!
//! Invariant under test: damage to one record loses that record and no other.

use std::io::Write as _;

use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::RecordKind::{Metadata, Request, Response, Revisit, Warcinfo};
use super::*;

const DATE: &str = "2026-01-31T12:00:00Z";
const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>one</p>\n\n<p>two</p>";

/// Returns the uncompressed bytes of each record of the sample archive.
fn plain_records() -> Vec<Vec<u8>> {
    let (bytes, locations) = sample();
    let member = |at: &RecordLocation| {
        let start = usize::try_from(at.offset).unwrap();
        let mut plain = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&bytes[start..start + usize::try_from(at.length).unwrap()]);
        std::io::copy(&mut decoder, &mut plain).unwrap();
        plain
    };
    locations.iter().map(member).collect()
}

/// Returns an archive written by the writer, and the locations of its records.
fn sample() -> (Vec<u8>, Vec<RecordLocation>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc.gz");
    let mut writer = WarcWriter::create(&path).unwrap();
    let mut locations = vec![writer.warcinfo(DATE, "a.warc.gz", &[("software", "corpusmill")]).unwrap()];
    locations.push(writer.request("https://e.org/", DATE, b"GET / HTTP/1.1\r\nHost: e.org\r\n\r\n", &[]).unwrap());
    locations.push(writer.response("https://e.org/", DATE, PAGE, &[("WARC-IP-Address", "192.0.2.1")]).unwrap());
    let first = RefersTo { uri: "https://e.org/", date: DATE, payload_digest: locations[2].payload_digest.as_deref() };
    let head = b"HTTP/1.1 304 Not Modified\r\n\r\n";
    let revisit = writer.revisit("https://e.org/", DATE, head, RevisitReason::ServerNotModified, first, &[]).unwrap();
    locations.push(revisit);
    locations.push(writer.metadata("https://e.org/", DATE, &[("outlink", "https://e.org/x")], &[]).unwrap());
    locations.push(writer.response("https://e.org/x", DATE, &PAGE.repeat(3), &[]).unwrap());
    writer.sync().unwrap();
    (fs_err::read(&path).unwrap(), locations)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the sample's records under each compression.
fn compressed_samples() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let records = plain_records();
    // With a checksum, as the zstd program writes it: without one, damage may go undetected.
    let zstd = |record: &Vec<u8>| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, record).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = records.iter().map(zstd).collect();
    vec![("gzip", records.iter().map(|record| gzip(record)).collect()), ("zstd", zstd), ("plain", records)]
}

fn read(bytes: &[u8]) -> (Vec<Record>, Vec<Lost>) {
    read_with(bytes, ReaderOptions::default())
}

fn read_with(bytes: &[u8], options: ReaderOptions) -> (Vec<Record>, Vec<Lost>) {
    let (mut records, mut lost) = (Vec::new(), Vec::new());
    for item in WarcReader::with_options(bytes, options).unwrap() {
        match item.unwrap() {
            ArchiveItem::Record(record) => records.push(record),
            ArchiveItem::Lost(loss) => lost.push(loss),
            ArchiveItem::Skipped(skipped) => panic!("no record exceeds the limit, but got {skipped:?}"),
        }
    }
    (records, lost)
}

/// Returns the records without their offsets, which differ between compressions.
fn contents(records: &[Record]) -> Vec<(String, Vec<u8>)> {
    records.iter().map(|record| (record.head.clone(), record.block.clone())).collect()
}

#[test]
fn round_trip() {
    let (bytes, locations) = sample();
    let (records, lost) = read(&bytes);
    assert!(lost.is_empty(), "{lost:?}");
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Warcinfo, Request, Response, Revisit, Metadata, Response]);
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, locations.iter().map(|location| location.offset).collect::<Vec<_>>());
    assert_eq!(records[2].block, PAGE);
    assert_eq!(records[2].target_uri(), Some("https://e.org/"));
    assert_eq!((records[2].date(), records[2].version()), (Some(DATE), "WARC/1.1"));
    assert_eq!(records[2].header("warc-ip-address"), Some("192.0.2.1"));
    assert_eq!(records[2].header("WARC-Record-ID"), Some(locations[2].record_id.as_str()));
    assert_eq!(records[3].header("WARC-Payload-Digest"), locations[2].payload_digest.as_deref());
    let digest = digest(b"<p>one</p>\n\n<p>two</p>");
    assert_eq!(locations[2].payload_digest.as_deref(), Some(digest.as_str()));
    assert_eq!(parse_http(&records[2].block).unwrap().status, 200);
    assert_eq!(sample(), (bytes, locations), "the same calls must write the same bytes");
}

#[test]
fn every_compression_yields_the_same_records() {
    let expected = contents(&read(&sample().0).0);
    let records = plain_records();
    let whole = records.concat();
    // Members that begin anywhere, as parallel compressors write them.
    let blocks: Vec<u8> = whole.chunks(100).flat_map(gzip).collect();
    let padded = [records.iter().flat_map(|record| gzip(record)).collect(), vec![0; 600]].concat();
    let skippable =
        [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd::encode_all(whole.as_slice(), 3).unwrap()].concat();
    for (name, bytes) in [
        ("plain", whole.clone()),
        ("one member", gzip(&whole)),
        ("blocks", blocks),
        ("padded", padded),
        ("one frame", skippable),
    ] {
        let (records, lost) = read(&bytes);
        assert!(lost.is_empty(), "{name}: {lost:?}");
        assert_eq!(contents(&records), expected, "{name}");
    }
}

#[test]
fn zstd_dictionaries() {
    let records = plain_records();
    let dictionary = records[2].clone();
    let mut packed = Vec::new();
    for compressed in [false, true] {
        let content = if compressed { zstd::encode_all(dictionary.as_slice(), 3).unwrap() } else { dictionary.clone() };
        packed.clear();
        packed.extend_from_slice(&0x184d_2a5d_u32.to_le_bytes());
        packed.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        packed.extend_from_slice(&content);
        for record in &records {
            let mut encoder = zstd::Encoder::with_dictionary(&mut packed, 3, &dictionary).unwrap();
            encoder.write_all(record).unwrap();
            encoder.finish().unwrap();
        }
        let (read, lost) = read(&packed);
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(read.len(), records.len());
    }
}

#[test]
fn truncation_loses_one_record() {
    for (name, packed) in compressed_samples() {
        let whole = packed.concat();
        let (expected, _) = read(&whole);
        let mut ends = vec![0];
        ends.extend(packed.iter().scan(0, |end, member| {
            *end += member.len();
            Some(*end)
        }));
        for cut in 0..whole.len() {
            let (records, lost) = read(&whole[..cut]);
            let before = ends.iter().filter(|&&end| end > 0 && end <= cut).count();
            // A plain record is complete without the empty lines after it.
            let spare = usize::from(name == "plain" && ends.iter().any(|end| (cut + 1..=cut + 4).contains(end)));
            assert_eq!(records, expected[..before + spare], "{name} cut at {cut}");
            let clean = ends.contains(&cut) || spare == 1;
            assert_eq!(lost.len(), usize::from(!clean), "{name} cut at {cut}: {lost:?}");
            if let Some(loss) = lost.first() {
                assert_eq!(loss.offset, ends[before] as u64, "{name} cut at {cut}");
                assert_eq!(loss.bytes, (cut - ends[before]) as u64, "{name} cut at {cut}: {loss:?}");
            }
        }
    }
}

#[test]
fn corrupted_byte_loses_one_record() {
    for (name, packed) in compressed_samples() {
        let whole = packed.concat();
        let (expected, _) = read(&whole);
        let mut start = 0;
        for (hit, member) in packed.iter().enumerate() {
            for at in start..start + member.len() {
                for mask in [0x01, 0x08, 0x40, 0xff] {
                    let mut corrupted = whole.clone();
                    corrupted[at] ^= mask;
                    let (records, lost) = read(&corrupted);
                    for (index, record) in expected.iter().enumerate() {
                        let survives = index == hit || records.contains(record);
                        assert!(
                            survives,
                            "{name}: byte {at} of record {hit} ^ {mask:#x} lost record {index}; {lost:?}"
                        );
                    }
                    assert!(records.len() <= expected.len(), "{name}: byte {at} ^ {mask:#x} added records");
                    assert!(
                        records.len() + lost.len() >= expected.len(),
                        "{name}: byte {at} ^ {mask:#x}: a loss was not reported"
                    );
                }
            }
            start += member.len();
        }
    }
}

#[test]
fn two_readers_share_an_archive() {
    for (name, packed) in compressed_samples() {
        let whole = packed.concat();
        let (expected, _) = read(&whole);
        let compression = Some(Compression::detect(&whole));
        for border in 1..whole.len() {
            let options =
                ReaderOptions { offset: border as u64, compression, seek_record: true, ..ReaderOptions::default() };
            let (second, lost) = read_with(&whole[border..], options);
            assert!(lost.is_empty(), "{name} at {border}: {lost:?}");
            let split = expected.iter().filter(|record| record.offset < border as u64).count();
            assert_eq!(second, expected[split..], "{name} at {border}");
            let (first, _) = read_with(&whole, ReaderOptions { end: Some(border as u64), ..ReaderOptions::default() });
            assert_eq!(first, expected[..split], "{name} to {border}");
        }
    }
}

#[test]
fn parts_together_equal_the_whole() {
    let records = plain_records().concat();
    // Members that begin anywhere, as parallel compressors write them, and one archive with a corrupted byte.
    let blocks: Vec<u8> = records.chunks(100).flat_map(gzip).collect();
    let mut corrupted: Vec<u8> = plain_records().iter().flat_map(|record| gzip(record)).collect();
    let middle = corrupted.len() / 2;
    corrupted[middle] ^= 0x40;
    for (name, bytes) in [("blocks", blocks), ("one member", gzip(&records)), ("corrupted", corrupted)] {
        let (expected, lost) = read(&bytes);
        for size in [50_usize, 130, 700, 5000] {
            let (mut found, mut missed) = (Vec::new(), Vec::new());
            for start in (0..bytes.len()).step_by(size) {
                let options = ReaderOptions {
                    offset: start as u64,
                    compression: Some(Compression::Gzip),
                    seek_record: start > 0,
                    end: Some((start + size) as u64),
                    ..ReaderOptions::default()
                };
                let (records, lost) = read_with(&bytes[start..], options);
                found.extend(records);
                missed.extend(lost);
            }
            assert_eq!((found, missed), (expected.clone(), lost.clone()), "{name} in parts of {size}");
        }
    }
}

#[test]
fn long_blocks_are_skipped() {
    for (name, packed) in compressed_samples() {
        let options = ReaderOptions { max_record_bytes: 100, ..ReaderOptions::default() };
        let whole = packed.concat();
        let items: Vec<_> = WarcReader::with_options(whole.as_slice(), options).unwrap().map(Result::unwrap).collect();
        let skipped = items
            .iter()
            .filter(|item| matches!(item, ArchiveItem::Skipped(skipped) if skipped.block_bytes > 100))
            .count();
        assert_eq!((items.len(), skipped), (6, 1), "{name}");
    }
}

#[test]
fn excessive_length_loses_one_record() {
    let mut records = plain_records();
    let text = String::from_utf8(records[2].clone()).unwrap();
    let length = format!("Content-Length: {}", PAGE.len());
    records[2] = text.replace(&length, "Content-Length: 99999999999999").into_bytes();
    let packed: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    for (name, bytes) in [("plain", records.concat()), ("gzip", packed), ("one member", gzip(&records.concat()))] {
        let (found, lost) = read(&bytes);
        assert_eq!((found.len(), lost.len()), (5, 1), "{name}: {lost:?}");
    }
}

#[test]
fn old_and_malformed_headers() {
    let text = b"\r\nWARC/1.0\nwarc-type: Conversion\nWARC-Target-URI: <https://e.org/>\nX: a\n  b\nContent-Length:5\n\nhello\n\nWARC/0.18\n\
        WARC-Type: odd\nContent-Length: 0\n\n";
    let (records, lost) = read(text);
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!((records[0].kind, records[0].target_uri()), (RecordKind::Conversion, Some("https://e.org/")));
    assert_eq!((records[0].header("x"), records[0].block.as_slice()), (Some("a  b"), &b"hello"[..]));
    assert_eq!((records.len(), records[1].kind), (2, RecordKind::Other));
}

#[test]
fn records_that_are_cut_say_why() {
    let record = |kind: &str, field: &str| {
        let text = format!("WARC/1.1\r\nWARC-Type: {kind}\r\n{field}Content-Length: 5\r\n\r\nhello\r\n\r\n");
        let (records, lost) = read(text.as_bytes());
        assert!(lost.is_empty(), "{lost:?}");
        records[0].truncated().map(str::to_owned)
    };
    for kind in ["response", "resource", "conversion"] {
        assert_eq!(record(kind, ""), None);
        assert_eq!(record(kind, "WARC-Truncated: length\r\n").as_deref(), Some("length"));
        assert_eq!(record(kind, "warc-truncated:\r\n").as_deref(), Some("unspecified"));
    }
    // A revisit leaves out the body that another record has.
    assert_eq!(record("revisit", "WARC-Truncated: length\r\n"), None);
    let (records, _) = read(&sample().0);
    assert!(records.iter().all(|record| record.truncated().is_none()));
}

#[test]
fn resume_truncates_uncommitted_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.warc.gz");
    let mut writer = WarcWriter::create(&path).unwrap();
    writer.response("https://e.org/", DATE, PAGE, &[]).unwrap();
    writer.sync().unwrap();
    let committed = writer.offset();
    writer.response("https://e.org/torn", DATE, PAGE, &[]).unwrap();
    drop(writer);
    let mut writer = WarcWriter::resume(&path, committed).unwrap().with_level(1);
    let location = writer.response("https://e.org/next", DATE, PAGE, &[]).unwrap();
    writer.sync().unwrap();
    assert_eq!(location.offset, committed);
    let (records, lost) = read(&fs_err::read(&path).unwrap());
    let found: Vec<_> = records.iter().filter_map(Record::target_uri).collect();
    assert_eq!((found, lost), (vec!["https://e.org/", "https://e.org/next"], Vec::new()));
    let error = WarcWriter::resume(&path, 1_000_000).unwrap_err();
    assert!(matches!(error, WarcError::TooShort { committed: 1_000_000, .. }), "{error}");
    let error = writer.response("https://e.org/\r\nWARC-Type: x", DATE, PAGE, &[]).unwrap_err();
    assert!(matches!(error, WarcError::HeaderValue { .. }), "{error}");
}

/// The damage lies in the middle of a member, and the bytes after it happen to begin with two line ends.
#[test]
fn a_damaged_block_before_line_ends_is_lost() {
    for (name, packed) in compressed_samples().into_iter().filter(|(name, _)| *name != "plain") {
        let mut bytes = packed.concat();
        let (expected, _) = read(&bytes);
        bytes.drain(532..532 + 169);
        let (records, lost) = read(&bytes);
        assert!(contents(&records).iter().all(|record| contents(&expected).contains(record)), "{name}");
        assert_eq!(lost.len(), 1, "{name}: {lost:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in 0..4_usize) {
        let magic: [&[u8]; 4] = [b"", &[0x1f, 0x8b, 8, 0], &[0x28, 0xb5, 0x2f, 0xfd], b"WARC/1.0\r\nContent-Length: "];
        let _ = read(&[magic[start], &bytes].concat());
    }

    #[test]
    fn removed_ranges_add_no_records(holes in proptest::collection::vec((0..3000_usize, 1..200_usize), 1..4)) {
        for (name, packed) in compressed_samples() {
            let mut bytes = packed.concat();
            let (expected, _) = read(&bytes);
            for &(at, length) in &holes {
                let at = at.min(bytes.len());
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            let (records, _) = read(&bytes);
            prop_assert!(records.len() <= expected.len());
            if name != "plain" {
                for record in contents(&records) {
                    prop_assert!(contents(&expected).contains(&record), "{name}: {}", record.0);
                }
            }
        }
    }
}
