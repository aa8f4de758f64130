//! Sequences of fixed length, in the order of the corpus, from any position.
//!
//! Documents are concatenated in reading order and cut every `sequence_length` tokens; a sequence records which
//! span belongs to which document, so that attention can be kept inside documents. Sequences do not overlap.
//!
//! Training drops the rest at the end of the schedule (fewer than `sequence_length` tokens), so that every sequence is
//! full. Validation pads its last sequence with the end-of-document token (0 if there is none): no span covers the
//! padding and its loss mask is false, so that every held-out token counts once.
//!
//! Invariant: sequence *n* is the same by iterating and by seeking, for every rank and world size. One row group per
//! source is in memory.

use std::collections::BTreeMap;

use arrow_array::Array;
use serde::{Deserialize, Serialize};

use super::{
    Corpus, ShardError, Split, TokenWidth,
    corpus::RowGroupTokens,
    interleave::{Interleaver, ReadPlan},
    manifest::DigestBuilder,
    schema::{decode_tokens, mask_bit},
    source_cursor::DocumentSlice,
};

/// What to read, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderOptions {
    /// Training follows the schedule; validation reads each source once, in file order.
    pub split: Split,
    /// Tokens per sequence, at least 1.
    pub sequence_length: u32,
    /// Overrides the schedule's seed; ignored for validation.
    pub seed: Option<u64>,
    /// This reader's number among `world_size`, from 0.
    pub rank: u32,
    /// How many readers share the sequences, at least 1.
    pub world_size: u32,
}

impl ReaderOptions {
    /// A single reader with the schedule's seed.
    pub fn new(split: Split, sequence_length: u32) -> Self {
        Self { split, sequence_length, seed: None, rank: 0, world_size: 1 }
    }
}

/// Exactly `sequence_length` tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Its number among all ranks' sequences, from 0.
    pub index: u64,
    /// Token ids, each below the vocabulary size.
    pub tokens: Vec<u32>,
    /// The spans of documents, in order and without gaps; padding follows the last.
    pub documents: Vec<Span>,
    /// Whether each token counts in the loss; `None` if all do.
    pub loss_mask: Option<Vec<bool>>,
}

/// A range of tokens of one document inside a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First token, inside the sequence.
    pub start: u32,
    /// One past the last token, inside the sequence.
    pub end: u32,
    /// Index into [`Corpus::sources`].
    pub source: u16,
    /// Number of the document in its source and split, in file order (see [`Corpus::document_id`]).
    pub document: u64,
    /// Position of `start` inside the document; above 0 if the document begins in another span.
    pub offset: u32,
    /// Pass over the source, from 0.
    pub epoch: u64,
}

/// How far all ranks together have read; written into checkpoints.
///
/// It is valid for any rank and world size, but only for one sequence length and one [`SequenceReader::fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Sequences read by all ranks, each having read as many as the others.
    pub sequence: u64,
}

/// An iterator over this rank's sequences: `rank`, `rank + world_size`, … from the position that it was set to.
///
/// Every rank decodes every row group that contains a document of its sequences, in practice all; at 200 million tokens
/// per second and core, this feeds some hundreds of ranks. In the last round, some ranks may get a sequence and others
/// none: stop at [`SequenceReader::rounds`] to stay in step.
#[derive(Debug)]
pub struct SequenceReader {
    corpus: Corpus,
    options: ReaderOptions,
    width: TokenWidth,
    sequences: u64,
    interleaver: Interleaver,
    /// The sequence from which ranks count, set by the last seek.
    base: u64,
    /// Sequences that this rank has returned since then.
    returned: u64,
    /// The sequence whose first token is read next.
    at: u64,
    /// The last row group read of each source: its index and its tokens.
    loaded: Vec<Option<(u32, RowGroupTokens)>>,
    failed: bool,
}

impl SequenceReader {
    /// A reader at the beginning.
    ///
    /// # Errors
    /// When a length or world size is 0, or the rank is not below the world size.
    pub fn new(corpus: &Corpus, options: ReaderOptions) -> Result<Self, ShardError> {
        if options.sequence_length == 0 {
            return Err(ShardError::Options("sequence_length is 0; give at least 1".to_owned()));
        }
        if options.rank >= options.world_size {
            return Err(ShardError::Options(format!(
                "rank {} is not below world_size {}; ranks count from 0",
                options.rank, options.world_size
            )));
        }
        let manifest = corpus.manifest();
        let plan = match options.split {
            Split::Train => ReadPlan::train(corpus, &manifest.schedule, options.seed.unwrap_or(manifest.schedule.seed)),
            Split::Validation => ReadPlan::validation(corpus),
        };
        let length = u64::from(options.sequence_length);
        let sequences = match options.split {
            Split::Train => plan.tokens() / length,
            Split::Validation => plan.tokens().div_ceil(length),
        };
        Ok(Self {
            width: TokenWidth::for_vocabulary(manifest.tokenizer.vocabulary_size),
            interleaver: Interleaver::new(corpus, plan),
            sequences,
            base: 0,
            returned: 0,
            at: 0,
            loaded: corpus.sources().iter().map(|_| None).collect(),
            failed: false,
            corpus: corpus.clone(),
            options,
        })
    }

    /// Sequences of all ranks together.
    pub fn sequences(&self) -> u64 {
        self.sequences
    }

    /// Number of remaining rounds in which every rank gets a sequence.
    pub fn rounds(&self) -> u64 {
        self.sequences.saturating_sub(self.stream_position().sequence) / u64::from(self.options.world_size)
    }

