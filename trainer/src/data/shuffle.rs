//! Shuffles the sequences of a run: windows of the corpus's order, each shuffled separately.
//!
//! Pieces of a long document follow each other in a corpus; read in that order, a step sees one or two documents and
//! its gradient represents the corpus poorly. Shards are not rewritten: a window of sequences is read and returned in
//! another order.
//!
//! The windows divide the whole schedule of the corpus, not the run: a run of *n* sequences reads the first *n* of this
//! order, so a longer run begins with the same sequences, and a run can be extended.
//!
//! Invariant: the position of a sequence depends only on the corpus, the seed and the window's size; no sequence is
//! read twice.

use corpusmill_shards::random::SplitMix64;
use corpusmill_shards::{Position, Sequence, SequenceReader};

use super::error::DataError;

/// Iterates over the sequences of one rank, in the order of the run.
#[derive(Debug)]
pub(super) struct ShuffledSequences {
    reader: SequenceReader,
    /// Window size in sequences, at least 1.
    size: u64,
    seed: u64,
    /// Number of sequences in the schedule of the corpus.
    scheduled: u64,
    /// Number of sequences of the run, over all ranks.
    total: u64,
    /// This rank and the number of ranks.
    rank: (u64, u64),
    /// The next position in the run's order, over all ranks.
    position: u64,
    /// The first position of the window in memory, and this rank's sequences in it by position.
    window: Option<(u64, Vec<Option<Sequence>>)>,
}

impl ShuffledSequences {
    /// Creates it from a reader of all sequences; `total` is the run's length, `rank` this rank and the number of
    /// ranks.
    pub(super) fn new(reader: SequenceReader, size: u32, seed: u64, total: u64, rank: (u32, u32)) -> Self {
        let (rank, scheduled) = ((rank.0.into(), rank.1.into()), reader.sequences());
        let total = total.min(scheduled);
        Self { reader, size: u64::from(size).max(1), seed, scheduled, total, rank, position: 0, window: None }
    }

    /// Seeks to position `position` in the run's order; the next sequence is this rank's first one from there.
    pub(super) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Digest of everything that determines the order.
    pub(super) fn fingerprint(&self) -> String {
        if self.size == 1 {
            return self.reader.fingerprint();
        }
        // Version 2: windows of the schedule. Those of version 1 ended with the run.
        let text = format!("order 2 {} {} {}", self.reader.fingerprint(), self.size, self.seed);
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// This rank's next sequence; `None` at the end of the run.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Sequence>, DataError> {
        let (rank, ranks) = self.rank;
        let rank_of_position = self.position % ranks;
        let position = self.position + (rank + ranks - rank_of_position) % ranks;
        if position >= self.total {
            return Ok(None);
        }
        let first = position - position % self.size;
        let missing = |window: &Vec<Option<Sequence>>| window.get(offset(position, first)).is_none_or(Option::is_none);
        if self.window.as_ref().is_none_or(|(start, window)| *start != first || missing(window)) {
            // Free the old window before the new one is read.
            self.window = None;
            self.window = Some((first, self.read(first)?));
        }
        self.position = position + 1;
        Ok(self.window.as_mut().and_then(|(_, window)| window.get_mut(offset(position, first))?.take()))
    }

    /// Reads the window that starts at `first`: this rank's sequences by position.
    fn read(&mut self, first: u64) -> Result<Vec<Option<Sequence>>, DataError> {
        let length = self.size.min(self.scheduled - first);
        let positions = permutation(self.seed ^ first, length);
        let mut window: Vec<Option<Sequence>> = positions.iter().map(|_| None).collect();
        self.reader.seek(Position { sequence: first })?;
        for (position, sequence) in positions.iter().zip(self.reader.by_ref()) {
            let sequence = sequence?;
            // A window can extend beyond the run; the run does not need these sequences.
            if first + position < self.total && (first + position) % self.rank.1 == self.rank.0 {
                window[offset(*position, 0)] = Some(sequence);
            }
        }
        Ok(window)
    }
}

