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

use super::simd::{exp, largest, sum, tanh, wide};
use super::{Fused, Input, apply, made, values};

/// The attention operation: sizes, key ranges and RoPE tables.
#[derive(Debug, Clone)]
pub(crate) struct Scores {
    pub(crate) batch: usize,
    pub(crate) length: usize,
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
    /// Width of a head.
    pub(crate) width: usize,
    /// Factor of the scores.
    pub(crate) scale: f32,
    pub(crate) softcap: Option<f32>,
    /// Rows of the tables in `view`: 1 if all rows of the batch have equal tables.
    pub(crate) rows: usize,
    pub(crate) view: Arc<crate::model::View>,
}

/// Maps `[tokens, (heads + 2 · key heads) · width]` to `[tokens, heads · width]`.
///
/// Returns `None` if the tensor is not f32 on Burn flex.
pub(crate) fn attention(qkv: &Tensor<2>, scores: Scores) -> Option<Tensor<2>> {
    apply(scores, [Input::of(qkv)])
}

/// Tensors for the backward pass: q and k after RoPE, v, and the attention probabilities.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    query: FlexTensor,
    key: FlexTensor,
    value: FlexTensor,
    shares: FlexTensor,
    /// The derivative of the soft cap at each score.
    slopes: Option<Arc<Vec<f32>>>,
}

impl Fused<1> for Scores {
    type Saved = Saved;

    fn forward(&self, [qkv]: [FlexTensor; 1]) -> (FlexTensor, Saved) {
        let qkv = qkv.to_contiguous();
        let [query, key, value] = self.split(values(&qkv));
        let mut shares = Flex::float_matmul(query.clone(), key.transpose(2, 3));
        let slopes = self.softmax(shares.storage_mut::<f32>());
        let mixed = Flex::float_matmul(shares.clone(), value.clone());
        let output = self.gather(values(&mixed));
        let slopes = slopes.map(Arc::new);
        (made(output, [self.batch * self.length, self.heads * self.width]), Saved { query, key, value, shares, slopes })
    }

    fn backward(&self, saved: Saved, gradient: FlexTensor) -> [FlexTensor; 1] {
        let Saved { query, key, value, shares, slopes } = saved;
        let gradient = self.scatter(values(&gradient.to_contiguous()));
        let of_value = Flex::float_matmul(shares.transpose(2, 3), gradient.clone());
        let mut of_scores = Flex::float_matmul(gradient, value.transpose(2, 3));
        self.softmax_back(values(&shares), slopes.as_deref(), of_scores.storage_mut::<f32>());
        let of_key = Flex::float_matmul(of_scores.transpose(2, 3), query);
        let of_query = Flex::float_matmul(of_scores, key);
        let output = self.join(values(&of_query), values(&of_key), values(&of_value));
        let columns = (self.heads + 2 * self.key_heads) * self.width;
        [made(output, [self.batch * self.length, columns])]
    }
}

impl Scores {
    /// RoPE cosines and sines of the token at position `time` of row `batch`.
    fn turn(&self, batch: usize, time: usize) -> (&[f32], &[f32]) {
        let half = self.width / 2;
        let start = ((batch % self.rows) * self.length + time) * half;
        (&self.view.cosines[start..start + half], &self.view.sines[start..start + half])
    }

    /// Splits the projection into rotated and scaled queries `[batch, key heads, group · length, width]`, rotated keys,
    /// and values, both `[batch, key heads, length, width]`.
    fn split(&self, qkv: &[f32]) -> [FlexTensor; 3] {
        let (head, columns) = (self.length * self.width, (self.heads + 2 * self.key_heads) * self.width);
        let tokens = self.batch * self.length;
        let mut query = vec![0.0; tokens * self.heads * self.width];
        let mut key = vec![0.0; tokens * self.key_heads * self.width];
        let mut value = key.clone();
        let parts = query.par_chunks_mut(head * self.heads).zip(key.par_chunks_mut(head * self.key_heads));
        let parts = parts.zip(value.par_chunks_mut(head * self.key_heads)).zip(qkv.par_chunks(self.length * columns));
        parts.enumerate().for_each(|(batch, (((query, key), value), rows))| {
            wide(
                #[inline(always)]
                || {
                    for (time, row) in rows.chunks_exact(columns).enumerate() {
                        let tables = self.turn(batch, time);
                        for (index, from) in row.chunks_exact(self.width).enumerate() {
                            let at = |head: usize| (head * self.length + time) * self.width;
                            if let Some(index) = index.checked_sub(self.heads + self.key_heads) {
                                value[at(index)..at(index) + self.width].copy_from_slice(from);
                            } else if let Some(index) = index.checked_sub(self.heads) {
                                rotate(from, &mut key[at(index)..at(index) + self.width], tables, 1.0);
                            } else {
                                rotate(from, &mut query[at(index)..at(index) + self.width], tables, self.scale);
                            }
                        }
                    }
                },
            );
        });
        let group = self.heads / self.key_heads;
        [
            made(query, [self.batch, self.key_heads, group * self.length, self.width]),
            made(key, [self.batch, self.key_heads, self.length, self.width]),
            made(value, [self.batch, self.key_heads, self.length, self.width]),
        ]
    }

