//! Distinguishes faults of the machine from damaged content.
//!
//! Decoders report both as `io::Error`, and a shortage of memory, too. Every decoder reads through [`GuardedReader`], which
//! records whether the read itself failed. A decoder's own error comes from the content, unless it reports a fault of
//! the machine.
//!
//! Invariant: a fault of the machine never becomes a rejection, and damage never becomes an error.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use corpusmill_codec::is_machine_fault;

use crate::ReaderError;

/// Shared record of the bytes read and the failures seen by [`GuardedReader`].
#[derive(Debug, Clone, Default)]
pub(crate) struct IoGuard(Arc<IoStatus>);

#[derive(Debug, Default)]
struct IoStatus {
    failed: AtomicBool,
    bytes: AtomicU64,
}

/// Damage in the content: the rule, and the decoder's message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

impl IoGuard {
    /// Bytes read from the device so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether a read failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// Classifies an error of a decoder: a fault of the machine is returned as an error, damage as a value.
    pub(crate) fn classify(&self, error: io::Error) -> Result<Damage, ReaderError> {
        if self.has_failed() || is_machine_fault(&error) {
            return Err(ReaderError::Io(error));
        }
        let rule = match error.kind() {
            io::ErrorKind::UnexpectedEof => "truncated",
            // A member packed by a method that the decoder does not know.
            io::ErrorKind::Unsupported => "unsupported",
            _ => "corrupt",
        };
        Ok(Damage { rule, detail: error.to_string() })
    }
}

/// A reader that counts bytes and records failures.
#[derive(Debug)]
pub(crate) struct GuardedReader<R> {
    inner: R,
    guard: IoGuard,
}

impl<R> GuardedReader<R> {
    pub(crate) fn new(inner: R) -> (Self, IoGuard) {
        let guard = IoGuard::default();
        (Self { inner, guard: guard.clone() }, guard)
    }

    /// Wraps another reader that shares `guard`.
    pub(crate) fn with_guard(inner: R, guard: &IoGuard) -> Self {
        Self { inner, guard: guard.clone() }
    }
}

impl<R: Read> Read for GuardedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(test)]
        if let Some(error) = failing::next() {
            self.guard.0.failed.store(true, Ordering::Relaxed);
            return Err(error);
        }
        match self.inner.read(buffer) {
            Ok(count) => {
                self.guard.0.bytes.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.guard.0.failed.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}

impl<R: io::Seek> io::Seek for GuardedReader<R> {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// Makes the n-th read of this thread fail, in tests.
#[cfg(test)]
pub(crate) mod failing {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static REMAINING: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Lets `count` reads succeed; the next one fails. `None` lets all succeed.
    pub(crate) fn after(count: Option<u64>) {
        REMAINING.set(count);
    }

    /// Whether the read that fails has not come yet.
    pub(crate) fn is_pending() -> bool {
        REMAINING.get().is_some()
    }

    pub(super) fn next() -> Option<io::Error> {
        let remaining = REMAINING.get()?;
        REMAINING.set(remaining.checked_sub(1));
        // A kind that decoders also use for damage.
        (remaining == 0).then(|| io::Error::new(io::ErrorKind::InvalidData, "the disk failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("input/output error"))
        }
    }

    #[test]
    fn device_failure_is_an_error_and_damage_is_not() {
        let (mut reader, guard) = GuardedReader::new(Broken);
        let error = reader.read(&mut [0; 4]).unwrap_err();
        assert!(matches!(guard.classify(error), Err(ReaderError::Io(_))));

        let (mut reader, guard) = GuardedReader::new(&b"abc"[..]);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 3);
        assert_eq!(guard.bytes(), 3);
        assert_eq!(guard.classify(io::ErrorKind::UnexpectedEof.into()).unwrap().rule, "truncated");
        assert_eq!(guard.classify(io::ErrorKind::InvalidData.into()).unwrap().rule, "corrupt");
        assert_eq!(guard.classify(io::ErrorKind::Unsupported.into()).unwrap().rule, "unsupported");
    }
}
