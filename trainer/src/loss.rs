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

use std::cell::OnceCell;

use burn::tensor::{DType, Device, FloatDType, IndexingUpdateOp, Int, Tensor};

use crate::data::NOT_PREDICTED;
use crate::kernel::{self, RowLosses};
use crate::transfer;

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
    /// The loss of each token, which [`PendingLosses::read`] reads.
    pub losses: PendingLosses,
    /// Gradient of the weighted sum with respect to the hidden states, `[tokens, hidden]`.
    pub hidden: Tensor<2>,
    /// Gradient of the weighted sum with respect to the weight of the output head, `[vocabulary, hidden]`.
    pub head: Tensor<2>,
}

/// The result cannot be read from the device.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the loss from the device: {0}")]
pub struct LossError(String);

/// The losses of a batch, which may still be on the device: reading them waits for it, so a step reads those of all its
/// micro-batches together.
#[derive(Debug)]
pub struct PendingLosses {
    /// Number of tokens of the batch.
    all: usize,
    /// The predicted ones.
    indices: Vec<i32>,
    rows: PendingRows,
}

/// The losses of the rows of one chunk, or of all chunks.
#[derive(Debug)]
enum PendingRows {
    /// From the kernels of the CPU.
    Host(RowLosses),
    /// `[2 · rows]`: nats, then log Z.
    Device(Box<Tensor<1>>),
}

impl PendingLosses {
    /// Reads the losses of several batches in one transfer.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn read(batches: Vec<Self>) -> Result<Vec<TokenLosses>, LossError> {
        let on_device = batches.iter().filter_map(|batch| match &batch.rows {
            PendingRows::Device(rows) => Some(Tensor::clone(rows)),
            PendingRows::Host(_) => None,
        });
        let on_device: Vec<Tensor<1>> = on_device.collect();
        let mut values = match on_device.len() {
            0 => Vec::new(),
            _ => transfer::read(Tensor::cat(on_device, 0)).map_err(LossError)?,
        };
        let losses = batches.into_iter().map(|Self { all, indices, rows }| {
            let rows = match rows {
                PendingRows::Host(rows) => rows,
                PendingRows::Device(_) => {
                    let rest = values.split_off(2 * indices.len());
                    let mut nats = std::mem::replace(&mut values, rest);
                    let log_z = nats.split_off(indices.len());
                    RowLosses { nats, log_z }
                }
            };
            token_losses(all, &indices, rows)
        });
        Ok(losses.collect())
    }
}

/// Places the losses of the predicted tokens in the batch.
fn token_losses(all: usize, indices: &[i32], RowLosses { nats: own, log_z }: RowLosses) -> TokenLosses {
    let mut nats = vec![0.0; all];
    for (nats_of, &index) in own.into_iter().zip(indices) {
        // Indices are not negative.
        if let Some(slot) = usize::try_from(index).ok().and_then(|index| nats.get_mut(index)) {
            *slot = nats_of;
        }
    }
    TokenLosses { nats, squared_log_z: log_z.iter().map(|&log_z| f64::from(log_z).powi(2)).sum() }
}

/// The positions with a target, and their targets.
struct PredictedPositions {
    all: usize,
    indices: Vec<i32>,
    targets: Vec<i32>,
    /// Indices, then targets, on the device; the kernels of the CPU do not need them.
    uploaded: OnceCell<Tensor<1, Int>>,
}

impl PredictedPositions {
    fn of(targets: &[i32]) -> Self {
        let (indices, predicted) = (0..)
            .zip(targets)
            .filter(|(_, target)| **target != NOT_PREDICTED)
            .map(|(at, target)| (at, *target))
            .unzip();
        Self { all: targets.len(), indices, targets: predicted, uploaded: OnceCell::new() }
    }

    fn uploaded(&self, device: &Device) -> &Tensor<1, Int> {
        self.uploaded.get_or_init(|| {
            let values: Vec<i32> = self.indices.iter().chain(&self.targets).copied().collect();
            let shape = [values.len()];
            transfer::upload_ints(values, shape, device)
        })
    }

    fn device_indices(&self, device: &Device) -> Tensor<1, Int> {
        self.uploaded(device).clone().narrow(0, 0, self.indices.len())
    }

    /// Selects the rows with a target. Without any, there are no chunks either, and the rows are not used.
    fn select(&self, hidden: Tensor<2>) -> Tensor<2> {
        if self.indices.len() == self.all || self.indices.is_empty() {
            return hidden;
        }
        let device = hidden.device();
        hidden.select(0, self.device_indices(&device))
    }

    /// The reverse of [`PredictedPositions::select`]: zero at the other rows.
    fn scatter(&self, selected: Tensor<2>) -> Tensor<2> {
        if self.indices.len() == self.all {
            return selected;
        }
        let device = selected.device();
        let [_, width] = selected.dims();
        Tensor::zeros([self.all, width], (&device, DType::F32)).select_assign(
            0,
            self.device_indices(&device),
            selected,
            IndexingUpdateOp::Add,
        )
    }

