//! The complete model: embedding, blocks, final norm, output head.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData, module};

use super::block::Block;
use super::cache::KvCache;
use super::config::{ConfigError, ModelConfig};
use super::context::Context;
use super::init::RandomInit;
use super::layer_tensors::push_block;
use super::norm::Norm;
use super::weights::{NamedTensor, TensorSource};

/// A decoder of any [`super::config::Family`].
#[derive(Module, Debug)]
pub struct Decoder {
    /// `[vocabulary, hidden]`.
    embedding: Param<Tensor<2>>,
    blocks: Vec<Block>,
    final_norm: Norm,
    /// `[vocabulary, hidden]`; `None` if tied to the embedding.
    head: Option<Param<Tensor<2>>>,
    embedding_scale: f64,
    #[module(skip)]
    logit_softcap: Option<f64>,
}

impl Decoder {
    /// Creates a model with random weights, equal for equal `seed` on every device and with any number of threads.
    ///
    /// Matrices are drawn from a normal distribution with standard deviation `initializer_range` (0.02), those that
    /// write to the residual stream divided by the square root of twice the number of layers (GPT-2); norms start at
    /// one.
    ///
    /// # Errors
    /// If the configuration is invalid.
    pub fn new(config: &ModelConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        match Self::load(config, &mut RandomInit::new(config, seed), device) {
            Ok(decoder) => Ok(decoder),
            Err(never) => match never {},
        }
    }

    /// Creates a model with the weights of `source`, by the names and shapes of Hugging Face; reads each tensor once.
    ///
    /// # Errors
    /// If `source` cannot provide a tensor.
    pub fn load<W: TensorSource>(config: &ModelConfig, source: &mut W, device: &Device) -> Result<Self, W::Error> {
        let table = [config.vocab_size, config.hidden_size];
        let matrix = |source: &mut W, name: &str| -> Result<_, W::Error> {
            Ok(Param::from_data(TensorData::new(source.tensor(name, &table)?, table), device))
        };
        let embedding = matrix(source, "model.embed_tokens.weight")?;
        let head = if config.tie_word_embeddings { None } else { Some(matrix(source, "lm_head.weight")?) };
        let blocks = (0..config.num_hidden_layers).map(|index| Block::load(source, config, index, device));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        let norm_settings = (config.rms_norm_eps, config.norm_offset());
        let final_norm = Norm::load(source, "model.norm.weight", config.hidden_size, norm_settings, device)?;
        let (embedding_scale, logit_softcap) = (config.embedding_scale(), config.logit_softcap);
        Ok(Self { embedding, blocks, final_norm, head, embedding_scale, logit_softcap })
    }

    /// Embeds `[batch, length]` tokens: `[batch, length, hidden]`, scaled if the family requires it.
    pub fn embed(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let x = module::embedding(self.embedding.val(), tokens).cast(FloatDType::F32);
        #[expect(clippy::float_cmp, reason = "exactly one is a no-op")]
        if self.embedding_scale == 1.0 { x } else { x.mul_scalar(self.embedding_scale) }
    }

    /// The blocks, first to last.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Applies the norm after the last block; the shape does not change.
    pub fn final_norm(&self, x: Tensor<3>) -> Tensor<3> {
        self.final_norm.forward(x)
    }

    /// Applies embedding, all blocks and the final norm: `[batch, length]` tokens to `[batch, length, hidden]`.
    pub fn hidden(&self, tokens: Tensor<2, Int>, context: &Context) -> Tensor<3> {
        let x = self.blocks.iter().fold(self.embed(tokens), |x, block| block.forward(x, context, None));
        self.final_norm(x)
    }

    /// Computes [`Self::hidden`] for tokens that follow those in `cache`, and appends them to it.
    pub fn hidden_cached(&self, tokens: Tensor<2, Int>, context: &Context, cache: &mut KvCache) -> Tensor<3> {
        let layers = self.blocks.iter().zip(cache.layers_mut());
        let x = layers.fold(self.embed(tokens), |x, (block, cache)| block.forward(x, context, Some(cache)));
        self.final_norm(x)
    }

    /// The weight of the output head, `[vocabulary, hidden]`; the embedding if they are tied.
    pub fn head_weight(&self) -> Tensor<2> {
        self.head.as_ref().unwrap_or(&self.embedding).val()
    }

    /// Maps `[batch, length, hidden]` to f32 logits `[batch, length, vocabulary]`, soft-capped if the family has a cap.
    pub fn logits(&self, hidden: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = hidden.dims();
        let logits = hidden.reshape([batch * length, width]).matmul(self.head_weight().transpose());
        let [_, vocabulary] = logits.dims();
        self.softcap(logits).reshape([batch, length, vocabulary])
    }

    /// Applies the soft cap of the logits, `cap · tanh(x / cap)`, if the family has one.
    pub fn softcap<const D: usize>(&self, logits: Tensor<D>) -> Tensor<D> {
        match self.logit_softcap {
            Some(cap) => logits.div_scalar(cap).tanh().mul_scalar(cap),
            None => logits,
        }
    }

    /// The soft cap of the logits.
    pub fn logit_softcap(&self) -> Option<f64> {
        self.logit_softcap
    }

    /// Lists every tensor in checkpoint layout, in model order: names of Hugging Face, values computed on demand.
    pub fn weights(&self, config: &ModelConfig) -> Vec<NamedTensor> {
        let mut list = vec![NamedTensor::from_tensor("model.embed_tokens.weight", &self.embedding.val())];
        for (index, block) in self.blocks.iter().enumerate() {
            push_block(&mut list, index, block, config);
        }
        list.push(NamedTensor::from_tensor("model.norm.weight", &self.final_norm.weight()));
        if let Some(head) = &self.head {
            list.push(NamedTensor::from_tensor("lm_head.weight", &head.val()));
        }
        list
    }
}
