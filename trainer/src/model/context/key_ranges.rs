//! The range of keys that each token attends to, from which the tables of a layer are built.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::error::ContextError;
use super::layer_tables::LayerTables;
use crate::model::config::{LayerKind, ModelConfig};
use crate::model::rope;

/// Which tokens of its document a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Itself and earlier ones: causal language modelling.
    #[default]
    Causal,
    /// All of them: masked language modelling.
    Bidirectional,
}

/// The range of keys that each token attends to, before the sliding window of a layer.
pub(super) struct KeyRanges {
    pub(super) batch: usize,
    pub(super) rows: usize,
    pub(super) length: usize,
    pub(super) past: usize,
    pub(super) direction: Direction,
    pub(super) positions: Vec<u32>,
    pub(super) first: Vec<u32>,
    pub(super) end: Vec<u32>,
}

impl KeyRanges {
    /// Appends the ranges of one packed row.
    pub(super) fn add_documents(&mut self, row: usize, documents: &[u32]) -> Result<(), ContextError> {
        let mut seen = BTreeSet::new();
        let mut start = 0;
        for run in documents.chunk_by(|left, right| left == right) {
            let (document, end) = (run[0], start + run.len());
            if !seen.insert(document) {
                return Err(ContextError::NotContiguous { row, document, token: start });
            }
            for own in start..end {
                self.first.push(narrow(start));
                self.end.push(narrow(if self.direction == Direction::Causal { own + 1 } else { end }));
            }
            start = end;
        }
        Ok(())
    }

    /// Builds the tables of one kind of layer: the ranges, clipped to its window, and its RoPE tables.
    pub(super) fn tables(&self, config: &ModelConfig, kind: LayerKind) -> LayerTables {
        let (mut first, mut end) = (self.first.clone(), self.end.clone());
        if let (LayerKind::Sliding, Some(window)) = (kind, config.sliding_window) {
            for (index, (first, end)) in first.iter_mut().zip(&mut end).enumerate() {
                let own = self.past + index % self.length;
                *first = (*first).max(narrow((own + 1).saturating_sub(window)));
                *end = (*end).min(narrow(own.saturating_add(window)));
            }
        }
        let (cosines, sines) = rope::table(config.rope_of(kind), config.head_dim, &self.positions);
        LayerTables { first, end, cosines, sines, mask: OnceLock::new(), rotation: OnceLock::new() }
    }
}

/// Converts a length to `u32`; contexts are far shorter than its maximum.
pub(super) fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