    /// The chunks of at most `size` targets.
    fn chunks(&self, size: usize) -> impl Iterator<Item = ChunkTargets<'_>> {
        let size = size.max(1);
        let chunks = self.targets.chunks(size).enumerate();
        chunks.map(move |(index, targets)| ChunkTargets { positions: self, start: index * size, targets })
    }

    /// Joins the losses of the chunks.
    fn losses(self, chunks: Vec<PendingRows>) -> PendingLosses {
        let (mut host, mut on_device) = (RowLosses { nats: Vec::new(), log_z: Vec::new() }, [Vec::new(), Vec::new()]);
        for chunk in chunks {
            match chunk {
                PendingRows::Host(RowLosses { nats, log_z }) => {
                    host.nats.extend(nats);
                    host.log_z.extend(log_z);
                }
                PendingRows::Device(rows) => {
                    let half = rows.dims()[0] / 2;
                    on_device[0].push(rows.clone().narrow(0, 0, half));
                    on_device[1].push(rows.narrow(0, half, half));
                }
            }
        }
        let [nats, log_z] = on_device;
        // A device computes either all chunks in kernels or none.
        let rows = match nats.len() {
            0 => PendingRows::Host(host),
            _ => PendingRows::Device(Box::new(Tensor::cat(nats.into_iter().chain(log_z).collect(), 0))),
        };
        PendingLosses { all: self.all, indices: self.indices, rows }
    }
}

/// The targets of one chunk.
struct ChunkTargets<'a> {
    positions: &'a PredictedPositions,
    /// The first of its predicted positions.
    start: usize,
    targets: &'a [i32],
}

impl ChunkTargets<'_> {
    /// The rows of this chunk.
    fn rows(&self, hidden: &Tensor<2>) -> Tensor<2> {
        hidden.clone().narrow(0, self.start, self.targets.len())
    }

    /// The targets on the device, `[chunk, 1]`.
    fn tensor(&self, device: &Device) -> Tensor<2, Int> {
        let start = self.positions.indices.len() + self.start;
        let targets = self.positions.uploaded(device).clone().narrow(0, start, self.targets.len());
        targets.reshape([self.targets.len(), 1])
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
    fn forward(mut logits: Tensor<2>, targets: Tensor<2, Int>, softcap: Option<f64>) -> Self {
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

    fn losses(&self) -> PendingRows {
        let rows = self.nats.dims()[0];
        let joined = Tensor::cat(vec![self.nats.clone(), self.log_z.clone()], 0);
        PendingRows::Device(Box::new(joined.reshape([2 * rows])))
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
fn chunk_losses(logits: Tensor<2>, chunk: &ChunkTargets<'_>, settings: &LossSettings) -> PendingRows {
    if settings.softcap.is_none()
        && let Some(losses) = kernel::row_losses(&logits, chunk.targets)
    {
        return PendingRows::Host(losses);
    }
    let targets = chunk.tensor(&logits.device());
    Chunk::forward(logits, targets, settings.softcap).losses()
}

/// The losses of a chunk, and their gradient with respect to the uncapped logits, times `weight`.
fn chunk_gradient(
    logits: Tensor<2>,
    chunk: &ChunkTargets<'_>,
    settings: &LossSettings,
    weight: f64,
) -> (PendingRows, Tensor<2>) {
    let logits = match settings.softcap {
        Some(_) => logits,
        None => match kernel::row_losses_and_gradient(logits, chunk.targets, settings.z_loss, weight) {
            Ok((losses, gradient)) => return (PendingRows::Host(losses), gradient),
            Err(logits) => logits,
        },
    };
    let targets = chunk.tensor(&logits.device());
    let chunk = Chunk::forward(logits, targets, settings.softcap);
    (chunk.losses(), chunk.backward(settings, weight))
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
    let chunks = positions.chunks(settings.chunk_tokens);
    let parts = chunks.map(|chunk| chunk_losses(logits(chunk.rows(&hidden), &head), &chunk, settings)).collect();
    let read = PendingLosses::read(vec![positions.losses(parts)])?;
    read.into_iter().next().ok_or_else(|| LossError("nothing was read".to_owned()))
}

/// Losses of `hidden` `[tokens, hidden]` under `head` `[vocabulary, hidden]`, and the gradients of `weight` × the sum
/// of all losses.
///
/// Neither tensor is tracked by autodiff; the caller propagates the gradients. One upload, and no read-back.
pub fn gradients(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: &[i32],
    settings: &LossSettings,
    weight: f64,
) -> LossGradients {
    let positions = PredictedPositions::of(targets);
    let device = hidden.device();
    let (whole, matrix) = (hidden.dims(), head.dims());
    let hidden = positions.select(hidden).cast(settings.compute);
    let head = head.cast(settings.compute);
    let (mut parts, mut of_hidden, mut of_head) = (Vec::new(), Vec::new(), None);
    for chunk in positions.chunks(settings.chunk_tokens) {
        let rows = chunk.rows(&hidden);
        let (part, gradient) = chunk_gradient(logits(rows.clone(), &head), &chunk, settings, weight);
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
    let hidden = if of_hidden.is_empty() { zeros(whole) } else { positions.scatter(Tensor::cat(of_hidden, 0)) };
    LossGradients { losses: positions.losses(parts), hidden, head: of_head.unwrap_or_else(|| zeros(matrix)) }
}

#[cfg(test)]
mod tests;
