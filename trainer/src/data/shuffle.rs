//! The order in which a run takes sequences: windows of the corpus's order, each shuffled.
//!
//! Pieces of a long document follow each other in a corpus; taken as they come, a step sees one or two documents and
//! its gradient says little about the rest. Shards are not rearranged for it: a window of sequences is read, and given
//! in another order.
//!
//! Invariant: the place of a sequence depends on the seed, the window's size, the run's length and the sequence's
//! number, and on nothing else; a run of *n* sequences reads the first *n* of the corpus, each once.

use corpusmill_pipeline::random::SplitMix64;
use corpusmill_pipeline::shard::{Position, Sequence, SequenceReader};

use super::DataError;

/// Gives the sequences of one rank, in the order of the run.
#[derive(Debug)]
pub(super) struct Shuffled {
    reader: SequenceReader,
    /// Sequences of a window, at least 1.
    size: u64,
    seed: u64,
    /// Sequences of the run, over all ranks.
    total: u64,
    /// This rank, and how many there are.
    rank: (u64, u64),
    /// The next place of any rank.
    place: u64,
    /// The first place of the window in memory, and its sequences by place; this rank's only.
    held: Option<(u64, Vec<Option<Sequence>>)>,
}

impl Shuffled {
    /// From a reader of all sequences; `total` is the run's length, `rank` this rank and how many there are.
    pub(super) fn new(reader: SequenceReader, size: u32, seed: u64, total: u64, rank: (u32, u32)) -> Self {
        let rank = (rank.0.into(), rank.1.into());
        Self { reader, size: u64::from(size).max(1), seed, total, rank, place: 0, held: None }
    }

    /// The next sequence is that of `place` among all ranks', or this rank's first one after it.
    pub(super) fn seek(&mut self, place: u64) {
        self.place = place;
    }

    /// A digest of all that decides the order.
    pub(super) fn fingerprint(&self) -> String {
        if self.size == 1 {
            return self.reader.fingerprint();
        }
        let text = format!("{} {} {} {}", self.reader.fingerprint(), self.size, self.seed, self.total);
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// This rank's next sequence; `None` at the end of the run.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Sequence>, DataError> {
        let (rank, ranks) = self.rank;
        let behind = self.place % ranks;
        let place = self.place + (rank + ranks - behind) % ranks;
        if place >= self.total {
            return Ok(None);
        }
        let first = place - place % self.size;
        let missing = |held: &Vec<Option<Sequence>>| held.get(offset(place, first)).is_none_or(Option::is_none);
        if self.held.as_ref().is_none_or(|(start, held)| *start != first || missing(held)) {
            // The old window goes before the new one comes.
            self.held = None;
            self.held = Some((first, self.read(first)?));
        }
        self.place = place + 1;
        Ok(self.held.as_mut().and_then(|(_, held)| held.get_mut(offset(place, first))?.take()))
    }

    /// The window that begins at `first`: this rank's sequences, each at its place.
    fn read(&mut self, first: u64) -> Result<Vec<Option<Sequence>>, DataError> {
        let length = self.size.min(self.total - first);
        let places = permutation(self.seed ^ first, length);
        let mut held: Vec<Option<Sequence>> = places.iter().map(|_| None).collect();
        self.reader.seek(Position { sequence: first })?;
        for (place, sequence) in places.iter().zip(self.reader.by_ref()) {
            let sequence = sequence?;
            if (first + place) % self.rank.1 == self.rank.0 {
                held[offset(*place, 0)] = Some(sequence);
            }
        }
        Ok(held)
    }
}

/// How far `place` is behind `first`; windows fit in memory.
fn offset(place: u64, first: u64) -> usize {
    usize::try_from(place - first).unwrap_or(usize::MAX)
}

/// The numbers below `length` in an order drawn from `seed` (Fisher and Yates, as by Durstenfeld 1964).
fn permutation(seed: u64, length: u64) -> Vec<u64> {
    let mut random = SplitMix64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23));
    let mut places: Vec<u64> = (0..length).collect();
    for last in (1..places.len()).rev() {
        places.swap(last, offset(random.below(last as u64 + 1), 0));
    }
    places
}

#[cfg(test)]
mod tests {
    use corpusmill_pipeline::shard::{Corpus, ReaderOptions, Split};

    use super::*;
    use crate::data::fixture;

    fn read(size: u32, total: u64, rank: (u32, u32), from: u64) -> Vec<u64> {
        let folder = fixture::corpus(200, 1.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let reader = SequenceReader::new(&corpus, ReaderOptions::new(Split::Train, 16)).unwrap();
        let mut shuffled = Shuffled::new(reader, size, 5, total, rank);
        shuffled.seek(from);
        std::iter::from_fn(|| shuffled.next().unwrap()).map(|sequence| sequence.index).collect()
    }

    #[test]
    fn a_run_reads_its_first_sequences_each_once_and_mixed() {
        let order = read(32, 100, (0, 1), 0);
        for window in [0..32, 32..64, 64..96, 96..100] {
            let mut found = order[window.clone()].to_vec();
            assert_ne!(found, window.clone().map(|place| place as u64).collect::<Vec<_>>());
            found.sort_unstable();
            assert_eq!(found, window.map(|place| place as u64).collect::<Vec<_>>());
        }
        assert_ne!(order[..32].to_vec(), order[32..64].iter().map(|index| index - 32).collect::<Vec<_>>());
    }

    #[test]
    fn without_a_window_the_order_is_the_corpus_s() {
        assert_eq!(read(1, 40, (0, 1), 0), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn any_place_and_any_number_of_ranks_give_the_same_order() {
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
