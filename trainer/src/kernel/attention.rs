//! Attention from the joint q, k and v projection to the concatenated heads: RoPE, scores, softmax, weighted values.
//!
//! Burn flex multiplies the matrices; each step between them is one pass that reads only the keys that a token attends
//! to.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps as _;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::fused_op::{FlexInput, FusedOp, apply, from_values, values};
use super::simd::{dispatch_simd, exp, max_value, sum, tanh};

/// The attention operation: sizes, key ranges and RoPE tables.
#[derive(Debug, Clone)]
pub(crate) struct AttentionOp {
    pub(crate) batch: usize,
    pub(crate) length: usize,
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
    /// Width of a head.
    pub(crate) head_dim: usize,
    /// Factor of the scores.
    pub(crate) scale: f32,
    pub(crate) softcap: Option<f32>,
    /// Rows of the tables in `tables`: 1 if all rows of the batch have equal tables.
    pub(crate) rows: usize,
    pub(crate) tables: Arc<crate::model::context::LayerTables>,
}

/// Maps `[tokens, (heads + 2 · key heads) · head_dim]` to `[tokens, heads · head_dim]`.
///
/// Returns `None` if the tensor is not f32 on Burn flex.
pub(crate) fn attention(qkv: &Tensor<2>, scores: AttentionOp) -> Option<Tensor<2>> {
    apply(scores, [FlexInput::of(qkv)])
}

/// Tensors for the backward pass: q and k after RoPE, v, and the attention probabilities.
#[derive(Debug, Clone)]
pub(super) struct SavedTensors {
    query: FlexTensor,
    key: FlexTensor,
    value: FlexTensor,
    probabilities: FlexTensor,
    /// The derivative of the soft cap at each score.
    softcap_grads: Option<Arc<Vec<f32>>>,
}

impl FusedOp<1> for AttentionOp {
    type SavedTensors = SavedTensors;

    fn forward(&self, [qkv]: [FlexTensor; 1]) -> (FlexTensor, SavedTensors) {
        let qkv = qkv.to_contiguous();
        let [query, key, value] = self.split_qkv(values(&qkv));
        let mut probabilities = Flex::float_matmul(query.clone(), key.transpose(2, 3));
        let softcap_grads = self.softmax(probabilities.storage_mut::<f32>());
        let mixed = Flex::float_matmul(probabilities.clone(), value.clone());
        let output = self.merge_heads(values(&mixed));
        let softcap_grads = softcap_grads.map(Arc::new);
        (
            from_values(output, [self.batch * self.length, self.heads * self.head_dim]),
            SavedTensors { query, key, value, probabilities, softcap_grads },
        )
    }

    fn backward(&self, saved: SavedTensors, gradient: FlexTensor) -> [FlexTensor; 1] {
        let SavedTensors { query, key, value, probabilities, softcap_grads } = saved;
        let gradient = self.split_heads(values(&gradient.to_contiguous()));
        let grad_value = Flex::float_matmul(probabilities.transpose(2, 3), gradient.clone());
        let mut grad_scores = Flex::float_matmul(gradient, value.transpose(2, 3));
        self.softmax_backward(values(&probabilities), softcap_grads.as_deref(), grad_scores.storage_mut::<f32>());
        let grad_key = Flex::float_matmul(grad_scores.transpose(2, 3), query);
        let grad_query = Flex::float_matmul(grad_scores, key);
        let output = self.join_qkv(values(&grad_query), values(&grad_key), values(&grad_value));
        let columns = (self.heads + 2 * self.key_heads) * self.head_dim;
        [from_values(output, [self.batch * self.length, columns])]
    }
}

impl AttentionOp {
    /// RoPE cosines and sines of the token at position `position` of row `batch`.
    fn rope_row(&self, batch: usize, position: usize) -> (&[f32], &[f32]) {
        let half = self.head_dim / 2;
        let start = ((batch % self.rows) * self.length + position) * half;
        (&self.tables.cosines[start..start + half], &self.tables.sines[start..start + half])
    }

