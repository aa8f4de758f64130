//! The batches of one rank, in the run's order, starting at any step.
//!
//! Invariant: step *n* reads the positions `n × batch … (n + 1) × batch` of the run's order, for any number of ranks
//! and any size of micro-batches; so neither the number of ranks nor a restart changes a step.

use corpusmill_shards::{Corpus, Position, ReaderOptions, Sequence, SequenceReader, Split};

use super::batch::Batch;
use super::error::DataError;
use super::prediction::Prediction;
use super::shuffle::ShuffledSequences;
use crate::recipe::Data;

/// Reads the steps of one rank.
#[derive(Debug)]
pub struct Batches {
    sequences: ShuffledSequences,
    prediction: Prediction,
    /// Sequences in the schedule.
    scheduled: u64,
    batch: u32,
    micro: u32,
    ranks: u32,
    length: u32,
}

impl Batches {
    /// The training batches of `rank` among `ranks`, at the first step.
    ///
    /// # Errors
    /// When the batch cannot be divided evenly, or the corpus cannot be read.
    pub fn train(
        corpus: &Corpus,
        data: &Data,
        prediction: Prediction,
        (rank, ranks): (u32, u32),
    ) -> Result<Self, DataError> {
        let (batch, micro) = (data.batch_sequences, data.micro_sequences);
        if ranks == 0 || !batch.is_multiple_of(micro.saturating_mul(ranks)) {
            return Err(DataError::Uneven { batch, micro, ranks });
        }
        let length = data.sequence_length;
        let reader = SequenceReader::new(corpus, ReaderOptions::new(Split::Train, length))?;
        let scheduled = reader.sequences();
        let steps = data.steps_of(u64::from(batch)).unwrap_or(scheduled / u64::from(batch));
        let total = steps.saturating_mul(batch.into()).min(scheduled);
        let sequences = ShuffledSequences::new(reader, data.shuffle_sequences, prediction.seed, total, (rank, ranks));
        Ok(Self { sequences, prediction, scheduled, batch, micro, ranks, length })
    }

    /// Whole steps in the schedule.
    pub fn available_steps(&self) -> u64 {
        self.scheduled / u64::from(self.batch)
    }

    /// The number of steps of the run: the requested number, or all.
    ///
    /// # Errors
    /// When the schedule has fewer.
    pub fn steps(&self, data: &Data) -> Result<u64, DataError> {
        let possible = self.available_steps();
        let steps = data.steps_of(self.batch.into()).unwrap_or(possible);
        if steps > possible || steps == 0 {
            let step = u64::from(self.length) * u64::from(self.batch);
            let (scheduled, sequences) = (self.scheduled.saturating_mul(self.length.into()), self.scheduled);
            let steps = steps.max(1);
            let needed = steps.saturating_mul(step);
            return Err(DataError::TooShort { needed, steps, step, scheduled, possible, sequences });
        }
        Ok(steps)
    }

    /// Digest of everything that determines the order; a checkpoint with another digest cannot be resumed.
    pub fn fingerprint(&self) -> String {
        self.sequences.fingerprint()
    }

    /// Seeks to the start of step `step`, from 0.
    pub fn seek(&mut self, step: u64) {
        self.sequences.seek(step.saturating_mul(self.batch.into()));
    }

    /// This rank's micro-batches of the next step; `None` at the end of the run.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub fn next_step(&mut self) -> Result<Option<Vec<Batch>>, DataError> {
        let own = (self.batch / self.ranks) as usize;
        let mut sequences: Vec<Sequence> = Vec::with_capacity(own);
        while sequences.len() < own {
            let Some(sequence) = self.sequences.next()? else {
                return Ok(None);
            };
            sequences.push(sequence);
        }
        let batches = sequences.chunks(self.micro as usize).map(|rows| Batch::new(rows, &self.prediction));
        Ok(Some(batches.collect::<Result<_, _>>()?))
    }
}

/// The first `count` sequences of a run with these settings, in its order.
///
/// # Errors
/// When the corpus cannot be read.
pub fn run_sequences(
    corpus: &Corpus,
    data: &Data,
    seed: u64,
    count: u64,
) -> Result<impl Iterator<Item = Result<Sequence, DataError>>, DataError> {
    let reader = SequenceReader::new(corpus, ReaderOptions::new(Split::Train, data.sequence_length))?;
    let mut sequences = ShuffledSequences::new(reader, data.shuffle_sequences, seed, count, (0, 1));
    Ok(std::iter::from_fn(move || sequences.next().transpose()))
}

/// Batches of held-out sequences: all of them, or a number of them, spread evenly.
#[derive(Debug)]
pub struct HeldOut {
    reader: SequenceReader,
    prediction: Prediction,
    /// Sequences per batch.
    rows: u64,
    selected: u64,
    returned: u64,
}

