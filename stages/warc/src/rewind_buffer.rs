//! Buffered input of compressed bytes that can rewind to a mark.
//!
//! The decoder reads from it. After damage, the search for the next record starts one byte after the start of the
//! damaged member, which the decoder has already consumed. The bytes since a mark are therefore retained, up to a
//! limit.
//!
//! Invariant: at most 2 × [`RETAINED_BYTES`] + [`CHUNK_BYTES`] are in memory, and every byte of the source is read
//! once.

use std::io::{BufRead, ErrorKind};

/// Minimum number of marked bytes before the read position that a rewind can reach.
const RETAINED_BYTES: usize = 1024 * 1024;

/// Bytes requested from the source per read.
const CHUNK_BYTES: usize = 64 * 1024;

/// A source with a read position that can return to a mark.
#[derive(Debug)]
pub(super) struct RewindBuffer<R> {
    source: R,
    buffer: Vec<u8>,
    position: usize,
    /// Bytes before this index are no longer needed.
    mark: usize,
    /// Offset in the archive of the buffer's first byte.
    base: u64,
}

impl<R: BufRead> RewindBuffer<R> {
    /// Reads from `source`, whose first byte is at `offset` in the archive.
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

    /// Retains the bytes from the read position on for a later [`rewind`](Self::rewind).
    pub(super) fn mark(&mut self) {
        self.mark = self.position;
    }

    /// Returns to `offset`, or to the nearest byte that is still retained.
    pub(super) fn rewind(&mut self, offset: u64) {
        let index = usize::try_from(offset.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.position = index.min(self.buffer.len());
        self.mark = self.mark.min(self.position);
    }

    /// Reads until `count` bytes are available; returns false if the source ends first.
    pub(super) fn need(&mut self, count: usize) -> std::io::Result<bool> {
        while self.available().len() < count {
            if !self.more()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads at least one more byte; returns false at the end of the source.
    pub(super) fn more(&mut self) -> std::io::Result<bool> {
        let length = self.buffer.len();
        let forget = self.mark.max(length.saturating_sub(RETAINED_BYTES)).min(self.position);
        // Moving at most as many bytes as are dropped keeps the amortized cost per byte constant.
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
