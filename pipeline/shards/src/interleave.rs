//! All sources interleaved into the one stream of tokens that sequences are cut from.
//!
//! A phase is read in blocks of the schedule's `block_tokens` (the last one shorter). The tokens of a block are divided
//! among the sources by the rest of their quotas (largest remainder). Inside a block, the next document comes from the
//! source that is furthest behind its part. A source's last document of a block is cut at its end, and the rest comes
//! at the source's next turn.
//!
//! Invariant: at the start of a block each source has given exactly its parts of the blocks before, whatever the
//! documents' lengths. So a seek computes the start of a block and walks only inside it.

use super::{
    Corpus, Schedule, ShardError, Split,
    quota::apportion,
    source_cursor::{DocumentSlice, SourceCursor},
};

/// The order of reading: quotas for each phase, by source.
#[derive(Debug)]
pub(super) struct ReadPlan {
    split: Split,
    seed: Option<u64>,
    block_tokens: u64,
    /// For each phase (source, tokens), tokens above 0.
    phases: Vec<Vec<(u16, u64)>>,
}

impl ReadPlan {
    /// The schedule's phases in the order of `seed`.
    pub(super) fn train(corpus: &Corpus, schedule: &Schedule, seed: u64) -> Self {
        let phases = schedule.phases.iter().map(|phase| {
            let numbered = (0..).zip(corpus.sources());
            let quotas = numbered.filter_map(|(source, name)| {
                let tokens = phase.sources.get(name).map_or(0, |quota| quota.tokens);
                (tokens > 0).then_some((source, tokens))
            });
            quotas.collect()
        });
        let phases = phases.collect();
        Self { split: Split::Train, seed: Some(seed), block_tokens: schedule.block_tokens, phases }
    }

    /// Each source once, one after the other by name, in file order.
    pub(super) fn validation(corpus: &Corpus) -> Self {
        let streams = (0..).zip(corpus.streams(Split::Validation));
        let phases = streams
            .filter(|(_, stream)| stream.tokens > 0)
            .map(|(source, stream)| vec![(source, stream.tokens)])
            .collect();
        Self { split: Split::Validation, seed: None, block_tokens: u64::MAX, phases }
    }

    /// Tokens of all phases.
    pub(super) fn tokens(&self) -> u64 {
        self.phases.iter().map(|phase| total(phase)).sum()
    }
}

fn total(quotas: &[(u16, u64)]) -> u64 {
    quotas.iter().map(|(_, tokens)| tokens).sum()
}

/// Tokens of each source in the next block of a phase with the quotas `left`.
fn next_block(left: &[(u16, u64)], block_tokens: u64) -> Vec<u64> {
    let weights: Vec<u64> = left.iter().map(|(_, tokens)| *tokens).collect();
    apportion(total(left).min(block_tokens), &weights)
}

/// A cursor over the whole plan.
#[derive(Debug)]
pub(super) struct Interleaver {
    plan: ReadPlan,
    cursors: Vec<SourceCursor>,
    /// Number of the current phase.
    phase: usize,
    /// Tokens of each source in the current phase after the current block.
    left: Vec<(u16, u64)>,
    block: Block,
    /// The rest of a document that the last sequence cut.
    pending: Option<DocumentSlice>,
}

/// Parts of one block, and how much of each was read.
#[derive(Debug, Default)]
struct Block {
    /// (source, part, given), part above 0.
    parts: Vec<(u16, u64, u64)>,
    tokens: u64,
    given: u64,
}

impl Block {
    fn new(left: &[(u16, u64)], parts: &[u64]) -> Self {
        let parts = left.iter().zip(parts).filter(|(_, part)| **part > 0);
        let parts: Vec<_> = parts.map(|((source, _), part)| (*source, *part, 0)).collect();
        let tokens = parts.iter().map(|(_, part, _)| part).sum();
        Self { parts, tokens, given: 0 }
    }

    /// Index of the source that would be furthest behind its part after one more token; the earlier one if equal.
    fn furthest_behind(&self) -> Option<usize> {
        let deficit = |&(_, part, given): &(u16, u64, u64)| {
            // Each product is below 2^127: counts are at most 2^63 in all.
            i128::from(part) * i128::from(self.given + 1) - i128::from(given) * i128::from(self.tokens)
        };
        let mut best: Option<(usize, i128)> = None;
        for (index, entry) in self.parts.iter().enumerate() {
            if entry.2 < entry.1 && best.is_none_or(|(_, most)| deficit(entry) > most) {
                best = Some((index, deficit(entry)));
            }
        }
        best.map(|(index, _)| index)
    }
}