    /// The current position; equal for all ranks that have read equally many sequences.
    pub fn stream_position(&self) -> Position {
        let read = self.returned.saturating_mul(u64::from(self.options.world_size));
        Position { sequence: self.base.saturating_add(read) }
    }

    /// Seeks to `position`, forwards or backwards; beyond the end, no sequence is left.
    ///
    /// Reads only counts, inside at most one mixing block; decodes no token.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub fn seek(&mut self, position: Position) -> Result<(), ShardError> {
        let sequence = position.sequence.min(self.sequences);
        self.failed = false;
        // After a failed seek the position is undefined, so reading must not continue.
        let sought = self.interleaver.seek(self.token(sequence));
        self.failed = sought.is_err();
        self.base = position.sequence;
        self.returned = 0;
        self.at = sequence;
        sought
    }

    /// Number of tokens from each source in the sequences before `position`, for
    /// [`schedule_after`](super::schedule_after).
    ///
    /// The reader is then at `position`.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub fn consumed(&mut self, position: Position) -> Result<BTreeMap<String, u64>, ShardError> {
        self.seek(position)?;
        let position = self.token(position.sequence.min(self.sequences));
        let tokens = self.interleaver.tokens_by_source_before(position)?;
        Ok(self.corpus.sources().iter().cloned().zip(tokens).collect())
    }

    /// A digest, in hex, of everything that determines the order: corpus digest, split, seed and sequence length; store
    /// it with a [`Position`].
    pub fn fingerprint(&self) -> String {
        let mut bytes = DigestBuilder::new("corpusmill order");
        bytes.text(&self.corpus.manifest().corpus_digest);
        bytes.text(self.options.split.name());
        bytes.number(self.options.seed.unwrap_or(self.corpus.manifest().schedule.seed));
        bytes.number(self.options.sequence_length.into());
        bytes.finish()
    }

    /// Number of tokens before a sequence; in range, since the number of sequences comes from the number of tokens.
    fn token(&self, sequence: u64) -> u64 {
        sequence.saturating_mul(self.options.sequence_length.into())
    }

    fn read(&mut self, index: u64) -> Result<Sequence, ShardError> {
        let length = self.options.sequence_length;
        self.interleaver.skip((index - self.at).saturating_mul(length.into()))?;
        self.at = index + 1;
        let mut sequence =
            Sequence { index, tokens: Vec::with_capacity(length as usize), documents: Vec::new(), loss_mask: None };
        let mut filled = 0;
        while filled < length {
            let Some(slice) = self.interleaver.take(u64::from(length - filled))? else {
                break;
            };
            self.append(slice, filled, &mut sequence)?;
            filled += slice.length;
        }
        if filled < length {
            let padding = self.corpus.manifest().tokenizer.end_of_document.unwrap_or(0);
            let mut mask = sequence.loss_mask.unwrap_or_else(|| vec![true; filled as usize]);
            mask.resize(length as usize, false);
            sequence.loss_mask = Some(mask);
            sequence.tokens.resize(length as usize, padding);
        }
        Ok(sequence)
    }

    fn append(&mut self, slice: DocumentSlice, start: u32, sequence: &mut Sequence) -> Result<(), ShardError> {
        let (split, source, group) = (self.options.split, slice.source, slice.group as usize);
        let loaded = &mut self.loaded[usize::from(source)];
        if loaded.as_ref().is_none_or(|(at, _)| *at != slice.group) {
            // Drop the old row group before reading the new one.
            *loaded = None;
        }
        let (_, row_group) = match loaded {
            Some(loaded) => loaded,
            None => loaded.insert((slice.group, self.corpus.tokens(split, source, group)?)),
        };
        let row = slice.row as usize;
        let (from, to) = (slice.start as usize, (slice.start + slice.length) as usize);
        let width = self.width.bytes();
        let bytes = (row < row_group.tokens.len()).then(|| row_group.tokens.value(row));
        let Some(bytes) = bytes.and_then(|bytes| bytes.get(from * width..to * width)) else {
            let detail = format!("row {row}: `tokens` is shorter than token_count");
            return Err(self.corpus.corrupt(split, source, group, &detail));
        };
        let largest = decode_tokens(bytes, self.width, &mut sequence.tokens);
        let size = self.corpus.manifest().tokenizer.vocabulary_size;
        if largest >= size {
            let detail = format!("row {row}: token {largest} is beyond the vocabulary of {size}");
            return Err(self.corpus.corrupt(split, source, group, &detail));
        }
        if let Some(masks) = &row_group.masks {
            let mask = masks.value(row);
            let counts = sequence.loss_mask.get_or_insert_with(|| vec![true; start as usize]);
            counts.extend((from..to).map(|token| mask_bit(mask, token)));
        } else if let Some(counts) = &mut sequence.loss_mask {
            counts.resize(sequence.tokens.len(), true);
        }
        let stream = &self.corpus.streams(split)[usize::from(source)];
        sequence.documents.push(Span {
            start,
            end: start + slice.length,
            source,
            document: stream.groups[group].first_document + u64::from(slice.row),
            offset: slice.start,
            epoch: slice.epoch,
        });
        Ok(())
    }
}

impl Iterator for SequenceReader {
    type Item = Result<Sequence, ShardError>;

    /// The rank's next sequence; `None` after an error, until the next seek.
    fn next(&mut self) -> Option<Self::Item> {
        let index = self.stream_position().sequence.saturating_add(self.options.rank.into());
        if self.failed || index >= self.sequences {
            return None;
        }
        let sequence = self.read(index);
        self.failed = sequence.is_err();
        self.returned += 1;
        Some(sequence)
    }
}
