//! Writes `index.cdxj` of a finished crawl: the position of each capture, sorted by site, for replay tools.
//!
//! The WARC files are read once more, so the index has all their captures: pages, redirects, revisits. Lines are sorted
//! in runs on disk and then merged, since a crawl has more captures than fit in memory.
//!
//! Invariant: memory is bounded for any number of captures; the file appears complete or not at all.

use std::collections::BinaryHeap;
use std::io::{BufRead as _, BufReader, BufWriter, Lines, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::archive::writer::file_name;
use crate::error::CrawlError;
use corpusmill_warc as warc;

/// Maximum size in bytes of a run sorted in memory.
const MAX_RUN_BYTES: usize = 4 << 20;

/// Writes the index of the WARC files `0..=last` of a crawl's folder.
pub(crate) fn write(dir: &Path, last: u64) -> Result<(), CrawlError> {
    let mut runs = SortedRuns::new(dir);
    for file in 0..=last {
        let path = dir.join(file_name(file));
        let mut failed = Ok(());
        let indexed = warc::index(&path, &file_name(file), |line| {
            if failed.is_ok() {
                failed = runs.push(line);
            }
        });
        indexed.map_err(|error| CrawlError::Warc { path, problem: error.to_string() })?;
        failed?;
    }
    let target = tempfile::NamedTempFile::new_in(dir)?;
    runs.merge(&mut BufWriter::new(target.as_file()))?;
    target.as_file().sync_all()?;
    target.persist(dir.join("index.cdxj")).map_err(|error| error.error)?;
    Ok(())
}

/// Sorted runs of lines.
struct SortedRuns {
    dir: PathBuf,
    lines: Vec<String>,
    bytes: usize,
    files: Vec<std::fs::File>,
}

impl SortedRuns {
    /// Sorted runs that spill into unnamed files in a folder.
    fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), lines: Vec::new(), bytes: 0, files: Vec::new() }
    }

    fn push(&mut self, line: String) -> std::io::Result<()> {
        self.bytes += line.len();
        self.lines.push(line);
        if self.bytes >= MAX_RUN_BYTES { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> std::io::Result<()> {
        self.lines.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.dir)?);
        for line in self.lines.drain(..) {
            writeln!(file, "{line}")?;
        }
        let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.files.push(file);
        self.bytes = 0;
        Ok(())
    }

    fn merge(mut self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        self.spill()?;
        let mut runs: Vec<Lines<BufReader<std::fs::File>>> =
            self.files.into_iter().map(|file| BufReader::new(file).lines()).collect();
        // `Reverse`, since the heap pops its largest item.
        let mut heap = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(line) = run.next() {
                heap.push(std::cmp::Reverse((line?, number)));
            }
        }
        while let Some(std::cmp::Reverse((line, number))) = heap.pop() {
            writeln!(out, "{line}")?;
            if let Some(next) = runs[number].next() {
                heap.push(std::cmp::Reverse((next?, number)));
            }
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_merged_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = SortedRuns::new(folder.path());
        for number in 0..5000_u32 {
            runs.push(format!("{:08}", number.wrapping_mul(2_654_435_761) % 100_000)).unwrap();
            if number % 700 == 0 {
                runs.spill().unwrap();
            }
        }
        let mut out = Vec::new();
        runs.merge(&mut out).unwrap();
        let lines: Vec<String> = out.lines().map(Result::unwrap).collect();
        assert!(lines.is_sorted() && lines.len() == 5000);
    }
}
