//! Cross-entropy of the next token, with its gradient, in chunks, so that the logits of all tokens are never in memory
//! at once.
//!
//! Takes the last hidden state and the weight of the output head, and returns the gradients of both. The backward pass
//! is written by hand; it needs one matrix product for the logits and two for the gradients, as automatic
//! differentiation does, but only `chunk × vocabulary` numbers at a time. All sums use 32 bits or more.
//!
//! For logits *l* = cap · tanh(*h* · *W*ᵀ / cap), or *h* · *W*ᵀ without a cap, denominator *Z* = Σ exp *l*, target *y*:
//!
//! - loss: log *Z* − *l*\[*y*\] + z · log² *Z*
//! - gradient with respect to *l*: softmax(*l*) · (1 + 2 z log *Z*) − onehot(*y*); with respect to the uncapped logits,
//!   this times 1 − (*l* / cap)²
//!
//! Invariant: equal to the unchunked computation within rounding, for any chunk size.

use burn::tensor::{DType, FloatDType, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::data::NOT_PREDICTED;
use crate::kernel::{self, RowLosses};

/// Settings of the loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSettings {
    /// Weight of the z-loss, log² *Z*.
    pub z_loss: f64,
    /// Tokens per chunk of logits.
    pub chunk_tokens: usize,
    /// Soft cap of the logits.
    pub softcap: Option<f64>,
    /// Floating-point type of matrix products.
    pub compute: FloatDType,
}

/// The loss of each token of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLosses {
    /// −log p of each target in nats, in the order of the batch; 0 where nothing is predicted.
    pub nats: Vec<f32>,
    /// Σ log² Z over the predicted tokens.
    pub squared_log_z: f64,
}

/// The losses and their gradients.
#[derive(Debug)]
pub struct LossGradients {
    /// The loss of each token.
    pub losses: TokenLosses,
    /// Gradient of the weighted sum with respect to the hidden states, `[tokens, hidden]`.
    pub hidden: Tensor<2>,
    /// Gradient of the weighted sum with respect to the weight of the output head, `[vocabulary, hidden]`.
    pub head: Tensor<2>,
}

/// The result cannot be read from the device.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the loss from the device: {0}")]
pub struct LossError(String);

/// The positions with a target, and their targets.
struct PredictedPositions {
    all: usize,
    indices: Vec<i32>,
    targets: Vec<i32>,
}

impl PredictedPositions {
    fn of(targets: &[i32]) -> Self {
        let (indices, predicted) = (0..)
            .zip(targets)
            .filter(|(_, target)| **target != NOT_PREDICTED)
            .map(|(at, target)| (at, *target))
            .unzip();
        Self { all: targets.len(), indices, targets: predicted }
    }

    /// Selects the rows with a target.
    fn select(&self, hidden: Tensor<2>) -> Tensor<2> {
        if self.indices.len() == self.all {
            return hidden;
        }
        let device = hidden.device();
        hidden.select(0, Tensor::<1, Int>::from_ints(self.indices.as_slice(), &device))
    }

    /// The reverse of [`PredictedPositions::select`]: zero at the other rows.
    fn scatter(&self, selected: Tensor<2>) -> Tensor<2> {
        if self.indices.len() == self.all {
            return selected;
        }
        let device = selected.device();
        let [_, width] = selected.dims();
        let indices = Tensor::<1, Int>::from_ints(self.indices.as_slice(), &device);
        Tensor::zeros([self.all, width], (&device, DType::F32)).select_assign(
            0,
            indices,
            selected,
            IndexingUpdateOp::Add,
        )
    }

    fn losses(&self, parts: Vec<RowLosses>) -> TokenLosses {
        let mut nats = vec![0.0; self.all];
        let mut squared_log_z = 0.0;
        let mut positions = self.indices.iter();
        for RowLosses { nats: own, log_z } in parts {
            squared_log_z += log_z.iter().map(|&log_z| f64::from(log_z).powi(2)).sum::<f64>();
            for (nats_of, &index) in own.into_iter().zip(positions.by_ref()) {
                // Indices are not negative.
                if let Some(slot) = usize::try_from(index).ok().and_then(|index| nats.get_mut(index)) {
                    *slot = nats_of;
                }
            }
        }
        TokenLosses { nats, squared_log_z }
    }
}

/// Forward pass of one chunk with Burn's tensor operations.
struct Chunk {
    /// `exp(l − max)`, `[chunk, vocabulary]`.
    exponentials: Tensor<2>,
    /// Their sum over the vocabulary, `[chunk, 1]`.
    sums: Tensor<2>,
    /// `1 − (l / cap)²`, if there is a cap.
    cap_derivative: Option<Tensor<2>>,
    /// The targets, `[chunk, 1]`.
    targets: Tensor<2, Int>,
    /// `[chunk, 1]`.
    log_z: Tensor<2>,
    /// `[chunk, 1]`.
    nats: Tensor<2>,
}

impl Chunk {
    fn forward(mut logits: Tensor<2>, targets: &[i32], softcap: Option<f64>) -> Self {
        let device = logits.device();
        let targets = Tensor::<2, Int>::from_data(TensorData::new(targets.to_vec(), [targets.len(), 1]), &device);
        let mut cap_derivative = None;
        if let Some(cap) = softcap {
            let capped = logits.div_scalar(cap).tanh();
            cap_derivative = Some(capped.clone().square().neg().add_scalar(1.0));
            logits = capped.mul_scalar(cap);
        }
        let picked = logits.clone().gather(1, targets.clone());
        let largest = logits.clone().max_dim(1);
        let exponentials = (logits - largest.clone()).exp();
        let sums = exponentials.clone().sum_dim(1);
        let log_z = sums.clone().log() + largest;
        Self { exponentials, sums, cap_derivative, targets, nats: log_z.clone() - picked, log_z }
    }

