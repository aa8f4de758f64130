//! Divides a file of JSON Lines into ranges that are read separately.
//!
//! Invariant: the ranges depend on the bytes of the file and the length of a range only; each states the number of its
//! first line, so that a row has the same origin however the file is divided. A file that is one array is not divided.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::json_array::starts_with_array;
use crate::ReaderError;

/// A part of an uncompressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// First byte.
    pub start: u64,
    /// End of the range (exclusive); the last line may extend past it.
    pub end: u64,
    /// Number of the first line that starts in the range, counted from 1.
    pub first_line: u64,
}

/// Splits an uncompressed file at every multiple of `range_bytes` and numbers the lines in one streaming pass. A JSON
/// array may have no line breaks, so it is one range.
///
/// # Errors
/// The file cannot be read.
pub fn split_at_lines(path: &Path, range_bytes: u64) -> Result<Vec<LineRange>, ReaderError> {
    let bytes = range_bytes.max(1);
    let file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    if starts_with_array(reader.fill_buf()?) {
        return Ok(vec![LineRange { start: 0, end: length, first_line: 1 }]);
    }
    let mut ranges = Vec::new();
    // `starts` counts the lines that start before `offset`; one starts at byte 0.
    let (mut offset, mut starts, mut at_start) = (0_u64, 0_u64, true);
    loop {
        if offset.is_multiple_of(bytes) {
            ranges.push(LineRange { start: offset, end: offset + bytes, first_line: starts + 1 });
        }
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let room = usize::try_from(bytes - offset % bytes).unwrap_or(usize::MAX);
        let piece = &buffer[..buffer.len().min(room)];
        starts +=
            u64::from(at_start) + piece[..piece.len() - 1].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        at_start = piece.last() == Some(&b'\n');
        let used = piece.len();
        offset += used as u64;
        reader.consume(used);
    }
    if ranges.last().is_some_and(|last| last.start == offset) {
        ranges.pop();
    }
    if let Some(last) = ranges.last_mut() {
        last.end = offset;
    }
    Ok(ranges)
}
