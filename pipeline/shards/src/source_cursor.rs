//! One source as an endless stream of documents.
//!
//! In epoch *e* a source's row groups come in an order determined by (seed, source, *e*), and the documents of a row
//! group in an order determined by (seed, source, *e*, group). Validation comes in file order.
//!
//! Invariant: a position in the stream is one number, the tokens before it; each epoch contains each document once; the
//! token counts of only one row group are in memory.

use super::{
    Corpus, ShardError, Split,
    permute::{Purpose, permutation, permutation_seed},
};

/// A range of tokens of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DocumentSlice {
    pub(super) source: u16,
    /// Index of the row group among those of the source.
    pub(super) group: u32,
    /// Row inside the group.
    pub(super) row: u32,
    /// First token, inside the document.
    pub(super) start: u32,
    /// Number of tokens, at least 1.
    pub(super) length: u32,
    /// Pass over the source, from 0.
    pub(super) epoch: u64,
}

impl DocumentSlice {
    /// The first `length` tokens, and the rest of the slice.
    pub(super) fn split(self, length: u64) -> (Self, Option<Self>) {
        match u32::try_from(length) {
            Ok(length) if length < self.length => {
                let rest = Self { start: self.start + length, length: self.length - length, ..self };
                (Self { length, ..self }, Some(rest))
            }
            _ => (self, None),
        }
    }
}

/// A cursor over one source.
#[derive(Debug)]
pub(super) struct SourceCursor {
    corpus: Corpus,
    split: Split,
    source: u16,
    /// `None` reads in file order.
    seed: Option<u64>,
    epoch: u64,
    /// This epoch's order of row groups.
    groups: Vec<u32>,
    at_group: usize,
    /// The current row group's (row, tokens) in order; empty until it is needed.
    documents: Vec<(u32, u32)>,
    at_document: usize,
    at_token: u32,
}

impl SourceCursor {
    /// A cursor at the beginning of the stream.
    pub(super) fn new(corpus: &Corpus, split: Split, source: u16, seed: Option<u64>) -> Self {
        let mut cursor = Self {
            corpus: corpus.clone(),
            split,
            source,
            seed,
            epoch: 0,
            groups: Vec::new(),
            at_group: 0,
            documents: Vec::new(),
            at_document: 0,
            at_token: 0,
        };
        cursor.begin_epoch(0);
        cursor
    }

    /// Seeks to token `position`; reads the counts of at most one row group.
    pub(super) fn seek(&mut self, position: u64) -> Result<(), ShardError> {
        let corpus = self.corpus.clone();
        let stream = &corpus.streams(self.split)[usize::from(self.source)];
        if stream.tokens == 0 {
            return Ok(());
        }
        self.begin_epoch(position / stream.tokens);
        let mut rest = position % stream.tokens;
        while let Some(&group) = self.groups.get(self.at_group) {
            let tokens = stream.groups[group as usize].tokens;
            if rest < tokens {
                break;
            }
            rest -= tokens;
            self.at_group += 1;
        }
        if rest > 0 {
            self.open_group()?;
            while let Some(&(_, tokens)) = self.documents.get(self.at_document) {
                if rest < u64::from(tokens) {
                    break;
                }
                rest -= u64::from(tokens);
                self.at_document += 1;
            }
            // Below a document's length, which is a u32.
            self.at_token = u32::try_from(rest).unwrap_or_default();
        }
        Ok(())
    }

    /// The rest of the current document, at most `max_tokens` tokens of it; the source must have tokens.
    pub(super) fn next_slice(&mut self, max_tokens: u64) -> Result<DocumentSlice, ShardError> {
        loop {
            if self.at_group == self.groups.len() {
                self.begin_epoch(self.epoch + 1);
            }
            if self.documents.is_empty() {
                self.open_group()?;
            }
            let Some(&(row, tokens)) = self.documents.get(self.at_document) else {
                self.at_group += 1;
                self.documents.clear();
                self.at_document = 0;
                continue;
            };
            let remaining = tokens - self.at_token;
            if remaining == 0 {
                self.at_document += 1;
                self.at_token = 0;
                continue;
            }
            let group = self.groups[self.at_group];
            let whole = DocumentSlice {
                source: self.source,
                group,
                row,
                start: self.at_token,
                length: remaining,
                epoch: self.epoch,
            };
            let (slice, _) = whole.split(max_tokens);
            self.at_token += slice.length;
            return Ok(slice);
        }
    }

    fn begin_epoch(&mut self, epoch: u64) {
        let count = self.corpus.streams(self.split)[usize::from(self.source)].groups.len();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.epoch = epoch;
        self.groups = match self.seed {
            Some(seed) => permutation(permutation_seed(Purpose::RowGroups, seed, epoch, 0, self.name()), count),
            None => (0..count).collect(),
        };
        self.at_group = 0;
        self.documents.clear();
        self.at_document = 0;
        self.at_token = 0;
    }

    fn open_group(&mut self) -> Result<(), ShardError> {
        let group = self.groups[self.at_group];
        let counts = self.corpus.token_counts(self.split, self.source, group as usize)?;
        let rows = u32::try_from(counts.values().len()).unwrap_or(u32::MAX);
        let order = match self.seed {
            Some(seed) => {
                permutation(permutation_seed(Purpose::Documents, seed, self.epoch, group.into(), self.name()), rows)
            }
            None => (0..rows).collect(),
        };
        self.documents = order.into_iter().map(|row| (row, counts.value(row as usize))).collect();
        self.at_document = 0;
        self.at_token = 0;
        Ok(())
    }

    fn name(&self) -> &str {
        &self.corpus.sources()[usize::from(self.source)]
    }
}
