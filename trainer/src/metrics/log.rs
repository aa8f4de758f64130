//! `metrics.jsonl`: one record per line, append-only, truncated to a checkpoint's position on resume.
//!
//! Invariant: after [`MetricsLog::open`] the file contains only whole lines, none of them later than the checkpoint.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::record::Record;

/// The metrics cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The file.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// A line is not a record.
    #[error("{}:{line}: not a metrics record: {detail}; delete the file to start over", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// The reason.
        detail: String,
    },
}

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsLog {
    file: fs_err::File,
    bytes: u64,
}

impl MetricsLog {
    /// Opens the file and truncates it to its first `bytes`, which a checkpoint recorded (0 at the start of a run).
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, bytes: u64) -> Result<Self, MetricsError> {
        let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        // A file that is already shorter is used as it is.
        let bytes = bytes.min(file.metadata()?.len());
        file.set_len(bytes)?;
        let file = fs_err::OpenOptions::new().append(true).open(path)?;
        Ok(Self { file, bytes })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<(), MetricsError> {
        let mut line = serde_json::to_vec(record).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Syncs the file to disk and returns its length for the checkpoint.
    ///
    /// # Errors
    /// When it cannot be synced.
    pub fn sync(&mut self) -> Result<u64, MetricsError> {
        self.file.sync_all()?;
        Ok(self.bytes)
    }
}

/// Reads all records of a file; none if it does not exist.
///
/// # Errors
/// When it cannot be read or a line is not a record.
pub fn read(path: &Path) -> Result<Vec<Record>, MetricsError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs_err::read_to_string(path)?;
    let parse = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|error| MetricsError::Line {
            path: path.to_owned(),
            line: line + 1,
            detail: error.to_string(),
        })
    };
    text.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_is_truncated_to_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0).unwrap();
        log.append(&Record::example(1, 3.0)).unwrap();
        let bytes = log.sync().unwrap();
        log.append(&Record::example(2, 2.0)).unwrap();
        fs_err::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"kind\":").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("metrics.jsonl:3"));
        let mut log = MetricsLog::open(&path, bytes).unwrap();
        log.append(&Record::example(2, 1.5)).unwrap();
        assert_eq!(read(&path).unwrap(), [Record::example(1, 3.0), Record::example(2, 1.5)]);
    }
}
