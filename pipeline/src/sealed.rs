//! JSON files that end with the digest of everything before it: receipts, run records, snapshots, caches.
//!
//! A value that changed on the disk would otherwise pass as another true value: a bit in a row count silently leaves out
//! documents.
//!
//! Invariant: a file is read only if its digest is right; any changed, missing or added byte is found.

use std::io::{self, BufReader, BufWriter, Read as _, Write};
use std::path::Path;

use fs_err::File;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::write_atomically_with;
use crate::{Digest, StoreError};

const SEAL_START: &[u8] = b",\n\"digest\": \"";
const SEAL_END: &[u8] = b"\"}\n";
const HEX_BYTES: usize = 64;
/// Length of the digest and what surrounds it.
const SEAL_BYTES: usize = SEAL_START.len() + HEX_BYTES + SEAL_END.len();
const BUFFER_BYTES: usize = 1 << 16;

/// Why a sealed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The content is not what was written; the text says what differs.
    #[error("{0}")]
    Damaged(String),
}

/// Writes `value`, a struct with at least one field, as JSON followed by its digest.
///
/// # Errors
/// If `out` cannot be written, or the value cannot be represented in JSON.
pub fn write_to(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut out =
        HashingWriter { inner: BufWriter::with_capacity(BUFFER_BYTES, out), hasher: blake3::Hasher::new(), held: None };
    serde_json::to_writer(&mut out, value)?;
    // The closing brace of the object, which follows the digest.
    if out.held != Some(b'}') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a sealed file contains one JSON object"));
    }
    let digest = Digest::from(out.hasher).to_string();
    let mut inner = out.inner;
    for bytes in [SEAL_START, digest.as_bytes(), SEAL_END] {
        inner.write_all(bytes)?;
    }
    inner.flush()
}

/// Writes a sealed file atomically.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    write_atomically_with(path, |file| write_to(file, value))
}

/// Reads a sealed file, in two passes through a buffer of fixed size.
///
/// # Errors
/// [`SealedError::Damaged`] if the digest is missing or wrong, or the content does not have the expected shape.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, SealedError> {
    let length = fs_err::metadata(path)?.len();
    let Some(content) = length.checked_sub(SEAL_BYTES as u64) else {
        return Err(SealedError::Damaged(format!("the file has only {length} bytes")));
    };
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file.by_ref().take(content), &mut hasher)?;
    let mut seal = Vec::with_capacity(SEAL_BYTES);
    file.take(SEAL_BYTES as u64 + 1).read_to_end(&mut seal)?;
    let stated = seal.strip_prefix(SEAL_START).and_then(|rest| rest.strip_suffix(SEAL_END));
    let Some(stated) = stated.and_then(|hex| std::str::from_utf8(hex).ok()?.parse::<Digest>().ok()) else {
        return Err(SealedError::Damaged("the file does not end with its digest".to_owned()));
    };
    let found = Digest::from(hasher);
    if found != stated {
        let problem = format!("its digest is {}, but the file states {}", found.short(), stated.short());
        return Err(SealedError::Damaged(problem));
    }
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    serde_json::from_reader(file.take(content).chain(&b"}"[..])).map_err(|error| match error.classify() {
        serde_json::error::Category::Io => SealedError::Io(error.into()),
        _ => SealedError::Damaged(error.to_string()),
    })
}

/// Hashes what passes and holds back the last byte.
struct HashingWriter<W: Write> {
    inner: BufWriter<W>,
    hasher: blake3::Hasher,
    held: Option<u8>,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((&last, rest)) = bytes.split_last() else { return Ok(0) };
        if let Some(held) = self.held.replace(last) {
            self.hasher.update(&[held]);
            self.inner.write_all(&[held])?;
        }
        self.hasher.update(rest);
        self.inner.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        seconds: f64,
        nested: Option<Box<Sample>>,
    }

    fn sample() -> Sample {
        let inner = Sample { name: "}\"\n{".to_owned(), seconds: 0.1 + 0.2, nested: None };
        Sample { name: "naïve".to_owned(), seconds: 1e-7, nested: Some(Box::new(inner)) }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealed.json");
        write(&path, &sample()).unwrap();
        assert_eq!(read::<Sample>(&path).unwrap(), sample());
        let value: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        assert_eq!(value["digest"].as_str().map(str::len), Some(HEX_BYTES), "the file is JSON: {value}");
    }

    #[test]
    fn no_changed_byte_passes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sealed.json");
        write(&path, &sample()).unwrap();
        let whole = fs_err::read(&path).unwrap();
        for at in 0..whole.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                fs_err::write(&path, &bytes).unwrap();
                // The case of the hexadecimal digits does not matter.
                match read::<Sample>(&path) {
                    Err(SealedError::Damaged(_)) => {}
                    Ok(value) => assert!(value == sample() && at >= whole.len() - SEAL_BYTES, "byte {at}"),
                    Err(other) => panic!("byte {at}: {other}"),
                }
            }
            fs_err::write(&path, &whole[..at]).unwrap();
            assert!(matches!(read::<Sample>(&path), Err(SealedError::Damaged(_))), "{at} bytes");
        }
        fs_err::write(&path, [whole, b"\n".to_vec()].concat()).unwrap();
        assert!(matches!(read::<Sample>(&path), Err(SealedError::Damaged(_))));
    }

    #[test]
    fn only_objects_are_sealed() {
        assert!(write_to(Vec::new(), &[1, 2]).is_err());
    }
}
