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
            let scheduled = self.scheduled.saturating_mul(self.length.into());
            let steps = steps.max(1);
            return Err(DataError::TooShort { needed: steps.saturating_mul(step), steps, step, scheduled, possible });
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

/// Batches of held-out sequences: all of them, or `max_sequences` of them, spread evenly.
///
/// # Errors
/// When a shard cannot be read.
pub fn held_out(
    corpus: &Corpus,
    length: u32,
    rows: usize,
    max_sequences: Option<u64>,
    prediction: Prediction,
) -> Result<impl Iterator<Item = Result<Batch, DataError>>, DataError> {
    let mut reader = SequenceReader::new(corpus, ReaderOptions::new(Split::Validation, length))?;
    let sequences = reader.sequences();
    let selected = max_sequences.map_or(sequences, |max_sequences| max_sequences.min(sequences));
    let mut returned = 0;
    Ok(std::iter::from_fn(move || {
        let rows = (rows.max(1) as u64).min(selected - returned);
        if rows == 0 {
            return None;
        }
        let mut read = || {
            let mut batch = Vec::new();
            for number in returned..returned + rows {
                // Evenly spread: the first sequence of each of `selected` equal parts.
                let sequence = u128::from(number) * u128::from(sequences) / u128::from(selected);
                reader.seek(Position { sequence: u64::try_from(sequence).unwrap_or(u64::MAX) })?;
                batch.extend(reader.next().transpose()?);
            }
            Ok(Batch::new(&batch, &prediction)?)
        };
        let batch = read();
        returned += rows;
        Some(batch)
    }))
}
