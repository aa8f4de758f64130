//! Interleaves all sources into one token stream, from which sequences are cut.
//!
//! A phase is read in blocks of the schedule's `mixing_block_tokens`; the last block may be shorter. The tokens of a
//! block are divided among the sources in proportion to their remaining quotas (largest-remainder method). Inside a
//! block, the next document comes from the source that is furthest behind its allocation. A document that crosses the
//! end of its source's allocation is split there; its remainder comes first when the source is next chosen.
//!
//! Invariant: at the start of a block, each source has supplied exactly its allocations of all previous blocks,
//! regardless of document lengths. So a seek computes the start of a block and reads only inside it.

use super::{
    Corpus, Schedule, ShardError, Split,
    quota::apportion,
    source_cursor::{DocumentSlice, SourceCursor},
};

/// The reading order: the token quota of each source in each phase.
#[derive(Debug)]
pub(super) struct ReadPlan {
    split: Split,
    seed: Option<u64>,
    mixing_block_tokens: u64,
    /// The quotas of each phase; sources with 0 tokens are left out.
    phases: Vec<Vec<SourceTokens>>,
}

/// A number of tokens of one source.
#[derive(Debug, Clone, Copy)]
struct SourceTokens {
    source: u16,
    tokens: u64,
}

impl ReadPlan {
    /// The phases of the schedule; `seed` shuffles the documents of each source.
    pub(super) fn train(corpus: &Corpus, schedule: &Schedule, seed: u64) -> Self {
        let phases = schedule.phases.iter().map(|phase| {
            let numbered = (0..).zip(corpus.sources());
            let quotas = numbered.filter_map(|(source, name)| {
                let tokens = phase.sources.get(name).map_or(0, |quota| quota.tokens);
                (tokens > 0).then_some(SourceTokens { source, tokens })
            });
            quotas.collect()
        });
        let phases = phases.collect();
        Self { split: Split::Train, seed: Some(seed), mixing_block_tokens: schedule.mixing_block_tokens, phases }
    }

    /// Each source once, one after the other by name, in file order.
    pub(super) fn validation(corpus: &Corpus) -> Self {
        let streams = (0..).zip(corpus.streams(Split::Validation));
        let phases = streams
            .filter(|(_, stream)| stream.tokens > 0)
            .map(|(source, stream)| vec![SourceTokens { source, tokens: stream.tokens }])
            .collect();
        Self { split: Split::Validation, seed: None, mixing_block_tokens: u64::MAX, phases }
    }

    /// Tokens of all phases.
    pub(super) fn tokens(&self) -> u64 {
        self.phases.iter().map(|phase| total(phase)).sum()
    }
}

fn total(quotas: &[SourceTokens]) -> u64 {
    quotas.iter().map(|quota| quota.tokens).sum()
}

/// Tokens of each source in the next block of a phase with the `remaining` quotas.
fn next_block(remaining: &[SourceTokens], mixing_block_tokens: u64) -> Vec<u64> {
    let weights: Vec<u64> = remaining.iter().map(|quota| quota.tokens).collect();
    apportion(total(remaining).min(mixing_block_tokens), &weights)
}

/// A cursor over the whole plan.
#[derive(Debug)]
pub(super) struct Interleaver {
    plan: ReadPlan,
    cursors: Vec<SourceCursor>,
    /// Number of the current phase.
    phase: usize,
    /// Tokens of each source in the current phase after the current block.
    remaining: Vec<SourceTokens>,
    block: Block,
    /// The remainder of the document that the end of the last sequence split.
    pending: Option<DocumentSlice>,
}

/// The allocations of one block, and how much of each was taken.
#[derive(Debug, Default)]
struct Block {
    /// The allocations above 0.
    allocations: Vec<Allocation>,
    tokens: u64,
    taken: u64,
}

/// The tokens of a block that come from one source.
#[derive(Debug, Clone, Copy)]
struct Allocation {
    source: u16,
    tokens: u64,
    taken: u64,
}

impl Block {
    /// The block in which the source of each quota supplies the number of tokens at the same index.
    fn new(quotas: &[SourceTokens], tokens: &[u64]) -> Self {
        let allocations: Vec<_> = quotas
            .iter()
            .zip(tokens)
            .filter(|(_, tokens)| **tokens > 0)
            .map(|(quota, &tokens)| Allocation { source: quota.source, tokens, taken: 0 })
            .collect();
        let tokens = allocations.iter().map(|allocation| allocation.tokens).sum();
        Self { allocations, tokens, taken: 0 }
    }

    /// Index of the source that would be furthest behind its allocation after one more token; the earlier one if equal.
    fn furthest_behind(&self) -> Option<usize> {
        let deficit = |allocation: &Allocation| {
            // Each product is below 2^127: counts are at most 2^63 in total.
            i128::from(allocation.tokens) * i128::from(self.taken + 1)
                - i128::from(allocation.taken) * i128::from(self.tokens)
        };
        let mut best: Option<(usize, i128)> = None;
        for (index, allocation) in self.allocations.iter().enumerate() {
            let unfinished = allocation.taken < allocation.tokens;
            if unfinished && best.is_none_or(|(_, most)| deficit(allocation) > most) {
                best = Some((index, deficit(allocation)));
            }
        }
        best.map(|(index, _)| index)
    }
}

