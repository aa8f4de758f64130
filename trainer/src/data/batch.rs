//! One batch: tokens, targets, and the position of each token in its document piece.
//!
//! Invariant: every list has `rows × length` entries in row order, and a position without a target has
//! [`NOT_PREDICTED`].

use std::ops::Range;

use burn::tensor::{Device, FloatDType, Int, Tensor};
use corpusmill_shards::{Sequence, Span};

use super::masked;
use super::prediction::Prediction;
use crate::model::{Context, ContextError, Direction, ModelConfig};
use crate::recipe::Objective;
use crate::transfer;

/// The target of a position where nothing is predicted.
pub const NOT_PREDICTED: i32 = -1;

/// Rows of tokens for one forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Number of sequences.
    pub rows: usize,
    /// Tokens per sequence.
    pub length: usize,
    /// The input tokens.
    pub tokens: Vec<i32>,
    /// The token to predict at each position.
    pub targets: Vec<i32>,
    /// The source of each position's target, as an index into `Corpus::sources`.
    pub sources: Vec<u16>,
    /// Position of each token in its piece of a document, from 0.
    positions: Vec<Vec<u32>>,
    /// Index of each token's piece in its row; padding has its own index.
    pieces: Vec<Vec<u32>>,
    direction: Direction,
}

/// A batch whose tokens, key ranges and RoPE tables are on a device, or will be when a layer first needs them.
#[derive(Debug, Clone)]
pub struct UploadedBatch {
    /// The batch.
    pub batch: Batch,
    /// Its tokens, `[rows, length]`.
    pub(crate) tokens: Tensor<2, Int>,
    pub(crate) context: Context,
}

/// Why sequences cannot form a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The sequences have different lengths, or there are none.
    #[error("the {0} sequences of a batch are empty or differ in length")]
    Ragged(usize),
    /// The positions do not form a context.
    #[error(transparent)]
    Context(#[from] ContextError),
}

impl Batch {
    /// Builds a batch from sequences of equal length.
    ///
    /// # Errors
    /// When there are none or their lengths differ.
    pub fn new(sequences: &[Sequence], prediction: &Prediction) -> Result<Self, BatchError> {
        let length = sequences.first().map_or(0, |sequence| sequence.tokens.len());
        if length == 0 || sequences.iter().any(|sequence| sequence.tokens.len() != length) {
            return Err(BatchError::Ragged(sequences.len()));
        }
        let direction = match prediction.objective {
            Objective::Causal => Direction::Causal,
            Objective::Masked(_) => Direction::Bidirectional,
        };
        let size = sequences.len() * length;
        let mut batch = Self {
            rows: sequences.len(),
            length,
            tokens: Vec::with_capacity(size),
            targets: Vec::with_capacity(size),
            sources: Vec::with_capacity(size),
            positions: Vec::with_capacity(sequences.len()),
            pieces: Vec::with_capacity(sequences.len()),
            direction,
        };
        for sequence in sequences {
            batch.push(sequence, prediction);
        }
        Ok(batch)
    }

    fn push(&mut self, sequence: &Sequence, prediction: &Prediction) {
        let length = sequence.tokens.len();
        let padding = u32::try_from(sequence.documents.len()).unwrap_or(u32::MAX);
        let (mut positions, mut pieces) = (vec![0; length], vec![padding; length]);
        let (mut sources, mut is_first) = (vec![0; length], vec![false; length]);
        let end = sequence.documents.last().map_or(0, |span| span.end as usize);
        let mut piece_end = end;
        for (piece, span) in sequence.documents.iter().enumerate().rev() {
            let piece = u32::try_from(piece).unwrap_or(u32::MAX);
            let begun = is_begun(sequence, span, prediction.begin);
            let start = span.start as usize - usize::from(begun);
            for (position, index) in (0..).zip(start..piece_end) {
                positions[index] = position;
                pieces[index] = piece;
                sources[index] = span.source;
            }
            is_first[span.start as usize] = !begun;
            piece_end = start;
        }
        for (position, index) in (0..).zip(end..length) {
            positions[index] = position;
        }
        let counts = |index: usize| sequence.loss_mask.as_ref().is_none_or(|mask| mask[index]);
        match prediction.objective {
            Objective::Causal => {
                self.tokens.extend(sequence.tokens.iter().map(|token| token.cast_signed()));
                self.targets.extend((0..length).map(|index| {
                    let next = index + 1;
                    let inside = next < end && !is_first[next];
                    if inside && counts(next) { sequence.tokens[next].cast_signed() } else { NOT_PREDICTED }
                }));
            }
            Objective::Masked(settings) => {
                let replacements =
                    masked::replacements(sequence.index, &sequence.tokens[..end], settings.share, prediction);
                for index in 0..length {
                    let shown = replacements.get(index).copied().flatten().filter(|_| counts(index));
                    let token = sequence.tokens[index].cast_signed();
                    self.tokens.push(shown.map_or(token, u32::cast_signed));
                    self.targets.push(if shown.is_some() { token } else { NOT_PREDICTED });
                }
            }
        }
        self.sources.extend(sources);
        self.positions.push(positions);
        self.pieces.push(pieces);
    }

    /// Number of positions with a target.
    pub fn predicted(&self) -> u64 {
        self.targets.iter().filter(|target| **target != NOT_PREDICTED).count() as u64
    }