    fn losses(&self) -> Result<RowLosses, LossError> {
        let read =
            |tensor: &Tensor<2>| tensor.clone().try_into_vec_as::<f32>().map_err(|error| LossError(error.to_string()));
        Ok(RowLosses { nats: read(&self.nats)?, log_z: read(&self.log_z)? })
    }

    /// The gradient with respect to the uncapped logits, times `weight`.
    fn backward(self, settings: &LossSettings, weight: f64) -> Tensor<2> {
        let factor = self.log_z.mul_scalar(2.0 * settings.z_loss).add_scalar(1.0);
        let scale = factor.mul_scalar(weight) / self.sums;
        let rows = self.targets.dims()[0];
        let device = scale.device();
        let minus = Tensor::<2>::full([rows, 1], -weight, (&device, DType::F32));
        let gradient = (self.exponentials * scale).scatter(1, self.targets, minus, IndexingUpdateOp::Add);
        match self.cap_derivative {
            Some(derivative) => gradient * derivative,
            None => gradient,
        }
    }
}

/// The losses of a chunk.
fn chunk_losses(logits: Tensor<2>, targets: &[i32], settings: &LossSettings) -> Result<RowLosses, LossError> {
    if settings.softcap.is_none()
        && let Some(losses) = kernel::row_losses(&logits, targets)
    {
        return Ok(losses);
    }
    Chunk::forward(logits, targets, settings.softcap).losses()
}

/// The losses of a chunk, and their gradient with respect to the uncapped logits, times `weight`.
fn chunk_gradient(
    logits: Tensor<2>,
    targets: &[i32],
    settings: &LossSettings,
    weight: f64,
) -> Result<(RowLosses, Tensor<2>), LossError> {
    let logits = match settings.softcap {
        Some(_) => logits,
        None => match kernel::row_losses_and_gradient(logits, targets, settings.z_loss, weight) {
            Ok(found) => return Ok(found),
            Err(logits) => logits,
        },
    };
    let chunk = Chunk::forward(logits, targets, settings.softcap);
    Ok((chunk.losses()?, chunk.backward(settings, weight)))
}

/// The logits `[chunk, vocabulary]`, in 32 bits.
fn logits(rows: Tensor<2>, head: &Tensor<2>) -> Tensor<2> {
    rows.matmul(head.clone().transpose()).cast(FloatDType::F32)
}

/// Losses of `hidden` `[tokens, hidden]` under `head` `[vocabulary, hidden]`, without gradients.
///
/// # Errors
/// When the device cannot be read.
pub fn losses(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: &[i32],
    settings: &LossSettings,
) -> Result<TokenLosses, LossError> {
    let positions = PredictedPositions::of(targets);
    let hidden = positions.select(hidden).cast(settings.compute);
    let head = head.cast(settings.compute);
    let chunk = settings.chunk_tokens.max(1);
    let parts = positions.targets.chunks(chunk).enumerate().map(|(index, targets)| {
        let rows = hidden.clone().narrow(0, index * chunk, targets.len());
        chunk_losses(logits(rows, &head), targets, settings)
    });
    Ok(positions.losses(parts.collect::<Result<_, _>>()?))
}

/// Losses of `hidden` `[tokens, hidden]` under `head` `[vocabulary, hidden]`, and the gradients of `weight` × the sum
/// of all losses.
///
/// Neither tensor is tracked by autodiff; the caller propagates the gradients.
///
/// # Errors
/// When the device cannot be read.
pub fn gradients(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: &[i32],
    settings: &LossSettings,
    weight: f64,
) -> Result<LossGradients, LossError> {
    let positions = PredictedPositions::of(targets);
    let device = hidden.device();
    let (whole, matrix) = (hidden.dims(), head.dims());
    let hidden = positions.select(hidden).cast(settings.compute);
    let head = head.cast(settings.compute);
    let chunk = settings.chunk_tokens.max(1);
    let (mut parts, mut of_hidden, mut of_head) = (Vec::new(), Vec::new(), None);
    for (index, targets) in positions.targets.chunks(chunk).enumerate() {
        let rows = hidden.clone().narrow(0, index * chunk, targets.len());
        let (part, gradient) = chunk_gradient(logits(rows.clone(), &head), targets, settings, weight)?;
        parts.push(part);
        let gradient = gradient.cast(settings.compute);
        of_hidden.push(gradient.clone().matmul(head.clone()).cast(FloatDType::F32));
        let own = gradient.transpose().matmul(rows).cast(FloatDType::F32);
        of_head = Some(match of_head {
            Some(sum) => own + sum,
            None => own,
        });
    }
    let zeros = |shape| Tensor::<2>::zeros(shape, (&device, DType::F32));
    Ok(LossGradients {
        losses: positions.losses(parts),
        hidden: if of_hidden.is_empty() { zeros(whole) } else { positions.scatter(Tensor::cat(of_hidden, 0)) },
        head: of_head.unwrap_or_else(|| zeros(matrix)),
    })
}

#[cfg(test)]
mod tests;