impl HeldOut {
    /// All held-out sequences of `length` tokens, or `max_sequences` of them, in batches of `rows`.
    ///
    /// # Errors
    /// When the corpus cannot be read.
    pub fn new(
        corpus: &Corpus,
        length: u32,
        rows: usize,
        max_sequences: Option<u64>,
        prediction: Prediction,
    ) -> Result<Self, DataError> {
        let reader = SequenceReader::new(corpus, ReaderOptions::new(Split::Validation, length))?;
        let selected = reader.sequences().min(max_sequences.unwrap_or(u64::MAX));
        Ok(Self { reader, prediction, rows: rows.max(1) as u64, selected, returned: 0 })
    }

    /// Number of selected sequences.
    pub fn selected(&self) -> u64 {
        self.selected
    }

    /// Number of held-out sequences.
    pub fn available(&self) -> u64 {
        self.reader.sequences()
    }

    fn read(&mut self, rows: u64) -> Result<Batch, DataError> {
        let mut batch = Vec::new();
        for number in self.returned..self.returned + rows {
            // Evenly spread: the first sequence of each of `selected` equal parts.
            let sequence = u128::from(number) * u128::from(self.available()) / u128::from(self.selected);
            self.reader.seek(Position { sequence: u64::try_from(sequence).unwrap_or(u64::MAX) })?;
            batch.extend(self.reader.next().transpose()?);
        }
        Ok(Batch::new(&batch, &self.prediction)?)
    }
}

impl Iterator for HeldOut {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows.min(self.selected - self.returned);
        if rows == 0 {
            return None;
        }
        let batch = self.read(rows);
        self.returned += rows;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;
    use crate::recipe::Objective;

    fn prediction() -> Prediction {
        Prediction { objective: Objective::Causal, vocabulary: 64, mask_token: 0, seed: 5, begin: None }
    }

    #[test]
    fn a_run_that_is_too_long_is_told_the_steps_and_sequences_that_exist() {
        let folder = fixture::corpus(60, 2.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let data = |steps: u64, batch_sequences: u32| {
            let sizes = Data { sequence_length: 16, micro_sequences: 1, ..Data::default() };
            Data { steps: Some(steps), batch_sequences, ..sizes }
        };
        let steps_of = |data: &Data| {
            let batches = Batches::train(&corpus, data, prediction(), (0, 1)).unwrap();
            batches.steps(data)
        };
        let Err(DataError::TooShort { possible, sequences, .. }) = steps_of(&data(1_000_000, 4)) else {
            panic!("a million steps are too many");
        };
        assert!(possible > 0);
        assert_eq!(steps_of(&data(possible, 4)).unwrap(), possible);
        assert!(steps_of(&data(possible + 1, 4)).is_err());
        let largest = u32::try_from(sequences).unwrap();
        assert_eq!(steps_of(&data(1, largest)).unwrap(), 1);
        assert!(steps_of(&data(1, largest + 1)).is_err());
    }

    #[test]
    fn the_sequences_of_a_run_are_those_of_its_steps() {
        let folder = fixture::corpus(60, 2.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let data = Data {
            sequence_length: 16,
            batch_sequences: 4,
            micro_sequences: 4,
            shuffle_sequences: 32,
            steps: Some(9),
            ..Data::default()
        };
        let mut batches = Batches::train(&corpus, &data, prediction(), (0, 1)).unwrap();
        let steps = std::iter::from_fn(|| batches.next_step().unwrap()).flatten();
        let tokens: Vec<i32> = steps.flat_map(|batch| batch.tokens).collect();
        let sequences = run_sequences(&corpus, &data, 5, 36).unwrap().map(Result::unwrap);
        let read: Vec<i32> =
            sequences.flat_map(|sequence| sequence.tokens).map(|token| i32::try_from(token).unwrap()).collect();
        assert_eq!(read, tokens);
        assert_eq!(read.len(), 9 * 4 * 16);
    }

    #[test]
    fn held_out_sequences_are_spread_evenly() {
        let folder = fixture::corpus(60, 2.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let all = HeldOut::new(&corpus, 16, 3, None, prediction()).unwrap();
        let available = all.available();
        assert!(available > 8 && all.selected() == available, "{available}");
        let whole: Vec<Vec<i32>> = all.flat_map(|batch| rows(&batch.unwrap())).collect();
        assert_eq!(whole.len() as u64, available);
        let some = HeldOut::new(&corpus, 16, 3, Some(4), prediction()).unwrap();
        assert_eq!((some.selected(), some.available()), (4, available));
        let found: Vec<Vec<i32>> = some.flat_map(|batch| rows(&batch.unwrap())).collect();
        let expected: Vec<Vec<i32>> = (0..4).map(|part| whole[part * whole.len() / 4].clone()).collect();
        assert_eq!(found, expected);
    }

    fn rows(batch: &Batch) -> Vec<Vec<i32>> {
        batch.tokens.chunks(batch.length).map(<[i32]>::to_vec).collect()
    }
}