    /// The pieces of documents, as ranges in the batch's lists; padding is one of them.
    pub fn pieces(&self) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for (row, pieces) in self.pieces.iter().enumerate() {
            let mut start = row * self.length;
            for run in pieces.chunk_by(|left, right| left == right) {
                ranges.push(start..start + run.len());
                start += run.len();
            }
        }
        ranges
    }

    /// The tokens as `[rows, length]`.
    pub fn tensor(&self, device: &Device) -> Tensor<2, Int> {
        transfer::upload_ints(self.tokens.clone(), [self.rows, self.length], device)
    }

    /// Copies what the forward pass needs to `device`, for matrix products of the type `compute`: three uploads, of tokens,
    /// key ranges and RoPE tables. On the CPU, the tables stay where they are.
    ///
    /// # Errors
    /// Never for a batch from [`Batch::new`].
    pub fn upload(
        self,
        config: &ModelConfig,
        compute: FloatDType,
        device: &Device,
    ) -> Result<UploadedBatch, BatchError> {
        let context = self.context(config, device)?.with_compute(compute);
        if *device != Device::flex() {
            context.upload();
        }
        Ok(UploadedBatch { tokens: self.tensor(device), context, batch: self })
    }

    /// The positions of the tokens and which tokens each can attend to.
    ///
    /// # Errors
    /// Never for a batch from [`Batch::new`].
    pub fn context(&self, config: &ModelConfig, device: &Device) -> Result<Context, BatchError> {
        Ok(Context::packed(config, &self.positions, &self.pieces, self.direction, device)?)
    }
}

/// Whether `span` is the beginning of a document that follows the token `begin`, which becomes its first input.
fn is_begun(sequence: &Sequence, span: &Span, begin: Option<u32>) -> bool {
    let before = (span.start as usize).checked_sub(1).map(|index| sequence.tokens[index]);
    span.offset == 0 && begin.is_some() && before == begin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Masked;

    fn span(start: u32, end: u32, source: u16) -> Span {
        Span { start, end, source, document: 0, offset: 0, epoch: 0 }
    }

    fn prediction(objective: Objective) -> Prediction {
        Prediction { objective, vocabulary: 50, mask_token: 60, seed: 7, begin: None }
    }

    #[test]
    fn targets_skip_boundaries_padding_and_masked_tokens() {
        let sequence = Sequence {
            index: 0,
            tokens: vec![10, 11, 12, 20, 21, 22, 9, 9],
            documents: vec![span(0, 3, 0), span(3, 6, 1)],
            loss_mask: Some(vec![true, true, true, true, false, true, false, false]),
        };
        let batch = Batch::new(&[sequence], &prediction(Objective::Causal)).unwrap();
        assert_eq!(batch.targets, [11, 12, -1, -1, 22, -1, -1, -1]);
        assert_eq!(batch.sources, [0, 0, 0, 1, 1, 1, 0, 0]);
        assert_eq!(batch.positions[0], [0, 1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(batch.pieces[0], [0, 0, 0, 1, 1, 1, 2, 2]);
        assert_eq!(batch.predicted(), 3);
        assert_eq!(batch.pieces(), [0..3, 3..6, 6..8]);
    }

    #[test]
    fn the_end_of_a_document_begins_the_next_one() {
        // 9 ends a document. The fourth piece continues a document, and before the fifth one no document ends.
        let sequence = Sequence {
            index: 0,
            tokens: vec![10, 9, 20, 21, 9, 9, 30, 31, 40, 9],
            documents: vec![
                span(0, 2, 0),
                span(2, 5, 1),
                span(5, 6, 0),
                Span { offset: 7, ..span(6, 8, 1) },
                span(8, 10, 0),
            ],
            loss_mask: None,
        };
        let plain = Batch::new(std::slice::from_ref(&sequence), &prediction(Objective::Causal)).unwrap();
        assert_eq!(plain.targets, [9, -1, 21, 9, -1, -1, 31, -1, 9, -1]);
        let begun = Prediction { begin: Some(9), ..prediction(Objective::Causal) };
        let batch = Batch::new(&[sequence], &begun).unwrap();
        assert_eq!(batch.targets, [9, 20, 21, 9, 9, -1, 31, -1, 9, -1]);
        assert_eq!(batch.pieces[0], [0, 1, 1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(batch.positions[0], [0, 0, 1, 2, 0, 1, 0, 1, 0, 1]);
        assert_eq!(batch.sources, [0, 1, 1, 1, 0, 0, 1, 1, 0, 0]);
        assert_eq!(batch.pieces(), [0..1, 1..4, 4..6, 6..8, 8..10]);
    }

    #[test]
    fn masking_selects_the_configured_share() {
        let tokens: Vec<u32> = (0..20_000).map(|n| n % 50).collect();
        let end = 20_000;
        let sequence = Sequence { index: 3, tokens: tokens.clone(), documents: vec![span(0, end, 0)], loss_mask: None };
        let objective = Objective::Masked(Masked { share: 0.15, mask_token: None });
        let batch = Batch::new(std::slice::from_ref(&sequence), &prediction(objective)).unwrap();
        let mut counts = [0u32; 3];
        for (index, &target) in batch.targets.iter().enumerate() {
            if target == NOT_PREDICTED {
                assert_eq!(batch.tokens[index], tokens[index].cast_signed());
                continue;
            }
            assert_eq!(target, tokens[index].cast_signed());
            let kind = if batch.tokens[index] == 60 { 0 } else { 1 + usize::from(batch.tokens[index] == target) };
            counts[kind] += 1;
        }
        let total: u32 = counts.iter().sum();
        // 3,000 are expected, with a standard deviation of 50; of them 80 %, 10 % and 10 %.
        assert!((2_750..3_250).contains(&total), "{total}");
        let share = |count: u32| f64::from(count) / f64::from(total);
        assert!((share(counts[0]) - 0.8).abs() < 0.04 && (share(counts[2]) - 0.1).abs() < 0.04, "{counts:?}");
        assert_eq!(batch, Batch::new(&[sequence], &prediction(objective)).unwrap());
    }
}