impl Interleaver {
    /// An interleaver at the first token.
    pub(super) fn new(corpus: &Corpus, plan: ReadPlan) -> Self {
        let sources = (0..).zip(corpus.sources()).map(|(source, _)| source);
        let cursors = sources.map(|source| SourceCursor::new(corpus, plan.split, source, plan.seed)).collect();
        let remaining = plan.phases.first().cloned().unwrap_or_default();
        Self { plan, cursors, phase: 0, remaining, block: Block::default(), pending: None }
    }

    /// Seeks to token `position`, or to the end if the stream is shorter.
    pub(super) fn seek(&mut self, position: u64) -> Result<(), ShardError> {
        let mut rest = position;
        let mut before = vec![0u64; self.cursors.len()];
        self.pending = None;
        self.phase = 0;
        while let Some(quotas) = self.plan.phases.get(self.phase) {
            if rest < total(quotas) {
                break;
            }
            rest -= total(quotas);
            for quota in quotas {
                before[usize::from(quota.source)] += quota.tokens;
            }
            self.phase += 1;
        }
        self.remaining = self.plan.phases.get(self.phase).cloned().unwrap_or_default();
        self.block = Block::default();
        while rest >= self.plan.mixing_block_tokens {
            let allocated = next_block(&self.remaining, self.plan.mixing_block_tokens);
            for (quota, tokens) in self.remaining.iter_mut().zip(allocated) {
                quota.tokens -= tokens;
                before[usize::from(quota.source)] += tokens;
            }
            rest -= self.plan.mixing_block_tokens;
        }
        for (cursor, tokens) in self.cursors.iter_mut().zip(before) {
            cursor.seek(tokens)?;
        }
        self.skip(rest)
    }

    /// Skips `tokens` tokens, or all that remain if there are fewer.
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

    /// The next document, up to the end of its source's allocation.
    fn next_document(&mut self) -> Result<Option<DocumentSlice>, ShardError> {
        let index = loop {
            if let Some(index) = self.block.furthest_behind() {
                break index;
            }
            if total(&self.remaining) == 0 {
                if self.phase + 1 >= self.plan.phases.len() {
                    return Ok(None);
                }
                self.phase += 1;
                self.remaining.clone_from(&self.plan.phases[self.phase]);
            }
            let allocated = next_block(&self.remaining, self.plan.mixing_block_tokens);
            self.block = Block::new(&self.remaining, &allocated);
            for (quota, tokens) in self.remaining.iter_mut().zip(allocated) {
                quota.tokens -= tokens;
            }
        };
        let Allocation { source, tokens, taken } = self.block.allocations[index];
        let slice = self.cursors[usize::from(source)].next_slice(tokens - taken)?;
        self.block.allocations[index].taken += u64::from(slice.length);
        self.block.taken += u64::from(slice.length);
        Ok(Some(slice))
    }

    /// Number of tokens from each source before token `position`.
    pub(super) fn tokens_by_source_before(&mut self, position: u64) -> Result<Vec<u64>, ShardError> {
        self.seek(position)?;
        let quotas = self.plan.phases.iter().take(self.phase + 1).flatten();
        let mut before = vec![0u64; self.cursors.len()];
        for quota in quotas {
            before[usize::from(quota.source)] += quota.tokens;
        }
        if self.phase < self.plan.phases.len() {
            for quota in &self.remaining {
                before[usize::from(quota.source)] -= quota.tokens;
            }
            for allocation in &self.block.allocations {
                before[usize::from(allocation.source)] -= allocation.tokens - allocation.taken;
            }
            if let Some(slice) = self.pending {
                before[usize::from(slice.source)] -= u64::from(slice.length);
            }
        }
        Ok(before)
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, SourceTokens, next_block};

    fn quotas(tokens: &[(u16, u64)]) -> Vec<SourceTokens> {
        tokens.iter().map(|&(source, tokens)| SourceTokens { source, tokens }).collect()
    }

    #[test]
    fn a_block_is_divided_by_the_remaining_quotas() {
        assert_eq!(next_block(&quotas(&[(0, 70), (1, 30)]), 10), [7, 3]);
        assert_eq!(next_block(&quotas(&[(0, 1), (1, 30)]), 10), [0, 10]);
        assert_eq!(next_block(&quotas(&[(0, 1), (1, 3)]), 10), [1, 3]);
    }

    #[test]
    fn the_source_furthest_behind_comes_next() {
        let mut block = Block::new(&quotas(&[(0, 0), (4, 60), (7, 30)]), &[0, 60, 30]);
        let mut order = Vec::new();
        while let Some(index) = block.furthest_behind() {
            block.allocations[index].taken += 10;
            block.taken += 10;
            order.push(block.allocations[index].source);
        }
        assert_eq!(order, [4, 7, 4, 4, 7, 4, 4, 7, 4]);
    }
}
