//! Finds members before and after those that a zip file lists: zip files that were joined, or members that were removed
//! from the list only.
//!
//! Other bytes are allowed there: a self-extracting archive begins with a program.
//!
//! Invariant: the bytes are read once, with little memory; damage ends the search.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;

/// Length of a local header without name and extra field (APPNOTE, 4.3.7).
const HEADER_BYTES: usize = 30;
/// Bytes read at a time.
const WINDOW_BYTES: usize = 64 << 10;
/// Highest version of the format (APPNOTE, 4.4.3), times ten.
const MAX_VERSION: u8 = 63;

/// A part of a file that contains members which the archive does not list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unlisted {
    pub(super) rule: &'static str,
    pub(super) bytes: u64,
}

/// Returns the parts with members before the first and after the last byte of an archive; `bytes` is the length of the
/// file.
///
/// # Errors
/// The file cannot be read.
pub(super) fn unlisted<R: Read + Seek>(
    archive: &ZipArchive<R>,
    file: &mut (impl Read + Seek),
    bytes: u64,
) -> io::Result<Vec<Unlisted>> {
    let mut found = Vec::new();
    // Of the members that others hide, the place is not known.
    let first = if archive.has_duplicate_names() {
        archive.offset()
    } else {
        let starts = (0..archive.len()).filter_map(|index| Some(archive.by_index_data(index).ok()?.header_start()));
        starts.min().unwrap_or(archive.central_directory_start())
    };
    file.seek(SeekFrom::Start(0))?;
    if contains_member(file.by_ref().take(first))? {
        found.push(Unlisted { rule: "leading-data", bytes: first });
    }
    let directory = archive.central_directory_start();
    file.seek(SeekFrom::Start(directory))?;
    let length = directory_bytes(&mut BufReader::new(file.by_ref()));
    if let Some(after) = length?.and_then(|length| bytes.checked_sub(directory + length)) {
        file.seek(SeekFrom::Start(bytes - after))?;
        if contains_member(file.by_ref())? {
            found.push(Unlisted { rule: "trailing-data", bytes: after });
        }
    }
    Ok(found)
}

/// Returns the length of a central directory with its end record (APPNOTE, 4.3.12 to 4.3.16); `None` if it is damaged.
fn directory_bytes(directory: &mut impl Read) -> io::Result<Option<u64>> {
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
        let number = |at: usize| u64::from(u16::from_le_bytes([record[at], record[at + 1]]));
        let rest = match fixed {
            46 => number(28) + number(30) + number(32),
            22 => number(20),
            12 => number(4) | number(6) << 16,
            _ => 0,
        };
        total += fixed as u64 + rest;
        if is_end {
            return Ok(Some(total));
        }
        if io::copy(&mut directory.by_ref().take(rest), &mut io::sink())? < rest {
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

/// Whether the bytes contain the header of a member.
fn contains_member(mut bytes: impl Read) -> io::Result<bool> {
    let mut window = Vec::with_capacity(WINDOW_BYTES + HEADER_BYTES);
    loop {
        let read = bytes.by_ref().take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
        if window.windows(HEADER_BYTES + 1).any(is_header) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        let kept = window.len().min(HEADER_BYTES);
        window.drain(..window.len() - kept);
    }
}

/// Whether bytes are a local header and the first byte of a name. A program that reads zip files contains the
/// signature, too, but no method and name after it.
fn is_header(bytes: &[u8]) -> bool {
    let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    bytes.starts_with(b"PK\x03\x04")
        && bytes[4] <= MAX_VERSION
        && matches!(number(8), 0..=20 | 93..=99)
        && number(26) > 0
        && bytes[HEADER_BYTES] >= b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_wherever_they_are() {
        let header: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0time.crcsizelen.\x05\0\0\0a.txt";
        assert_eq!(header.len(), HEADER_BYTES + 5);
        let edge = WINDOW_BYTES;
        for before in [0, 1, 100, edge - 40, edge - 20, edge - 1, edge, 3 * edge] {
            let bytes = [vec![b'P'; before].as_slice(), header].concat();
            assert!(contains_member(&bytes[..]).unwrap(), "after {before} bytes");
            assert!(!contains_member(&bytes[..before + HEADER_BYTES]).unwrap(), "cut after {before} bytes");
        }
        let program = [&b"MZ PK\x03\x04 is the signature of a member"[..], b"PK\x03\x04", &[0; 100]].concat();
        assert!(!contains_member(&program[..]).unwrap());
        assert!(!contains_member(&b""[..]).unwrap());
    }

    #[test]
    fn directories_end_with_their_comment() {
        let entry = [&b"PK\x01\x02"[..], &[0; 24], &[3, 0, 2, 0, 1, 0], &[0; 12], b"nameex"].concat();
        assert_eq!(entry.len(), 52);
        let large = [&b"PK\x06\x06"[..], &[5, 0, 0, 0, 0, 0, 0, 0], b"12345", b"PK\x06\x07", &[0; 16]].concat();
        let end = [&b"PK\x05\x06"[..], &[0; 16], &[2, 0], b"hi"].concat();
        let whole = [entry.clone(), entry, large, end].concat();
        let length = whole.len() as u64;
        assert_eq!(directory_bytes(&mut &[whole.clone(), b"after".to_vec()].concat()[..]).unwrap(), Some(length));
        for cut in 0..whole.len() - 2 {
            assert_eq!(directory_bytes(&mut &whole[..cut]).unwrap(), None, "cut at {cut}");
        }
    }
}
