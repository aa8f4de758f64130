//! The compressed bytes of an archive, with a short memory.
//!
//! The decoder reads here. After damage the search for the next record starts just behind the damaged member's first byte, which the
//! decoder has long passed; so the bytes since a mark are kept, up to a bound.
//!
//! Invariant: at most 2 × [`RETAINED_BYTES`] + [`CHUNK_BYTES`] are held, and every byte of the source is read once.

use std::io::{BufRead, ErrorKind};

/// Bytes behind the reading position that a rewind can reach at least, if marked.
const RETAINED_BYTES: usize = 1024 * 1024;

/// Bytes asked of the source at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A source with a reading position that can go back to a mark.
#[derive(Debug)]
pub(super) struct Input<R> {
    source: R,
    buffer: Vec<u8>,
    position: usize,
    /// Bytes before this index will not be wanted again.
    mark: usize,
    /// Offset in the archive of the buffer's first byte.
    base: u64,
}

impl<R: BufRead> Input<R> {
    /// Reads from `source`, whose first byte stands at `offset` of the archive.
    pub(super) fn new(source: R, offset: u64) -> Self {
        Self { source, buffer: Vec::new(), position: 0, mark: 0, base: offset }
    }

    /// Offset in the archive of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.position as u64
    }

    /// Bytes read and not yet consumed.
    pub(super) fn available(&self) -> &[u8] {
        &self.buffer[self.position..]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.position = (self.position + count).min(self.buffer.len());
    }

    /// Keeps the bytes from the reading position on for a later [`rewind`](Self::rewind).
    pub(super) fn mark(&mut self) {
        self.mark = self.position;
    }

    /// Goes back to `offset`, or as near as the memory reaches.
    pub(super) fn rewind(&mut self, offset: u64) {
        let index = usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.position = index.min(self.buffer.len());
        self.mark = self.mark.min(self.position);
    }

    /// Reads until `count` bytes are available; false if the source ends before.
    pub(super) fn need(&mut self, count: usize) -> std::io::Result<bool> {
        while self.available().len() < count {
            if !self.more()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads at least one further byte; false at the end of the source.
    pub(super) fn more(&mut self) -> std::io::Result<bool> {
        let length = self.buffer.len();
        let forget = self.mark.max(length.saturating_sub(RETAINED_BYTES)).min(self.position);
        // Moving no more than was dropped keeps the cost of moving constant per byte.
        if forget > 0 && forget >= length - forget {
            self.buffer.drain(..forget);
            self.position -= forget;
            self.mark = self.mark.saturating_sub(forget);
            self.base += forget as u64;
        }
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK_BYTES, 0);
        let read = loop {
            match self.source.read(&mut self.buffer[length..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(length + read.as_ref().map_or(0, |&count| count));
        read.map(|count| count > 0)
    }
}
