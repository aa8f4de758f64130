//! Positions and attention masks of a batch.
//!
//! A [`Context`] is built once per batch and shared by all layers: the mask and the RoPE tables are computed once for
//! each kind of layer, on first use. Each token attends to one contiguous range of keys, which covers causal, packed,
//! windowed, padded and bidirectional attention. Invariant: every token attends at least to itself.

mod error;
mod key_ranges;
mod layer_tables;

use std::sync::{Arc, OnceLock};

use burn::tensor::{Bool, Device, FloatDType, Int, Tensor};

pub use self::error::ContextError;
pub use self::key_ranges::Direction;
use self::key_ranges::{KeyRanges, narrow};
pub(crate) use self::layer_tables::LayerTables;
use super::config::{LayerKind, ModelConfig};
use crate::transfer;

/// Positions, attention masks and RoPE tables of one batch.
#[derive(Debug, Clone)]
pub struct Context {
    batch: usize,
    length: usize,
    /// Rows of the tables: 1 if all rows of the batch have equal tables, `batch` otherwise.
    rows: usize,
    /// Number of cached keys before the tokens of this batch.
    past: usize,
    head_dim: usize,
    compute: FloatDType,
    device: Device,
    full: Arc<LayerTables>,
    sliding: Option<Arc<LayerTables>>,
    uploaded: Arc<UploadedTables>,
}

/// The tables of all kinds of layers on the device, in one tensor of each type, so that each is one upload.
#[derive(Debug, Default)]
struct UploadedTables {
    /// First and end of the full layers, then of the sliding ones: `[2 · kinds · rows, 1, length, 1]`.
    ranges: OnceLock<Tensor<4, Int>>,
    /// Cosines and sines in the same order: `[2 · kinds · rows, 1, length, head_dim / 2]`.
    rotations: OnceLock<Tensor<4>>,
}

impl Context {
    /// Creates a causal context of one document per row, `[batch, length]`, starting at position 0.
    pub fn causal(config: &ModelConfig, batch: usize, length: usize, device: &Device) -> Self {
        Self::cached(config, &vec![0; batch.max(1)], 0, length, device)
    }

    /// Creates a context of one document per row in which every token attends to the whole row: masked language
    /// modelling.
    pub fn bidirectional(config: &ModelConfig, batch: usize, length: usize, device: &Device) -> Self {
        let key_ranges = KeyRanges {
            batch,
            rows: 1,
            length,
            past: 0,
            direction: Direction::Bidirectional,
            positions: (0..narrow(length)).collect(),
            first: vec![0; length],
            end: vec![narrow(length); length],
        };
        Self::new(config, &key_ranges, device)
    }

    /// Creates a causal context of `length` tokens after `past` cached ones; row `i` begins with `padding[i]` masked
    /// tokens.
    pub fn cached(config: &ModelConfig, padding: &[usize], past: usize, length: usize, device: &Device) -> Self {
        let alike = padding.windows(2).all(|pair| pair[0] == pair[1]);
        let rows = if alike { 1 } else { padding.len() };
        let mut key_ranges = KeyRanges {
            batch: padding.len(),
            rows,
            length,
            past,
            direction: Direction::Causal,
            positions: Vec::new(),
            first: Vec::new(),
            end: Vec::new(),
        };
        for &padding in &padding[..rows] {
            for own in past..past + length {
                key_ranges.positions.push(narrow(own.saturating_sub(padding)));
                // A padding token attends to itself, so that its softmax is defined.
                key_ranges.first.push(narrow(padding.min(own)));
                key_ranges.end.push(narrow(own + 1));
            }
        }
        Self::new(config, &key_ranges, device)
    }

    /// Creates a context of packed rows, in which tokens attend only to their own document. `positions` and `documents`
    /// are `[batch, length]`; positions restart in each document, and the tokens of a document are contiguous.
    ///
    /// # Errors
    /// If rows differ in length, or the tokens of a document are not contiguous.
    pub fn packed(
        config: &ModelConfig,
        positions: &[Vec<u32>],
        documents: &[Vec<u32>],
        direction: Direction,
        device: &Device,
    ) -> Result<Self, ContextError> {
        let length = positions.first().map_or(0, Vec::len);
        if length == 0 {
            return Err(ContextError::Empty);
        }
        if documents.len() != positions.len() {
            let (found, expected) = (documents.len(), positions.len());
            return Err(ContextError::Ragged { row: 0, what: "rows of documents", found, expected });
        }
        let mut key_ranges = KeyRanges {
            batch: positions.len(),
            rows: positions.len(),
            length,
            past: 0,
            direction,
            positions: Vec::with_capacity(positions.len() * length),
            first: Vec::with_capacity(positions.len() * length),
            end: Vec::with_capacity(positions.len() * length),
        };
        for (row, (positions, documents)) in positions.iter().zip(documents).enumerate() {
            for (what, found) in [("positions", positions.len()), ("documents", documents.len())] {
                if found != length {
                    return Err(ContextError::Ragged { row, what, found, expected: length });
                }
            }
            key_ranges.positions.extend_from_slice(positions);
            key_ranges.add_documents(row, documents)?;
        }
        Ok(Self::new(config, &key_ranges, device))
    }

