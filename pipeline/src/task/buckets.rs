//! Buffers rows emitted into several buckets until the part is written, one bucket after the other.
//!
//! Invariant: the rows of one bucket keep their order, spilled or not.

use std::io::BufWriter;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use fs_err::File;

use crate::StageError;

/// Buffers rows by bucket; above its memory limit, writes them to one Arrow file per spill and bucket.
pub(super) struct BucketBuffer {
    buckets: Vec<Vec<RecordBatch>>,
    spilled: Vec<Vec<std::path::PathBuf>>,
    bytes: u64,
    limit: u64,
    spills: usize,
}

impl BucketBuffer {
    pub(super) fn new(buckets: u32, limit: u64) -> Self {
        let empty = || (0..buckets).map(|_| Vec::new()).collect();
        let spilled = (0..buckets).map(|_| Vec::new()).collect();
        Self { buckets: empty(), spilled, bytes: 0, limit, spills: 0 }
    }

    /// Whether there is only one bucket, which needs no buffer.
    pub(super) fn is_single(&self) -> bool {
        self.buckets.len() == 1
    }

    /// Whether the next push spills and so needs a folder.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    pub(super) fn push(&mut self, bucket: u32, rows: RecordBatch, dir: Option<&Path>) -> Result<(), StageError> {
        if self.is_full()
            && let Some(dir) = dir
        {
            self.spill(dir)?;
        }
        self.bytes += rows.get_array_memory_size() as u64;
        self.buckets[bucket as usize].push(rows);
        Ok(())
    }

    fn spill(&mut self, dir: &Path) -> Result<(), StageError> {
        for (bucket, rows) in self.buckets.iter_mut().enumerate() {
            let Some(first) = rows.first() else { continue };
            let path = dir.join(format!("bucket-{bucket}-{}.arrow", self.spills));
            let file = BufWriter::new(File::create(&path)?);
            let mut writer = FileWriter::try_new(file, first.schema_ref())?;
            for batch in rows.drain(..) {
                writer.write(&batch)?;
            }
            writer.finish()?;
            self.spilled[bucket].push(path);
        }
        self.spills += 1;
        self.bytes = 0;
        Ok(())
    }

    /// The rows of a bucket, in order; the bucket is empty afterwards.
    pub(super) fn drain(
        &mut self,
        bucket: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>, StageError> {
        let mut readers = Vec::new();
        for path in self.spilled[bucket].drain(..) {
            readers.push(FileReader::try_new(File::open(&path)?.into_file(), None)?);
        }
        let rows = std::mem::take(&mut self.buckets[bucket]);
        Ok(readers.into_iter().flatten().chain(rows.into_iter().map(Ok)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::UInt32Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::UInt32Type;

    use super::*;

    #[test]
    fn spilling_keeps_rows_and_order() {
        let dir = tempfile::tempdir().unwrap();
        let batch = |n: u32| {
            RecordBatch::try_from_iter([("n", Arc::new(UInt32Array::from(vec![n])) as arrow_array::ArrayRef)]).unwrap()
        };
        let mut buffer = BucketBuffer::new(2, 1);
        for n in 0..20 {
            buffer.push(n % 2, batch(n), Some(dir.path())).unwrap();
        }
        assert!(buffer.spills > 5, "the limit of one byte forces spills");
        let odd: Vec<u32> =
            buffer.drain(1).unwrap().map(|b| b.unwrap().column(0).as_primitive::<UInt32Type>().value(0)).collect();
        assert_eq!(odd, (0..20).filter(|n| n % 2 == 1).collect::<Vec<_>>());
    }
}