/// Offset of `position` from `first`; windows fit in memory.
fn offset(position: u64, first: u64) -> usize {
    usize::try_from(position - first).unwrap_or(usize::MAX)
}

/// A random permutation of the numbers below `length` (Fisher and Yates, as by Durstenfeld 1964).
fn permutation(seed: u64, length: u64) -> Vec<u64> {
    let mut random = SplitMix64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23));
    let mut positions: Vec<u64> = (0..length).collect();
    for last in (1..positions.len()).rev() {
        positions.swap(last, offset(random.below(last as u64 + 1), 0));
    }
    positions
}

#[cfg(test)]
mod tests {
    use corpusmill_shards::{Corpus, ReaderOptions, Split};

    use super::*;
    use crate::data::fixture;

    fn read(size: u32, total: u64, rank: (u32, u32), from: u64) -> Vec<u64> {
        let folder = fixture::corpus(200, 1.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let reader = SequenceReader::new(&corpus, ReaderOptions::new(Split::Train, 16)).unwrap();
        let mut shuffled = ShuffledSequences::new(reader, size, 5, total, rank);
        shuffled.seek(from);
        std::iter::from_fn(|| shuffled.next().unwrap()).map(|sequence| sequence.index).collect()
    }

    fn scheduled(length: u32) -> u64 {
        let folder = fixture::corpus(200, 1.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        SequenceReader::new(&corpus, ReaderOptions::new(Split::Train, length)).unwrap().sequences()
    }

    #[test]
    fn the_schedule_is_shuffled_in_windows() {
        let scheduled = scheduled(16);
        assert!(scheduled > 128 && !scheduled.is_multiple_of(32), "{scheduled}");
        let order = read(32, u64::MAX, (0, 1), 0);
        assert_eq!(order.len() as u64, scheduled);
        for (window, found) in (0..).zip(order.chunks(32)) {
            let first = window * 32;
            let expected: Vec<u64> = (first..scheduled.min(first + 32)).collect();
            assert_ne!(found, expected);
            let mut found = found.to_vec();
            found.sort_unstable();
            assert_eq!(found, expected);
        }
        assert_ne!(order[..32].to_vec(), order[32..64].iter().map(|index| index - 32).collect::<Vec<_>>());
    }

    #[test]
    fn a_longer_run_begins_with_the_order_of_a_shorter_one() {
        let whole = read(32, u64::MAX, (0, 1), 0);
        for total in [1, 31, 32, 100, 128] {
            assert_eq!(read(32, total, (0, 1), 0), whole[..usize::try_from(total).unwrap()], "{total}");
        }
        let folder = fixture::corpus(200, 1.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let digest = |size: u32, seed: u64, total: u64| {
            let reader = SequenceReader::new(&corpus, ReaderOptions::new(Split::Train, 16)).unwrap();
            ShuffledSequences::new(reader, size, seed, total, (0, 1)).fingerprint()
        };
        assert_eq!(digest(32, 5, 100), digest(32, 5, 128));
        assert!(digest(32, 5, 100) != digest(33, 5, 100) && digest(32, 5, 100) != digest(32, 6, 100));
    }

    #[test]
    fn a_window_of_one_keeps_the_corpus_order() {
        assert_eq!(read(1, 40, (0, 1), 0), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn order_is_independent_of_start_and_ranks() {
        let whole = read(32, 100, (0, 1), 0);
        for from in [1, 31, 32, 50, 99, 100] {
            assert_eq!(read(32, 100, (0, 1), from), whole[usize::try_from(from).unwrap()..], "from {from}");
        }
        for ranks in [2, 3] {
            for rank in 0..ranks {
                let own: Vec<u64> = whole.iter().copied().skip(rank as usize).step_by(ranks as usize).collect();
                assert_eq!(read(32, 100, (rank, ranks), 0), own, "rank {rank} of {ranks}");
            }
        }
    }
}
