//! One training step: sums the gradients of a step's batches over all ranks, clips them, and updates the weights.
//!
//! The loss of a step is the mean over all its predicted tokens, on all ranks and in all micro-batches. So gradients
//! are weighted by tokens, and the division of a step into ranks and micro-batches does not change its result.
//! Invariant: a step with a non-finite loss or gradient changes no weight and no optimizer state.

use burn::optim::GradientsAccumulator;
use burn::tensor::Device;

use crate::data::{Batch, BatchError, NOT_PREDICTED, UploadedBatch};
use crate::gradient::{GradientError, Pass};
use crate::loss::{LossError, PendingLosses, TokenLosses};
use crate::model::Decoder;
use crate::optimize::{GradNormError, Optimizer, global_norm};
use crate::parallel::{ProcessGroup, ProcessGroupError, WeightOwners, all_reduce_gradients, broadcast_weights};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The forward or backward pass.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// The losses.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The gradients.
    #[error(transparent)]
    Norm(#[from] GradNormError),
    /// Another rank.
    #[error(transparent)]
    Group(#[from] ProcessGroupError),
}

/// Sums of losses over tokens, for each source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LossSum {
    /// Σ −log p in nats, by source.
    pub nats: Vec<f64>,
    /// Predicted tokens, by source.
    pub tokens: Vec<f64>,
    /// Σ log² Z over all predicted tokens.
    pub squared_log_z: f64,
}

impl LossSum {
    /// Zeros for the given number of sources.
    pub fn new(sources: usize) -> Self {
        Self { nats: vec![0.0; sources], tokens: vec![0.0; sources], squared_log_z: 0.0 }
    }

    /// Adds the losses of a batch.
    pub fn add(&mut self, batch: &Batch, losses: &TokenLosses) {
        for ((&source, &target), &nats) in batch.sources.iter().zip(&batch.targets).zip(&losses.nats) {
            if target != NOT_PREDICTED {
                self.nats[usize::from(source)] += f64::from(nats);
                self.tokens[usize::from(source)] += 1.0;
            }
        }
        self.squared_log_z += losses.squared_log_z;
    }

    /// Adds another sum over the same sources.
    pub fn merge(&mut self, other: &Self) {
        self.nats.iter_mut().zip(&other.nats).for_each(|(sum, own)| *sum += own);
        self.tokens.iter_mut().zip(&other.tokens).for_each(|(sum, own)| *sum += own);
        self.squared_log_z += other.squared_log_z;
    }

    /// Predicted tokens of all sources.
    pub fn all_tokens(&self) -> f64 {
        self.tokens.iter().sum()
    }

    /// Mean loss over all predicted tokens in nats; `None` when there are none.
    pub fn mean(&self) -> Option<f64> {
        let tokens = self.all_tokens();
        (tokens > 0.0).then(|| self.nats.iter().sum::<f64>() / tokens)
    }

    /// Mean loss of one source in nats; `None` when it has no predicted token.
    pub fn mean_of(&self, source: usize) -> Option<f64> {
        let (nats, tokens) = (self.nats.get(source)?, self.tokens.get(source)?);
        (*tokens > 0.0).then(|| nats / tokens)
    }

    fn sum_over(&mut self, group: &mut dyn ProcessGroup) -> Result<(), ProcessGroupError> {
        let mut values: Vec<f64> = self.nats.iter().chain(&self.tokens).copied().collect();
        values.push(self.squared_log_z);
        group.all_reduce_f64(&mut values)?;
        let sources = self.nats.len();
        self.nats.copy_from_slice(&values[..sources]);
        self.tokens.copy_from_slice(&values[sources..2 * sources]);
        self.squared_log_z = values[2 * sources];
        Ok(())
    }
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Losses before the step.
    pub loss_sum: LossSum,
    /// Global gradient norm before clipping.
    pub gradient_norm: f64,
    /// Whether the weights were updated; false if the loss or gradient was not finite.
    pub applied: bool,
}