    fn new(config: &ModelConfig, key_ranges: &KeyRanges, device: &Device) -> Self {
        let full = Arc::new(key_ranges.tables(config, LayerKind::Full));
        let slides = config.layer_kinds.contains(&LayerKind::Sliding);
        let sliding = slides.then(|| Arc::new(key_ranges.tables(config, LayerKind::Sliding)));
        let KeyRanges { batch, rows, length, past, .. } = *key_ranges;
        let head_dim = config.head_dim;
        let device = device.clone();
        let (compute, uploaded) = (FloatDType::F32, Arc::default());
        Self { batch, length, rows, past, head_dim, compute, device, full, sliding, uploaded }
    }

    /// Sets the type of matrix products; norms, softmax and the residual stream stay in f32.
    #[must_use]
    pub fn with_compute(mut self, compute: FloatDType) -> Self {
        self.compute = compute;
        self
    }

    /// The type of matrix products.
    pub fn compute(&self) -> FloatDType {
        self.compute
    }

    /// Rows of the batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Tokens per row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Cached tokens per row, before those of this batch.
    pub fn past(&self) -> usize {
        self.past
    }

    /// Rows of the tables of a [`LayerTables`]: 1 if all rows of the batch have equal tables.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The tables for one kind of layer.
    pub(crate) fn tables(&self, kind: LayerKind) -> &Arc<LayerTables> {
        match (kind, &self.sliding) {
            (LayerKind::Sliding, Some(tables)) => tables,
            _ => &self.full,
        }
    }

    /// Copies the tables to the device now. Otherwise the first layer that needs them does, which no layer of Burn flex
    /// in f32 ever does.
    pub fn upload(&self) {
        let kinds = [Some(LayerKind::Full), self.sliding.as_ref().map(|_| LayerKind::Sliding)];
        for kind in kinds.into_iter().flatten() {
            self.ranges(kind);
            self.rotation(kind);
        }
    }

    /// The tables of every kind of layer: full, then sliding if there is one.
    fn kinds(&self) -> impl Iterator<Item = &LayerTables> {
        std::iter::once(&self.full).chain(&self.sliding).map(Arc::as_ref)
    }

    /// Where the two tables of `kind` begin in a tensor of [`UploadedTables`]; each has `rows` rows.
    fn starts(&self, kind: LayerKind) -> [usize; 2] {
        let start = if kind == LayerKind::Sliding && self.sliding.is_some() { 2 * self.rows } else { 0 };
        [start, start + self.rows]
    }

    /// First and end of the keys of each token, each `[rows, 1, length, 1]`.
    fn ranges(&self, kind: LayerKind) -> [Tensor<4, Int>; 2] {
        let all = self.uploaded.ranges.get_or_init(|| {
            let tables = self.kinds().flat_map(|tables| [&tables.first, &tables.end]);
            let values: Vec<i32> = tables.flatten().map(|&value| value.cast_signed()).collect();
            let shape = [values.len() / self.length, 1, self.length, 1];
            transfer::upload_ints(values, shape, &self.device)
        });
        self.starts(kind).map(|start| all.clone().narrow(0, start, self.rows))
    }

    /// The attention mask, true where a token does not attend to a key: `[rows, 1, length, past + length]`.
    pub(crate) fn mask(&self, kind: LayerKind) -> Tensor<4, Bool> {
        let built = self.tables(kind).mask.get_or_init(|| {
            let [first, end] = self.ranges(kind);
            let keys = self.past + self.length;
            let shape = [self.rows, 1, self.length, keys];
            let key = Tensor::<1, Int>::arange(0..i64::from(narrow(keys)), &self.device).reshape([1, 1, 1, keys]);
            let key = key.expand(shape);
            let before = key.clone().lower(first.expand(shape));
            before.bool_or(key.greater_equal(end.expand(shape)))
        });
        built.clone()
    }

    /// RoPE cosines and sines, each `[rows, 1, length, head_dim / 2]`.
    pub(crate) fn rotation(&self, kind: LayerKind) -> [Tensor<4>; 2] {
        let built = self.tables(kind).rotation.get_or_init(|| {
            let all = self.uploaded.rotations.get_or_init(|| {
                let tables = self.kinds().flat_map(|tables| [&tables.cosines, &tables.sines]);
                let values: Vec<f32> = tables.flatten().copied().collect();
                let shape = [2 * self.kinds().count() * self.rows, 1, self.length, self.head_dim / 2];
                transfer::upload_floats(values, shape, &self.device)
            });
            self.starts(kind).map(|start| all.clone().narrow(0, start, self.rows))
        });
        built.clone()
    }
}