impl Interleaver {
    /// A walk at the beginning.
    pub(super) fn new(corpus: &Corpus, plan: ReadPlan) -> Self {
        let sources = (0..).zip(corpus.sources()).map(|(source, _)| source);
        let cursors = sources.map(|source| SourceCursor::new(corpus, plan.split, source, plan.seed)).collect();
        let left = plan.phases.first().cloned().unwrap_or_default();
        Self { plan, cursors, phase: 0, left, block: Block::default(), pending: None }
    }

    /// Seeks to the position that has `tokens` before it, or to the end.
    pub(super) fn seek(&mut self, tokens: u64) -> Result<(), ShardError> {
        let mut rest = tokens;
        let mut before = vec![0u64; self.cursors.len()];
        self.pending = None;
        self.phase = 0;
        while let Some(quotas) = self.plan.phases.get(self.phase) {
            if rest < total(quotas) {
                break;
            }
            rest -= total(quotas);
            for &(source, tokens) in quotas {
                before[usize::from(source)] += tokens;
            }
            self.phase += 1;
        }
        self.left = self.plan.phases.get(self.phase).cloned().unwrap_or_default();
        self.block = Block::default();
        while rest >= self.plan.block_tokens {
            let parts = next_block(&self.left, self.plan.block_tokens);
            for ((source, tokens), part) in self.left.iter_mut().zip(parts) {
                *tokens -= part;
                before[usize::from(*source)] += part;
            }
            rest -= self.plan.block_tokens;
        }
        for (cursor, tokens) in self.cursors.iter_mut().zip(before) {
            cursor.seek(tokens)?;
        }
        self.skip(rest)
    }

    /// Skips `tokens`, or the rest if it is shorter.
    pub(super) fn skip(&mut self, mut tokens: u64) -> Result<(), ShardError> {
        while tokens > 0 {
            let Some(slice) = self.take(tokens)? else {
                break;
            };
            tokens -= u64::from(slice.length);
        }
        Ok(())
    }

    /// The next tokens of a document, at most `max_tokens` of them (at least 1); `None` at the end.
    pub(super) fn take(&mut self, max_tokens: u64) -> Result<Option<DocumentSlice>, ShardError> {
        let slice = match self.pending.take() {
            Some(slice) => slice,
            None => match self.next_document()? {
                Some(slice) => slice,
                None => return Ok(None),
            },
        };
        let (slice, rest) = slice.split(max_tokens);
        self.pending = rest;
        Ok(Some(slice))
    }

    /// The next document, up to the end of its source's part of the block.
    fn next_document(&mut self) -> Result<Option<DocumentSlice>, ShardError> {
        let index = loop {
            if let Some(index) = self.block.furthest_behind() {
                break index;
            }
            if total(&self.left) == 0 {
                if self.phase + 1 >= self.plan.phases.len() {
                    return Ok(None);
                }
                self.phase += 1;
                self.left.clone_from(&self.plan.phases[self.phase]);
            }
            let parts = next_block(&self.left, self.plan.block_tokens);
            self.block = Block::new(&self.left, &parts);
            for ((_, tokens), part) in self.left.iter_mut().zip(parts) {
                *tokens -= part;
            }
        };
        let (source, part, given) = self.block.parts[index];
        let slice = self.cursors[usize::from(source)].take(part - given)?;
        self.block.parts[index].2 += u64::from(slice.length);
        self.block.given += u64::from(slice.length);
        Ok(Some(slice))
    }

    /// Tokens of each source before the position that has `tokens` before it.
    pub(super) fn given(&mut self, tokens: u64) -> Result<Vec<u64>, ShardError> {
        self.seek(tokens)?;
        let phases = self.plan.phases.iter().take(self.phase + 1).flatten();
        let mut given = vec![0u64; self.cursors.len()];
        for &(source, quota) in phases {
            given[usize::from(source)] += quota;
        }
        if self.phase < self.plan.phases.len() {
            for &(source, left) in &self.left {
                given[usize::from(source)] -= left;
            }
            for &(source, part, done) in &self.block.parts {
                given[usize::from(source)] -= part - done;
            }
            if let Some(slice) = self.pending {
                given[usize::from(slice.source)] -= u64::from(slice.length);
            }
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, next_block};

    #[test]
    fn a_blocks_parts_follow_what_is_left() {
        assert_eq!(next_block(&[(0, 70), (1, 30)], 10), [7, 3]);
        assert_eq!(next_block(&[(0, 1), (1, 30)], 10), [0, 10]);
        assert_eq!(next_block(&[(0, 1), (1, 3)], 10), [1, 3]);
    }

    #[test]
    fn the_source_behind_comes_next() {
        let mut block = Block::new(&[(0, 0), (4, 60), (7, 30)], &[0, 60, 30]);
        let mut order = Vec::new();
        while let Some(index) = block.furthest_behind() {
            block.parts[index].2 += 10;
            block.given += 10;
            order.push(block.parts[index].0);
        }
        assert_eq!(order, [4, 7, 4, 4, 7, 4, 4, 7, 4]);
    }
}