    /// Splits the projection into rotated and scaled queries `[batch, key heads, group · length, head_dim]`, rotated
    /// keys, and values, both `[batch, key heads, length, head_dim]`.
    fn split_qkv(&self, qkv: &[f32]) -> [FlexTensor; 3] {
        let (head, columns) = (self.length * self.head_dim, (self.heads + 2 * self.key_heads) * self.head_dim);
        let tokens = self.batch * self.length;
        let mut query = vec![0.0; tokens * self.heads * self.head_dim];
        let mut key = vec![0.0; tokens * self.key_heads * self.head_dim];
        let mut value = key.clone();
        let parts = query.par_chunks_mut(head * self.heads).zip(key.par_chunks_mut(head * self.key_heads));
        let parts = parts.zip(value.par_chunks_mut(head * self.key_heads)).zip(qkv.par_chunks(self.length * columns));
        parts.enumerate().for_each(|(batch, (((query, key), value), rows))| {
            dispatch_simd(
                #[inline(always)]
                || {
                    for (position, row) in rows.chunks_exact(columns).enumerate() {
                        let tables = self.rope_row(batch, position);
                        for (index, from) in row.chunks_exact(self.head_dim).enumerate() {
                            let at = |head: usize| (head * self.length + position) * self.head_dim;
                            if let Some(index) = index.checked_sub(self.heads + self.key_heads) {
                                value[at(index)..at(index) + self.head_dim].copy_from_slice(from);
                            } else if let Some(index) = index.checked_sub(self.heads) {
                                rotate(from, &mut key[at(index)..at(index) + self.head_dim], tables, 1.0);
                            } else {
                                rotate(from, &mut query[at(index)..at(index) + self.head_dim], tables, self.scale);
                            }
                        }
                    }
                },
            );
        });
        let group = self.heads / self.key_heads;
        [
            from_values(query, [self.batch, self.key_heads, group * self.length, self.head_dim]),
            from_values(key, [self.batch, self.key_heads, self.length, self.head_dim]),
            from_values(value, [self.batch, self.key_heads, self.length, self.head_dim]),
        ]
    }

    /// Reverts [`Self::split_qkv`]: gradients of rotated queries, rotated keys and values to those of the projection.
    fn join_qkv(&self, query: &[f32], key: &[f32], value: &[f32]) -> Vec<f32> {
        let (head, columns) = (self.length * self.head_dim, (self.heads + 2 * self.key_heads) * self.head_dim);
        let mut qkv = vec![0.0; self.batch * self.length * columns];
        let parts = query.par_chunks(head * self.heads).zip(key.par_chunks(head * self.key_heads));
        let parts = parts.zip(value.par_chunks(head * self.key_heads)).zip(qkv.par_chunks_mut(self.length * columns));
        parts.enumerate().for_each(|(batch, (((query, key), value), rows))| {
            dispatch_simd(
                #[inline(always)]
                || {
                    for (position, row) in rows.chunks_exact_mut(columns).enumerate() {
                        let tables = self.rope_row(batch, position);
                        for (index, to) in row.chunks_exact_mut(self.head_dim).enumerate() {
                            let at = |head: usize| (head * self.length + position) * self.head_dim;
                            if let Some(index) = index.checked_sub(self.heads + self.key_heads) {
                                to.copy_from_slice(&value[at(index)..at(index) + self.head_dim]);
                            } else if let Some(index) = index.checked_sub(self.heads) {
                                rotate_backward(&key[at(index)..at(index) + self.head_dim], to, tables, 1.0);
                            } else {
                                rotate_backward(&query[at(index)..at(index) + self.head_dim], to, tables, self.scale);
                            }
                        }
                    }
                },
            );
        });
        qkv
    }

    /// The range of keys that row `index` of the scores attends to; rows are `[batch, heads, length]`.
    fn key_range(&self, index: usize) -> std::ops::Range<usize> {
        let (batch, position) = (index / (self.heads * self.length), index % self.length);
        let at = (batch % self.rows) * self.length + position;
        self.tables.first[at] as usize..self.tables.end[at] as usize
    }

    /// Converts scores to probabilities in place; returns the derivative of the soft cap.
    fn softmax(&self, scores: &mut [f32]) -> Option<Vec<f32>> {
        let mut softcap_grads = self.softcap.map(|_| vec![1.0; scores.len()]);
        if let (Some(cap), Some(softcap_grads)) = (self.softcap, &mut softcap_grads) {
            let rows = scores.par_chunks_mut(self.length).zip(softcap_grads.par_chunks_mut(self.length));
            rows.for_each(|(scores, softcap_grads)| {
                dispatch_simd(
                    #[inline(always)]
                    || {
                        for (score, softcap_grad) in scores.iter_mut().zip(softcap_grads) {
                            let inner = tanh(*score / cap);
                            *score = cap * inner;
                            *softcap_grad = 1.0 - inner * inner;
                        }
                    },
                );
            });
        }
        scores.par_chunks_mut(self.length).enumerate().for_each(|(index, row)| {
            let key_range = self.key_range(index);
            dispatch_simd(
                #[inline(always)]
                || {
                    row[..key_range.start].fill(0.0);
                    row[key_range.end..].fill(0.0);
                    let seen = &mut row[key_range];
                    let max = max_value(seen);
                    for score in seen.iter_mut() {
                        *score = exp(*score - max);
                    }
                    let inverse = 1.0 / sum(seen, seen, |sum, probability, _| sum + probability);
                    for probability in seen.iter_mut() {
                        *probability *= inverse;
                    }
                },
            );
        });
        softcap_grads
    }

