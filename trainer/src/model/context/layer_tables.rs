//! The key ranges and RoPE tables of a batch, for one kind of layer.
//!
//! Invariant: the tables of a batch are computed once, and shared by all layers of a kind.

use std::sync::OnceLock;

use burn::tensor::{Bool, Tensor};

/// Key ranges and RoPE tables of a batch, for one kind of layer.
#[derive(Debug)]
pub(crate) struct LayerTables {
    /// The first key that each token attends to, `[rows, length]`.
    pub(crate) first: Vec<u32>,
    /// One past the last key that each token attends to, `[rows, length]`.
    pub(crate) end: Vec<u32>,
    /// RoPE cosines, `[rows, length, head_dim / 2]`.
    pub(crate) cosines: Vec<f32>,
    /// RoPE sines, of the same shape.
    pub(crate) sines: Vec<f32>,
    pub(super) mask: OnceLock<Tensor<4, Bool>>,
    pub(super) rotation: OnceLock<[Tensor<4>; 2]>,
}
