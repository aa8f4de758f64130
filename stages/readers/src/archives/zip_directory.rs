//! Reads the central directory of a zip file: its length, and where its members are.
//!
//! Invariant: every member of the list is found, also one that a later member of the same name hides.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Read};

/// Length of a local header without name and extra field (APPNOTE, 4.3.7).
pub(super) const LOCAL_HEADER_BYTES: usize = 30;

/// Value of a 32-bit field whose number is in the extra field of Zip64 (APPNOTE, 4.5.3).
const ZIP64: u64 = 0xffff_ffff;

/// Where a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Offset of the local header, from the first byte of the archive.
    pub(super) start: u64,
    /// Length of the compressed data.
    pub(super) data_bytes: u64,
    /// Length of the name.
    pub(super) name_bytes: u64,
    /// Hash of the name.
    pub(super) name_hash: u64,
}

impl Place {
    /// Reads a header of the central directory, and the name and the extra field after it.
    fn read(record: &[u8; 46], name_and_extra: &[u8]) -> Self {
        let name_bytes = number(record, 28, 2);
        let name_length = usize::from(u16::from_le_bytes([record[28], record[29]])).min(name_and_extra.len());
        let mut name = DefaultHasher::new();
        name.write(&name_and_extra[..name_length]);
        let name_hash = name.finish();
        let (mut data_bytes, mut start) = (number(record, 20, 4), number(record, 42, 4));
        let mut extra = &name_and_extra[name_length..];
        while let [a, b, c, d, rest @ ..] = extra {
            let (field, after) = rest.split_at(usize::from(u16::from_le_bytes([*c, *d])).min(rest.len()));
            extra = after;
            if (*a, *b) != (1, 0) {
                continue;
            }
            // It has only the numbers that do not fit: the length of the content, of the data, and the offset.
            let mut numbers = field.chunks_exact(8).map(|bytes| number(bytes, 0, 8));
            if number(record, 24, 4) == ZIP64 {
                numbers.next();
            }
            for value in [&mut data_bytes, &mut start] {
                if *value == ZIP64 {
                    *value = numbers.next().unwrap_or(*value);
                }
            }
        }
        Self { start, data_bytes, name_bytes, name_hash }
    }
}

/// Reads a number of up to 8 bytes, little-endian.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes.iter().skip(at).take(length).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads the length of a local header and its data; `None` if there is no header.
pub(super) fn member_bytes(header: &mut impl Read, place: Place) -> io::Result<Option<u64>> {
    let mut record = [0_u8; LOCAL_HEADER_BYTES];
    if !fill(header, &mut record)? || !record.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let names = number(&record, 26, 2) + number(&record, 28, 2);
    Ok(Some((LOCAL_HEADER_BYTES as u64 + names).saturating_add(place.data_bytes)))
}

/// Returns the length of a central directory with its end record (APPNOTE, 4.3.12 to 4.3.16); `None` if it is damaged.
/// The places of its members are added to `places`.
pub(super) fn directory_bytes(directory: &mut impl Read, places: &mut Vec<Place>) -> io::Result<Option<u64>> {
    let mut total = 0;
    loop {
        let mut record = [0_u8; 46];
        if !fill(directory, &mut record[..4])? {
            return Ok(None);
        }
        let is_end = record.starts_with(b"PK\x05\x06");
        let fixed = match &record[..4] {
            b"PK\x01\x02" => 46,
            b"PK\x05\x06" => 22,
            b"PK\x06\x06" => 12,
            b"PK\x06\x07" => 20,
            _ => return Ok(None),
        };
        if !fill(directory, &mut record[4..fixed])? {
            return Ok(None);
        }
        let rest = match fixed {
            46 => number(&record, 28, 2) + number(&record, 30, 2) + number(&record, 32, 2),
            22 => number(&record, 20, 2),
            12 => number(&record, 4, 4),
            _ => 0,
        };
        total += fixed as u64 + rest;
        if is_end {
            return Ok(Some(total));
        }
        if fixed == 46 {
            let mut variable = Vec::new();
            directory.by_ref().take(rest).read_to_end(&mut variable)?;
            if (variable.len() as u64) < rest {
                return Ok(None);
            }
            places.push(Place::read(&record, &variable));
        } else if io::copy(&mut directory.by_ref().take(rest), &mut io::sink())? < rest {
            return Ok(None);
        }
    }
}

/// Fills a buffer; returns false if the input ends before.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_end_with_their_comment() {
        let entry = [&b"PK\x01\x02"[..], &[0; 24], &[3, 0, 2, 0, 1, 0], &[0; 12], b"nameex"].concat();
        assert_eq!(entry.len(), 52);
        let large = [&b"PK\x06\x06"[..], &[5, 0, 0, 0, 0, 0, 0, 0], b"12345", b"PK\x06\x07", &[0; 16]].concat();
        let end = [&b"PK\x05\x06"[..], &[0; 16], &[2, 0], b"hi"].concat();
        let whole = [entry.clone(), entry, large, end].concat();
        let length = whole.len() as u64;
        let mut places = Vec::new();
        let bytes = [whole.clone(), b"after".to_vec()].concat();
        assert_eq!(directory_bytes(&mut &bytes[..], &mut places).unwrap(), Some(length));
        assert_eq!(places.len(), 2);
        assert_eq!((places[0].start, places[0].data_bytes, places[0].name_bytes), (0, 0, 3));
        assert_eq!(places[0], places[1]);
        for cut in 0..whole.len() - 2 {
            assert_eq!(directory_bytes(&mut &whole[..cut], &mut Vec::new()).unwrap(), None, "cut at {cut}");
        }
    }

    #[test]
    fn large_offsets_are_in_the_extra_field() {
        let mut record = [0_u8; 46];
        record[20..24].copy_from_slice(&[0xff; 4]);
        record[24..28].copy_from_slice(&[0xff; 4]);
        record[28] = 1;
        record[42..46].copy_from_slice(&[0xff; 4]);
        let numbers = [7_u64, 1 << 33, 1 << 34].map(u64::to_le_bytes).concat();
        let extra = [&b"n"[..], b"UT\x01\0x", b"\x01\0\x18\0", &numbers].concat();
        let read = |record: &[u8; 46], extra: &[u8]| {
            let place = Place::read(record, extra);
            (place.start, place.data_bytes, place.name_bytes)
        };
        assert_eq!(read(&record, &extra), (1 << 34, 1 << 33, 1));
        // Of numbers that fit there is none.
        record[24..28].copy_from_slice(&[0; 4]);
        record[42..46].copy_from_slice(&[5, 0, 0, 0]);
        let extra = [&b"n"[..], b"\x01\0\x08\0", &numbers[8..16]].concat();
        assert_eq!(read(&record, &extra), (5, 1 << 33, 1));
        assert_eq!(Place::read(&record, b"n").start, 5);
    }
}
