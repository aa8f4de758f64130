//! A file that the Parquet decoder reads through an [`IoGuard`].

use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::io_guard::{GuardedReader, IoGuard};

/// A file whose failed reads are recorded.
#[derive(Debug)]
pub(crate) struct GuardedFile {
    file: fs_err::File,
    bytes: u64,
    guard: IoGuard,
}

impl GuardedFile {
    /// Wraps a file of `bytes` bytes.
    pub(crate) fn new(file: fs_err::File, bytes: u64, guard: IoGuard) -> Self {
        Self { file, bytes, guard }
    }

    /// Another handle of the same file; both share the position, as [`std::fs::File::try_clone`] says.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, bytes: self.bytes, guard: self.guard.clone() })
    }

    fn at(&self, start: u64) -> io::Result<GuardedReader<fs_err::File>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(GuardedReader::with_guard(file, &self.guard))
    }
}

impl Length for GuardedFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for GuardedFile {
    type T = BufReader<GuardedReader<fs_err::File>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.at(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A damaged footer may state any length.
        if start.saturating_add(length as u64) > self.bytes {
            return Err(ParquetError::EOF(format!("{length} bytes at byte {start} of {}", self.bytes)));
        }
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        self.at(start)?.take(length as u64).read_to_end(&mut buffer)?;
        if buffer.len() < length {
            return Err(ParquetError::EOF(format!("{} of {length} bytes at byte {start}", buffer.len())));
        }
        Ok(buffer.into())
    }
}