    /// Reverts [`Self::split`]: gradients of rotated queries, rotated keys and values to those of the projection.
    fn join(&self, query: &[f32], key: &[f32], value: &[f32]) -> Vec<f32> {
        let (head, columns) = (self.length * self.width, (self.heads + 2 * self.key_heads) * self.width);
        let mut qkv = vec![0.0; self.batch * self.length * columns];
        let parts = query.par_chunks(head * self.heads).zip(key.par_chunks(head * self.key_heads));
        let parts = parts.zip(value.par_chunks(head * self.key_heads)).zip(qkv.par_chunks_mut(self.length * columns));
        parts.enumerate().for_each(|(batch, (((query, key), value), rows))| {
            wide(
                #[inline(always)]
                || {
                    for (time, row) in rows.chunks_exact_mut(columns).enumerate() {
                        let tables = self.turn(batch, time);
                        for (index, to) in row.chunks_exact_mut(self.width).enumerate() {
                            let at = |head: usize| (head * self.length + time) * self.width;
                            if let Some(index) = index.checked_sub(self.heads + self.key_heads) {
                                to.copy_from_slice(&value[at(index)..at(index) + self.width]);
                            } else if let Some(index) = index.checked_sub(self.heads) {
                                rotate_back(&key[at(index)..at(index) + self.width], to, tables, 1.0);
                            } else {
                                rotate_back(&query[at(index)..at(index) + self.width], to, tables, self.scale);
                            }
                        }
                    }
                },
            );
        });
        qkv
    }

    /// The range of keys that row `index` of the scores attends to; rows are `[batch, heads, length]`.
    fn span(&self, index: usize) -> std::ops::Range<usize> {
        let (batch, time) = (index / (self.heads * self.length), index % self.length);
        let at = (batch % self.rows) * self.length + time;
        self.view.first[at] as usize..self.view.end[at] as usize
    }

    /// Converts scores to probabilities in place; returns the derivative of the soft cap.
    fn softmax(&self, scores: &mut [f32]) -> Option<Vec<f32>> {
        let mut slopes = self.softcap.map(|_| vec![1.0; scores.len()]);
        if let (Some(cap), Some(slopes)) = (self.softcap, &mut slopes) {
            let rows = scores.par_chunks_mut(self.length).zip(slopes.par_chunks_mut(self.length));
            rows.for_each(|(scores, slopes)| {
                wide(
                    #[inline(always)]
                    || {
                        for (score, slope) in scores.iter_mut().zip(slopes) {
                            let inner = tanh(*score / cap);
                            *score = cap * inner;
                            *slope = 1.0 - inner * inner;
                        }
                    },
                );
            });
        }
        scores.par_chunks_mut(self.length).enumerate().for_each(|(index, row)| {
            let span = self.span(index);
            wide(
                #[inline(always)]
                || {
                    row[..span.start].fill(0.0);
                    row[span.end..].fill(0.0);
                    let seen = &mut row[span];
                    let most = largest(seen);
                    for score in seen.iter_mut() {
                        *score = exp(*score - most);
                    }
                    let inverse = 1.0 / sum(seen, seen, |sum, share, _| sum + share);
                    for share in seen.iter_mut() {
                        *share *= inverse;
                    }
                },
            );
        });
        slopes
    }

    /// Converts gradients of probabilities to gradients of scores, in place.
    fn softmax_back(&self, shares: &[f32], slopes: Option<&Vec<f32>>, gradients: &mut [f32]) {
        gradients.par_chunks_mut(self.length).zip(shares.par_chunks(self.length)).enumerate().for_each(
            |(index, (row, shares))| {
                let span = self.span(index);
                wide(
                    #[inline(always)]
                    || {
                        row[..span.start].fill(0.0);
                        row[span.end..].fill(0.0);
                        let (row, shares) = (&mut row[span.clone()], &shares[span]);
                        let mean = sum(row, shares, |sum, left, right| left.mul_add(right, sum));
                        for (gradient, share) in row.iter_mut().zip(shares) {
                            *gradient = share * (*gradient - mean);
                        }
                    },
                );
            },
        );
        if let Some(slopes) = slopes {
            gradients.par_iter_mut().zip(slopes).for_each(|(gradient, slope)| *gradient *= slope);
        }
    }

    /// Transposes `[batch, heads, length, width]` to `[batch, length, heads, width]`.
    fn gather(&self, mixed: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; mixed.len()];
        let row = self.heads * self.length * self.width;
        output.par_chunks_mut(row).zip(mixed.par_chunks(row)).for_each(|(output, mixed)| {
            for (head, mixed) in mixed.chunks_exact(self.length * self.width).enumerate() {
                for (time, mixed) in mixed.chunks_exact(self.width).enumerate() {
                    let at = (time * self.heads + head) * self.width;
                    output[at..at + self.width].copy_from_slice(mixed);
                }
            }
        });
        output
    }

    /// Transposes `[batch, length, heads, width]` to `[batch, key heads, group · length, width]`.
    fn scatter(&self, gradient: &[f32]) -> FlexTensor {
        let mut output = vec![0.0; gradient.len()];
        let row = self.heads * self.length * self.width;
        output.par_chunks_mut(row).zip(gradient.par_chunks(row)).for_each(|(output, gradient)| {
            for (head, output) in output.chunks_exact_mut(self.length * self.width).enumerate() {
                for (time, output) in output.chunks_exact_mut(self.width).enumerate() {
                    let at = (time * self.heads + head) * self.width;
                    output.copy_from_slice(&gradient[at..at + self.width]);
                }
            }
        });
        let group = self.heads / self.key_heads;
        made(output, [self.batch, self.key_heads, group * self.length, self.width])
    }
}

/// Applies RoPE to a head, and scales it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `wide` selects")]
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
#[expect(clippy::inline_always, reason = "must be compiled for the vector width that `wide` selects")]
fn rotate_back(from: &[f32], to: &mut [f32], (cosines, sines): (&[f32], &[f32]), scale: f32) {
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
