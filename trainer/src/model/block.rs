//! One decoder layer: attention and feed-forward, each preceded by a norm and added to the residual stream.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor};

use super::attention::Attention;
use super::cache::LayerKvCache;
use super::config::ModelConfig;
use super::context::Context;
use super::mlp::FeedForward;
use super::norm::Norm;
use super::weights::TensorSource;

/// A pre-norm block; Gemma 2 and 3 also normalise the output of both parts.
#[derive(Module, Debug)]
pub struct Block {
    attention_norm: Norm,
    attention: Attention,
    attention_post_norm: Option<Norm>,
    feed_forward_norm: Norm,
    feed_forward: FeedForward,
    feed_forward_post_norm: Option<Norm>,
}

impl Block {
    /// Loads the weights of layer `index`.
    pub(crate) fn load<W: TensorSource>(
        weights: &mut W,
        config: &ModelConfig,
        index: usize,
        device: &Device,
    ) -> Result<Self, W::Error> {
        let prefix = format!("model.layers.{index}");
        let norm_settings = (config.rms_norm_eps, config.norm_offset());
        let norm = |weights: &mut W, part: &str| {
            Norm::load(weights, &format!("{prefix}.{part}_layernorm.weight"), config.hidden_size, norm_settings, device)
        };
        // Without post norms, checkpoints call the norm before feed-forward `post_attention_layernorm`.
        let (feed_forward_norm, attention_post_norm, feed_forward_post_norm) = if config.has_post_norms() {
            let (before, after) = (norm(weights, "pre_feedforward")?, norm(weights, "post_feedforward")?);
            (before, Some(norm(weights, "post_attention")?), Some(after))
        } else {
            (norm(weights, "post_attention")?, None, None)
        };
        Ok(Self {
            attention_norm: norm(weights, "input")?,
            attention: Attention::load(weights, &prefix, config, config.layer_kinds[index], device)?,
            attention_post_norm,
            feed_forward_norm,
            feed_forward: FeedForward::load(weights, &prefix, config, device)?,
            feed_forward_post_norm,
        })
    }

    /// Maps `[batch, length, hidden]` to the same shape, in f32.
    pub fn forward(&self, x: Tensor<3>, context: &Context, cache: Option<&mut LayerKvCache>) -> Tensor<3> {
        let [batch, length, hidden] = x.dims();
        let x = x.reshape([batch * length, hidden]);
        let mixed = self.attention.forward(self.attention_norm.forward(x.clone()), context, cache);
        let x = x + post_norm(self.attention_post_norm.as_ref(), mixed);
        let fed = self.feed_forward.forward(self.feed_forward_norm.forward(x.clone()), context.compute());
        let x = x + post_norm(self.feed_forward_post_norm.as_ref(), fed);
        x.reshape([batch, length, hidden])
    }

    /// The attention of this block.
    pub(crate) fn attention(&self) -> &Attention {
        &self.attention
    }

    /// The feed-forward part of this block.
    pub(crate) fn feed_forward(&self) -> &FeedForward {
        &self.feed_forward
    }

    /// The norms over the residual stream, with their checkpoint names.
    pub(crate) fn norms(&self) -> Vec<(&'static str, &Norm)> {
        let mut norms = vec![("input", &self.attention_norm)];
        match (&self.attention_post_norm, &self.feed_forward_post_norm) {
            (Some(attention), Some(feed_forward)) => norms.extend([
                ("post_attention", attention),
                ("pre_feedforward", &self.feed_forward_norm),
                ("post_feedforward", feed_forward),
            ]),
            _ => norms.push(("post_attention", &self.feed_forward_norm)),
        }
        norms
    }
}

fn post_norm(norm: Option<&Norm>, x: Tensor<2>) -> Tensor<2> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x.cast(FloatDType::F32),
    }
}