    /// Converts gradients of probabilities to gradients of scores, in place.
    fn softmax_backward(&self, probabilities: &[f32], softcap_grads: Option<&Vec<f32>>, gradients: &mut [f32]) {
        gradients.par_chunks_mut(self.length).zip(probabilities.par_chunks(self.length)).enumerate().for_each(
            |(index, (row, probabilities))| {
                let key_range = self.key_range(index);
                dispatch_simd(
                    #[inline(always)]
                    || {
                        row[..key_range.start].fill(0.0);
                        row[key_range.end..].fill(0.0);
                        let (row, probabilities) = (&mut row[key_range.clone()], &probabilities[key_range]);
                        let mean = sum(row, probabilities, |sum, left, right| left.mul_add(right, sum));
                        for (gradient, probability) in row.iter_mut().zip(probabilities) {
                            *gradient = probability * (*gradient - mean);
                        }
                    },
                );
            },
        );
        if let Some(softcap_grads) = softcap_grads {
            gradients.par_iter_mut().zip(softcap_grads).for_each(|(gradient, softcap_grad)| *gradient *= softcap_grad);
        }
    }

    /// Transposes `[batch, heads, length, head_dim]` to `[batch, length, heads, head_dim]`.
    fn merge_heads(&self, mixed: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; mixed.len()];
        let row = self.heads * self.length * self.head_dim;
        output.par_chunks_mut(row).zip(mixed.par_chunks(row)).for_each(|(output, mixed)| {
            for (head, mixed) in mixed.chunks_exact(self.length * self.head_dim).enumerate() {
                for (position, mixed) in mixed.chunks_exact(self.head_dim).enumerate() {
                    let at = (position * self.heads + head) * self.head_dim;
                    output[at..at + self.head_dim].copy_from_slice(mixed);
                }
            }
        });
        output
    }

    /// Transposes `[batch, length, heads, head_dim]` to `[batch, key heads, group · length, head_dim]`.
    fn split_heads(&self, gradient: &[f32]) -> FlexTensor {
        let mut output = vec![0.0; gradient.len()];
        let row = self.heads * self.length * self.head_dim;
        output.par_chunks_mut(row).zip(gradient.par_chunks(row)).for_each(|(output, gradient)| {
            for (head, output) in output.chunks_exact_mut(self.length * self.head_dim).enumerate() {
                for (position, output) in output.chunks_exact_mut(self.head_dim).enumerate() {
                    let at = (position * self.heads + head) * self.head_dim;
                    output.copy_from_slice(&gradient[at..at + self.head_dim]);
                }
            }
        });
        let group = self.heads / self.key_heads;
        from_values(output, [self.batch, self.key_heads, group * self.length, self.head_dim])
    }
}

/// Applies RoPE to a head, and scales it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `dispatch_simd` selects")]
fn rotate(from: &[f32], to: &mut [f32], (cosines, sines): (&[f32], &[f32]), scale: f32) {
    let (first, second) = from.split_at(cosines.len());
    let (to_first, to_second) = to.split_at_mut(cosines.len());
    let outputs = to_first.iter_mut().zip(to_second);
    for (((to_first, to_second), (first, second)), (cosine, sine)) in
        outputs.zip(first.iter().zip(second)).zip(cosines.iter().zip(sines))
    {
        *to_first = scale * (first * cosine - second * sine);
        *to_second = scale * (second * cosine + first * sine);
    }
}

/// The backward pass of [`rotate`]: the inverse rotation.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `dispatch_simd` selects")]
fn rotate_backward(from: &[f32], to: &mut [f32], (cosines, sines): (&[f32], &[f32]), scale: f32) {
    let (first, second) = from.split_at(cosines.len());
    let (to_first, to_second) = to.split_at_mut(cosines.len());
    let outputs = to_first.iter_mut().zip(to_second);
    for (((to_first, to_second), (first, second)), (cosine, sine)) in
        outputs.zip(first.iter().zip(second)).zip(cosines.iter().zip(sines))
    {
        *to_first = scale * (first * cosine + second * sine);
        *to_second = scale * (second * cosine - first * sine);
    }
}
