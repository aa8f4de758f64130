//! Forward and backward pass of one batch: the loss of each token, and the gradient of every weight.
//!
//! [`crate::loss`] computes the gradients of the output head and of the last hidden state; this module propagates the
//! latter through the blocks. With [`Recompute::Blocks`] (activation checkpointing, Chen et al. 2016), blocks run
//! forward without a graph, only their inputs are kept, and each block runs again in the backward pass.
//!
//! Invariant: both modes compute the same gradients within rounding.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, FloatDType, Gradients, Int, Tensor};

use crate::data::{Batch, BatchError, UploadedBatch};
use crate::loss::{self, LossError, LossSettings, PendingLosses, TokenLosses};
use crate::model::{Context, Decoder, ModelConfig};
use crate::recipe::{Precision, Recompute};

/// Settings of the forward and backward pass.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// The model's sizes.
    pub config: &'a ModelConfig,
    /// Settings of the loss.
    pub loss: LossSettings,
    /// What to recompute in the backward pass.
    pub recompute: Recompute,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum GradientError {
    /// The batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The loss.
    #[error(transparent)]
    Loss(#[from] LossError),
}

/// The floating-point type of matrix products.
pub fn compute_type(precision: Precision) -> FloatDType {
    match precision {
        Precision::F32 => FloatDType::F32,
        Precision::Bf16 => FloatDType::BF16,
    }
}

impl Pass<'_> {
    /// Losses without gradients.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn losses(&self, model: &Decoder, batch: &Batch) -> Result<TokenLosses, GradientError> {
        let model = model.valid();
        let device = model.head_weight().device();
        let context = batch.context(self.config, &device)?.with_compute(self.loss.compute);
        let hidden = model.hidden(batch.tensor(&device), &context);
        Ok(loss::losses(flat(hidden), model.head_weight(), &batch.targets, &self.loss)?)
    }

    /// Copies a batch to the device of the model; [`Batch::upload`] says what.
    ///
    /// # Errors
    /// Never for a batch from [`Batch::new`].
    pub fn upload(&self, batch: Batch, device: &Device) -> Result<UploadedBatch, GradientError> {
        Ok(batch.upload(self.config, self.loss.compute, device)?)
    }

    /// Computes the losses, and adds the gradients of `weight` × their sum to `into`. Waits for nothing: the losses are
    /// read later, by [`PendingLosses::read`].
    ///
    /// The model's weights must require gradients.
    pub fn gradients(
        &self,
        model: &Decoder,
        batch: &UploadedBatch,
        weight: f64,
        into: &mut GradientsAccumulator<Decoder>,
    ) -> PendingLosses {
        let input = (batch.tokens.clone(), &batch.context);
        match self.recompute {
            Recompute::None => self.with_full_graph(model, input, &batch.batch.targets, weight, into),
            Recompute::Blocks => self.by_block(model, input, &batch.batch.targets, weight, into),
        }
    }

    fn with_full_graph(
        &self,
        model: &Decoder,
        (tokens, context): (Tensor<2, Int>, &Context),
        targets: &[i32],
        weight: f64,
        into: &mut GradientsAccumulator<Decoder>,
    ) -> PendingLosses {
        let hidden = flat(model.hidden(tokens, context));
        let found = loss::gradients(hidden.clone().inner(), model.head_weight().inner(), targets, &self.loss, weight);
        collect(&mut backward_from(hidden, found.hidden), model, model, into);
        add_head(model, found.head, into);
        found.losses
    }

    fn by_block(
        &self,
        model: &Decoder,
        (tokens, context): (Tensor<2, Int>, &Context),
        targets: &[i32],
        weight: f64,
        into: &mut GradientsAccumulator<Decoder>,
    ) -> PendingLosses {
        let plain = model.valid();
        let mut x = plain.embed(tokens.clone());
        let mut inputs = Vec::with_capacity(plain.blocks().len());
        for block in plain.blocks() {
            inputs.push(x.clone());
            x = block.forward(x, context, None);
        }
        drop(plain);
        let last = x.autodiff().require_grad();
        let hidden = flat(model.final_norm(last.clone()));
        let found = loss::gradients(hidden.clone().inner(), model.head_weight().inner(), targets, &self.loss, weight);
        add_head(model, found.head, into);
        let mut grads = backward_from(hidden, found.hidden);
        let mut grad = last.grad_remove(&mut grads);
        collect(&mut grads, model, model, into);
        for (block, input) in model.blocks().iter().zip(inputs).rev() {
            let input = input.autodiff().require_grad();
            let Some(own) = grad else { break };
            let mut grads = backward_from(flat(block.forward(input.clone(), context, None)), flat(own));
            grad = input.grad_remove(&mut grads);
            collect(&mut grads, block, model, into);
        }
        if let Some(grad) = grad {
            collect(&mut backward_from(flat(model.embed(tokens)), flat(grad)), model, model, into);
        }
        found.losses
    }
}

fn flat(x: Tensor<3>) -> Tensor<2> {
    let [batch, length, width] = x.dims();
    x.reshape([batch * length, width])
}

/// Runs the backward pass from `output` with a known gradient: the sum of their products has the same gradient.
fn backward_from(output: Tensor<2>, gradient: Tensor<2>) -> Gradients {
    (output * gradient).sum().backward()
}

/// Adds the gradients of `part`'s weights to those of the model.
fn collect<M: Module>(grads: &mut Gradients, part: &M, model: &Decoder, into: &mut GradientsAccumulator<Decoder>) {
    into.accumulate(model, GradientsParams::from_module(grads, part));
}

/// Adds the gradient of the output head; if tied, to the gradient of the embedding.
fn add_head(model: &Decoder, gradient: Tensor<2>, into: &mut GradientsAccumulator<Decoder>) {
    let mut finder = HeadFinder { path: Vec::new(), embedding: None, head: None };
    model.visit(&mut finder);
    if let Some(id) = finder.head.or(finder.embedding) {
        let mut gradients = GradientsParams::new();
        gradients.register::<2>(id, gradient);
        into.accumulate(model, gradients);
    }
}

/// Finds the parameter of the output head.
struct HeadFinder {
    path: Vec<String>,
    embedding: Option<ParamId>,
    head: Option<ParamId>,
}

impl ModuleVisitor for HeadFinder {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match self.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["embedding"] => self.embedding = Some(param.id),
            ["head"] => self.head = Some(param.id),
            _ => {}
        }
    }
}
