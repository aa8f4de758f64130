//! Grouped-query self-attention (arXiv 2305.13245) with rotary position embeddings and the options of each family.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor, activation};

use super::cache::LayerKvCache;
use super::config::{LayerKind, ModelConfig};
use super::context::Context;
use super::linear::Projection;
use super::norm::Norm;
use super::weights::TensorSource;
use crate::kernel;

/// Score of a masked key. It replaces minus infinity: its `exp` is zero, and the difference of two is not NaN.
const MASKED_SCORE: f32 = -1e30;

/// Projects to heads, rotates them by position, applies attention, and projects back.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    /// `[hidden, (heads + 2 · key heads) · head_dim]`: q, k, v.
    qkv: Projection,
    /// `[heads · head_dim, hidden]`.
    output: Projection,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    #[module(skip)]
    shape: AttentionShape,
}

/// The sizes of one attention layer.
#[derive(Debug, Clone)]
pub(crate) struct AttentionShape {
    pub(crate) kind: LayerKind,
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
    pub(crate) head_dim: usize,
    /// Factor of the scores.
    pub(crate) scale: f64,
    pub(crate) softcap: Option<f64>,
}

impl AttentionShape {
    fn of(config: &ModelConfig, kind: LayerKind) -> Self {
        Self {
            kind,
            heads: config.num_attention_heads,
            key_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            scale: config.query_scale.sqrt().recip(),
            softcap: config.attention_softcap,
        }
    }
}

impl Attention {
    /// Loads the weights of the layer `prefix`, such as `model.layers.0`.
    pub(crate) fn load<W: TensorSource>(
        weights: &mut W,
        prefix: &str,
        config: &ModelConfig,
        kind: LayerKind,
        device: &Device,
    ) -> Result<Self, W::Error> {
        let (query, key, hidden) = (config.query_width(), config.key_width(), config.hidden_size);
        let part = |name: &str, width| (format!("{prefix}.self_attn.{name}_proj"), width);
        let qkv = [part("q", query), part("k", key), part("v", key)];
        let qkv = Projection::load(weights, &qkv, hidden, config.qkv_bias, device)?;
        let output = Projection::load(weights, &[part("o", hidden)], query, config.output_bias, device)?;
        let norm_settings = (config.rms_norm_eps, config.norm_offset());
        let mut norm = |name: &str| {
            let name = format!("{prefix}.self_attn.{name}_norm.weight");
            Norm::load(weights, &name, config.head_dim, norm_settings, device)
        };
        let (query_norm, key_norm) =
            if config.has_head_norms() { (Some(norm("q")?), Some(norm("k")?)) } else { (None, None) };
        Ok(Self { qkv, output, query_norm, key_norm, shape: AttentionShape::of(config, kind) })
    }

    /// Maps `[tokens, hidden]` to `[tokens, hidden]`; the rows of the batch are concatenated.
    pub(crate) fn forward(&self, x: Tensor<2>, context: &Context, cache: Option<&mut LayerKvCache>) -> Tensor<2> {
        let compute = context.compute();
        let qkv = self.qkv.forward(x, compute);
        let mixed = match cache {
            None => self.attend_fused(&qkv, context).unwrap_or_else(|| self.attend(qkv, context, None)),
            cache => self.attend(qkv, context, cache),
        };
        self.output.forward(mixed, compute)
    }

    /// Computes [`Self::attend`] in one kernel; `None` if no kernel supports the device or type.
    fn attend_fused(&self, qkv: &Tensor<2>, context: &Context) -> Option<Tensor<2>> {
        let AttentionShape { kind, heads, key_heads, head_dim, scale, softcap } = self.shape;
        #[expect(clippy::cast_possible_truncation, reason = "computed in f32")]
        let scores = kernel::AttentionOp {
            batch: context.batch(),
            length: context.length(),
            heads,
            key_heads,
            head_dim,
            scale: scale as f32,
            softcap: softcap.map(|cap| cap as f32),
            rows: context.rows(),
            tables: context.tables(kind).clone(),
        };
        let (Some(query_norm), Some(key_norm)) = (&self.query_norm, &self.key_norm) else {
            return kernel::attention(qkv, scores);
        };
        let [tokens, columns] = qkv.dims();
        let normed = |start: usize, heads: usize, norm: &Norm| {
            let part = qkv.clone().narrow(1, start * head_dim, heads * head_dim).reshape([tokens * heads, head_dim]);
            norm.forward(part).reshape([tokens, heads * head_dim])
        };
        let value = (heads + key_heads) * head_dim;
        let parts = vec![
            normed(0, heads, query_norm),
            normed(heads, key_heads, key_norm),
            qkv.clone().narrow(1, value, columns - value).cast(FloatDType::F32),
        ];
        kernel::attention(&Tensor::cat(parts, 1), scores)
    }

