//! Reads the lines of a stream, each with bounded memory.
//!
//! Invariant: a line longer than the limit is counted and skipped in pieces; the buffer never exceeds the limit.

use std::io::{self, BufRead, BufReader, Read};

/// The result of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The buffer holds the line, without its line feed.
    Whole,
    /// The line has this many bytes, which exceeds the limit; the buffer is empty.
    TooLong(u64),
    /// There is no further line.
    End,
}

/// A line reader that tracks its offset.
pub(crate) struct LineReader<R> {
    reader: BufReader<R>,
    offset: u64,
}

impl<R: Read> LineReader<R> {
    /// Starts at byte `offset` of the input (0 for a whole input).
    pub(crate) fn new(reader: R, offset: u64) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), offset }
    }

    /// Offset in the (decompressed) input of the next line.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next line of at most `max_bytes` into `buffer`, which is cleared first.
    pub(crate) fn next_line(&mut self, buffer: &mut Vec<u8>, max_bytes: u64) -> io::Result<Line> {
        buffer.clear();
        let limit = max_bytes.saturating_add(1);
        let read = self.reader.by_ref().take(limit).read_until(b'\n', buffer)? as u64;
        self.offset += read;
        if read == 0 {
            return Ok(Line::End);
        }
        if buffer.last() == Some(&b'\n') {
            buffer.pop();
            return Ok(Line::Whole);
        }
        if read < limit {
            return Ok(Line::Whole);
        }
        *buffer = Vec::new();
        let skipped = self.reader.skip_until(b'\n')? as u64;
        self.offset += skipped;
        Ok(Line::TooLong(read + skipped))
    }

    /// Skips to the start of the next line.
    pub(crate) fn skip_line(&mut self) -> io::Result<()> {
        self.offset += self.reader.skip_until(b'\n')? as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_skipped() {
        let mut lines = LineReader::new(&b"ab\nabcdef\n\nxyz"[..], 0);
        let mut buffer = Vec::new();
        assert_eq!(lines.next_line(&mut buffer, 3).unwrap(), Line::Whole);
        assert_eq!(buffer, b"ab");
        assert_eq!(lines.next_line(&mut buffer, 3).unwrap(), Line::TooLong(7));
        assert_eq!(lines.next_line(&mut buffer, 3).unwrap(), Line::Whole);
        assert!(buffer.is_empty());
        assert_eq!(lines.offset(), 11);
        assert_eq!(lines.next_line(&mut buffer, 3).unwrap(), Line::Whole);
        assert_eq!(buffer, b"xyz");
        assert_eq!(lines.next_line(&mut buffer, 3).unwrap(), Line::End);
    }

    #[test]
    fn huge_line_does_not_grow_the_buffer() {
        let huge = io::repeat(b'x').take(64 << 20).chain(&b"\nend"[..]);
        let mut lines = LineReader::new(huge, 0);
        let mut buffer = Vec::new();
        assert_eq!(lines.next_line(&mut buffer, 1 << 10).unwrap(), Line::TooLong((64 << 20) + 1));
        assert!(buffer.capacity() <= 1 << 12);
        assert_eq!(lines.next_line(&mut buffer, 1 << 10).unwrap(), Line::Whole);
        assert_eq!(buffer, b"end");
    }
}