/// The training state of one rank.
#[derive(Debug)]
pub struct Training<'a, G> {
    /// The forward and backward pass.
    pub pass: Pass<'a>,
    /// The weights, which require gradients.
    pub model: Decoder,
    /// AdamW and, if enabled, Muon, with their state.
    pub optimizer: Optimizer,
    /// Maximum global gradient norm; larger gradients are scaled down.
    pub clip_norm: Option<f64>,
    /// The other ranks.
    pub group: G,
    /// Which rank updates which weight, if the optimizer's state is sharded.
    pub owners: Option<WeightOwners>,
    /// Number of sources of the corpus.
    pub sources: usize,
}

impl<G: ProcessGroup> Training<'_, G> {
    /// The device of the weights, without automatic differentiation.
    pub fn device(&self) -> Device {
        self.model.head_weight().device().without_autodiff()
    }

    /// Performs one step; `batches` are this rank's share of its batches.
    ///
    /// # Errors
    /// When a device cannot be read or another rank has failed.
    pub fn step(self, batches: &[Batch], learning_rate: f64) -> Result<(Self, StepReport), StepError> {
        let (pass, device) = (self.pass, self.device());
        let predicted = batches.iter().map(Batch::predicted).sum();
        let uploaded = batches.iter().map(|batch| batch.clone().upload(pass.config, pass.loss.compute, &device));
        self.step_uploaded(predicted, uploaded, learning_rate)
    }

    /// Performs one step on batches as they arrive on the device; `predicted` is the number of their positions with a
    /// target. Each batch is dropped after its backward pass. A step has one upload per batch, of its targets, and two
    /// read-backs, of the losses of all batches and of the gradient norm.
    ///
    /// # Errors
    /// When a batch cannot be uploaded, a device cannot be read, or another rank has failed.
    pub fn step_uploaded(
        self,
        predicted: u64,
        batches: impl Iterator<Item = Result<UploadedBatch, BatchError>>,
        learning_rate: f64,
    ) -> Result<(Self, StepReport), StepError> {
        let Self { pass, model, mut optimizer, clip_norm, mut group, owners, sources } = self;
        let mut predicted = [to_float(predicted)];
        group.all_reduce_f64(&mut predicted)?;
        let weight = 1.0 / predicted[0].max(1.0);
        let mut accumulated = GradientsAccumulator::new();
        let mut loss_sum = LossSum::new(sources);
        let (mut done, mut pending) = (Vec::new(), Vec::new());
        for batch in batches {
            let batch = batch.map_err(GradientError::from)?;
            pending.push(pass.gradients(&model, &batch, weight, &mut accumulated));
            done.push(batch.batch);
        }
        for (batch, losses) in done.iter().zip(PendingLosses::read(pending)?) {
            loss_sum.add(batch, &losses);
        }
        loss_sum.sum_over(&mut group)?;
        let gradients = all_reduce_gradients(&model, accumulated.grads(), &mut group)?;
        let gradient_norm = global_norm(&model, &gradients)?;
        let applied = gradient_norm.is_finite() && loss_sum.nats.iter().all(|nats| nats.is_finite());
        let model = if applied {
            let scale = clip_norm.map_or(1.0, |max_norm| (max_norm / gradient_norm.max(f64::MIN_POSITIVE)).min(1.0));
            let rank = group.rank();
            let owned = |parameter: &str| owners.as_ref().is_none_or(|owners| owners.owner(parameter) == rank);
            let model = optimizer.step(model, gradients, learning_rate, scale, owned);
            match &owners {
                Some(owners) => broadcast_weights(model, owners, &mut group)?,
                None => model,
            }
        } else {
            model
        };
        let next = Self { pass, model, optimizer, clip_norm, group, owners, sources };
        Ok((next, StepReport { loss_sum, gradient_norm, applied }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "tokens of a step are far below 2^52")]
fn to_float(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod torch;
