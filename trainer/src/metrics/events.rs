//! Event files for TensorBoard: records in TFRecord frames, each an `Event` message with scalars.
//!
//! Existing crates need `protoc` to build or have been unmaintained for years, so this module writes the four messages
//! and two checksums itself. Formats: `tensorflow/core/lib/io/record_writer.h` (frames, masked CRC-32C),
//! `tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto`.
//!
//! Invariant: a file truncated anywhere is readable up to the last whole frame.

use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::log::MetricsError;
use super::record::Record;

/// An open event file.
#[derive(Debug)]
pub struct EventWriter {
    file: fs_err::File,
}

impl EventWriter {
    /// Creates a file in `folder` for a run that resumes at `step`; TensorBoard then drops later points of earlier
    /// files.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(folder: &Path, step: u64) -> Result<Self, MetricsError> {
        fs_err::create_dir_all(folder)?;
        let now = seconds();
        // TensorBoard reads the files of a folder in name order.
        let path = (0..).map(|number| folder.join(format!("events.out.tfevents.{:010.0}.{number:03}", now.floor())));
        let path = path.into_iter().find(|path| !path.exists()).unwrap_or_else(|| folder.join("events.out.tfevents"));
        let mut events = Self { file: fs_err::File::create(path)? };
        let mut version = event(now, 0);
        text(&mut version, 3, "brain.Event:2");
        events.write(&version)?;
        // SessionLog { status: START }
        let mut start = event(now, step);
        bytes(&mut start, 7, &[0x08, 1]);
        events.write(&start)?;
        Ok(events)
    }

    /// Appends the scalars of a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<(), MetricsError> {
        let mut summary = Vec::new();
        for (name, number) in record.scalars() {
            let mut value = Vec::new();
            text(&mut value, 1, &name);
            value.push(2 << 3 | 5);
            #[expect(clippy::cast_possible_truncation, reason = "the format stores 32 bits")]
            value.extend((number as f32).to_le_bytes());
            bytes(&mut summary, 1, &value);
        }
        let mut message = event(seconds(), record.step);
        bytes(&mut message, 5, &summary);
        self.write(&message)
    }

    fn write(&mut self, message: &[u8]) -> Result<(), MetricsError> {
        let length = (message.len() as u64).to_le_bytes();
        let mut frame = length.to_vec();
        frame.extend(masked_crc(&length).to_le_bytes());
        frame.extend(message);
        frame.extend(masked_crc(message).to_le_bytes());
        self.file.write_all(&frame)?;
        Ok(())
    }
}

fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// `Event { wall_time, step }`.
fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut message = vec![1 << 3 | 1];
    message.extend(wall_time.to_le_bytes());
    message.push(2 << 3);
    varint(&mut message, step);
    message
}

fn text(message: &mut Vec<u8>, field: u8, value: &str) {
    bytes(message, field, value.as_bytes());
}

fn bytes(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    message.push(field << 3 | 2);
    varint(message, value.len() as u64);
    message.extend(value);
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_their_lengths_and_checksums() {
        // The check value of CRC-32C (Castagnoli), RFC 3720.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventWriter::create(folder.path(), 300).unwrap();
        events.append(&Record::example(301, 2.5)).unwrap();
        let path = fs_err::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert!(path.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
        let file = fs_err::read(path).unwrap();
        let (mut rest, mut messages) = (file.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = usize::try_from(u64::from_le_bytes(rest[..8].try_into().unwrap())).unwrap();
            assert_eq!(rest[8..12], masked_crc(&rest[..8]).to_le_bytes());
            let message = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked_crc(message).to_le_bytes());
            messages.push(message);
            rest = &rest[16 + length..];
        }
        assert_eq!(messages.len(), 3);
        assert!(messages[0].ends_with(b"\x1a\x0dbrain.Event:2"));
        assert!(messages[1].ends_with(&[0x10, 0xAC, 0x02, 0x3A, 2, 8, 1]), "{:?}", messages[1]);
        let loss = [b"\x0a\x0atrain/loss\x15".as_slice(), &2.5f32.to_le_bytes()].concat();
        assert!(messages[2].windows(loss.len()).any(|window| window == loss));
    }
}