    /// Maps `[tokens, (heads + 2 · key heads) · head_dim]` to `[tokens, heads · head_dim]`.
    fn attend(&self, qkv: Tensor<2>, context: &Context, cache: Option<&mut LayerKvCache>) -> Tensor<2> {
        let AttentionShape { kind, heads, key_heads, head_dim, .. } = self.shape;
        let (batch, length) = (context.batch(), context.length());
        let qkv = qkv.reshape([batch, length, heads + 2 * key_heads, head_dim]);
        let query = qkv.clone().narrow(2, 0, heads);
        let key = qkv.clone().narrow(2, heads, key_heads);
        let value = qkv.narrow(2, heads + key_heads, key_heads).swap_dims(1, 2);
        let [cosines, sines] = context.rotation(kind);
        let rotated = |x: Tensor<4>, norm: Option<&Norm>| {
            let x = x.cast(FloatDType::F32);
            let x = norm.map_or(x.clone(), |norm| norm.forward(x)).swap_dims(1, 2);
            rotate(x, cosines.clone(), sines.clone()).cast(context.compute())
        };
        let query = rotated(query, self.query_norm.as_ref());
        let key = rotated(key, self.key_norm.as_ref());
        let (key, value) = match cache {
            None => (key, value),
            Some(cache) => cache.append(key, value).into(),
        };
        self.scaled_dot_product(query, key, value, context).reshape([batch * length, heads * head_dim])
    }

    /// Multiplies the softmax of the scores by the values: `[batch, length, heads, head_dim]`.
    fn scaled_dot_product(&self, query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, context: &Context) -> Tensor<4> {
        let AttentionShape { kind, heads, key_heads, head_dim, scale, softcap } = self.shape;
        let (batch, length) = (context.batch(), context.length());
        let (group, keys) = (heads / key_heads, context.past() + length);
        // The query heads of one key head become rows of one matrix product, so keys are not repeated.
        let query = query.reshape([batch, key_heads, group * length, head_dim]);
        let scores = query.matmul(key.swap_dims(2, 3)).cast(FloatDType::F32).mul_scalar(scale);
        let scores = match softcap {
            Some(cap) => scores.div_scalar(cap).tanh().mul_scalar(cap),
            None => scores,
        };
        let mask = context.mask(kind).expand([batch, key_heads * group, length, keys]);
        let scores = scores.reshape([batch, heads, length, keys]).mask_fill(mask, MASKED_SCORE);
        let probabilities = activation::softmax(scores, 3).cast(context.compute());
        let mixed = probabilities.reshape([batch, key_heads, group * length, keys]).matmul(value);
        mixed.reshape([batch, heads, length, head_dim]).swap_dims(1, 2)
    }

    /// The joint projection to q, k and v.
    pub(crate) fn qkv(&self) -> &Projection {
        &self.qkv
    }

    /// The projection back to the residual stream.
    pub(crate) fn output(&self) -> &Projection {
        &self.output
    }

    /// The norms of q and k.
    pub(crate) fn head_norms(&self) -> [Option<&Norm>; 2] {
        [self.query_norm.as_ref(), self.key_norm.as_ref()]
    }
}

/// Rotates each pair of elements of `x`, `[batch, heads, length, head_dim]`, by the angles of its position.
fn rotate(x: Tensor<4>, cosines: Tensor<4>, sines: Tensor<4>) -> Tensor<4> {
    let half = x.dims()[3] / 2;
    let (first, second) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
    let rotated_first = first.clone() * cosines.clone() - second.clone() * sines.clone();
    let rotated_second = second * cosines + first * sines;
    Tensor::cat(vec![rotated_first, rotated_second], 3)
}
