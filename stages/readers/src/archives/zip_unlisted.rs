//! Finds members before, between and after those that a zip file lists: zip files that were joined, or members that were
//! removed from the list only.
//!
//! Other bytes are allowed there: a self-extracting archive begins with a program, and a package may be signed.
//!
//! Invariant: the bytes are read once, with little memory; damage ends the search.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::zip_directory::{LOCAL_HEADER_BYTES, Place, directory_bytes, member_bytes};

/// [`LOCAL_HEADER_BYTES`] as a length in a file.
const HEADER_LENGTH: u64 = LOCAL_HEADER_BYTES as u64;
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

/// Returns the parts with members before, between and after the members that an archive lists; `bytes` is the length of
/// the file.
///
/// # Errors
/// The file cannot be read.
pub(super) fn unlisted<R: Read + Seek>(
    archive: &ZipArchive<R>,
    file: &mut (impl Read + Seek),
    bytes: u64,
) -> io::Result<Vec<Unlisted>> {
    let mut found = Vec::new();
    let mut part = |rule, bytes| found.push(Unlisted { rule, bytes });
    let directory = archive.central_directory_start();
    file.seek(SeekFrom::Start(directory))?;
    let mut places = Vec::new();
    let length = directory_bytes(&mut BufReader::new(file.by_ref()), &mut places)?;
    // The count in the end record may be too small, for example of more members than it can state. Those beyond it are
    // not read.
    let mut names = BTreeSet::new();
    let is_beyond = |place: &&Place| {
        names.insert(place.name_hash);
        names.len() > archive.len()
    };
    let listed_bytes = |place: &Place| (HEADER_LENGTH + place.name_bytes).saturating_add(place.data_bytes);
    let uncounted = places.iter().filter(is_beyond).map(listed_bytes).fold(0, u64::saturating_add);
    for place in &mut places {
        place.start = place.start.saturating_add(archive.offset());
    }
    places.sort_unstable();
    let first = places.first().map_or(directory, |place| place.start);
    file.seek(SeekFrom::Start(0))?;
    if contains_member(file.by_ref().take(first))? {
        part("leading-data", first);
    }
    let unlisted = between(file, &places, directory)?.saturating_add(uncounted);
    if unlisted > 0 {
        part("unlisted-data", unlisted);
    }
    if let Some(after) = length.and_then(|length| bytes.checked_sub(directory + length)) {
        file.seek(SeekFrom::Start(bytes - after))?;
        if contains_member(file.by_ref())? {
            part("trailing-data", after);
        }
    }
    Ok(found)
}

/// Returns how many bytes between listed members, and between the last of them and the list, belong to parts with
/// other members.
fn between(file: &mut (impl Read + Seek), places: &[Place], directory: u64) -> io::Result<u64> {
    let mut total = 0;
    let ends = places.iter().skip(1).map(|place| place.start).chain([directory]);
    let mut covered = 0;
    for (place, next) in places.iter().zip(ends) {
        // The header may have a longer extra field than the list, which is read only if a member would fit.
        let least = (HEADER_LENGTH + place.name_bytes).saturating_add(place.data_bytes);
        let mut end = place.start.saturating_add(least);
        if next > end.saturating_add(HEADER_LENGTH) {
            file.seek(SeekFrom::Start(place.start))?;
            let exact = member_bytes(file, *place)?.unwrap_or(least);
            end = place.start.saturating_add(exact);
        }
        covered = end.max(covered);
        if next > covered.saturating_add(HEADER_LENGTH) {
            file.seek(SeekFrom::Start(covered))?;
            let gap = next - covered;
            if contains_member(file.by_ref().take(gap))? {
                total += gap;
            }
        }
    }
    Ok(total)
}

/// Whether the bytes contain the header of a member.
fn contains_member(mut bytes: impl Read) -> io::Result<bool> {
    let mut window = Vec::with_capacity(WINDOW_BYTES + LOCAL_HEADER_BYTES);
    loop {
        let read = bytes.by_ref().take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
        if window.windows(LOCAL_HEADER_BYTES + 1).any(is_header) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        let kept = window.len().min(LOCAL_HEADER_BYTES);
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
        && bytes[LOCAL_HEADER_BYTES] >= b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_wherever_they_are() {
        let header: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0time.crcsizelen.\x05\0\0\0a.txt";
        assert_eq!(header.len(), LOCAL_HEADER_BYTES + 5);
        let edge = WINDOW_BYTES;
        for before in [0, 1, 100, edge - 40, edge - 20, edge - 1, edge, 3 * edge] {
            let bytes = [vec![b'P'; before].as_slice(), header].concat();
            assert!(contains_member(&bytes[..]).unwrap(), "after {before} bytes");
            assert!(!contains_member(&bytes[..before + LOCAL_HEADER_BYTES]).unwrap(), "cut after {before} bytes");
        }
        let program = [&b"MZ PK\x03\x04 is the signature of a member"[..], b"PK\x03\x04", &[0; 100]].concat();
        assert!(!contains_member(&program[..]).unwrap());
        assert!(!contains_member(&b""[..]).unwrap());
    }
}
