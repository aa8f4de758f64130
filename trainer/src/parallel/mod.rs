//! Data-parallel training: collective operations between ranks, and the assignment of weights to ranks.
//!
//! Each rank processes its share of the sequences of a step, gradients are summed over all ranks, and every rank
//! applies the same update. With a sharded optimiser (ZeRO stage 1, Rajbhandari et al. 2020) a rank holds the optimiser
//! state of its own weights only, updates those, and broadcasts them to the other ranks.
//!
//! Invariant: all ranks hold equal bits after every exchange.

#[cfg(feature = "cuda")]
mod collective;
mod model;
mod threads;

use burn::tensor::{Device, Tensor};

pub use self::model::{Owners, share_weights, sum_gradients};
pub use self::threads::Threads;

/// An exchange between ranks failed.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A device cannot be read.
    #[error("rank {rank} cannot read its device: {detail}")]
    Device {
        /// The rank.
        rank: u32,
        /// The error of the device.
        detail: String,
    },
    /// Ranks train different models.
    #[error("rank {rank} sent {found} values, but another rank sent {expected}; all ranks must train one model")]
    Length {
        /// The rank.
        rank: u32,
        /// Number of values that the rank sent.
        found: usize,
        /// Number of values that this rank sent.
        expected: usize,
    },
    /// A rank has stopped.
    #[error("rank {rank} has stopped")]
    Gone {
        /// The rank.
        rank: u32,
    },
}

/// Collective operations; the only interface between a training step and other ranks.
///
/// Every method waits for all ranks, which must call the same methods in the same order.
pub trait Group: Send {
    /// The index of this rank, from 0.
    fn rank(&self) -> u32;

    /// Number of ranks.
    fn ranks(&self) -> u32;

    /// Sums the tensors of all ranks: `[values]`; each rank gets the sum on its own device.
    ///
    /// # Errors
    /// If ranks send different numbers of values, or a rank has stopped.
    fn sum(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError>;

    /// Replaces values in host memory by their sums over all ranks, in 64 bits.
    ///
    /// # Errors
    /// Those of [`Group::sum`].
    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError>;

    /// Returns the tensor of rank `owner` on every rank; the tensors of other ranks are ignored.
    ///
    /// # Errors
    /// Those of [`Group::sum`].
    fn share(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError>;
}

/// Creates a group with one rank per device.
///
/// Several NVIDIA GPUs of the `cuda` backend use NCCL; all others exchange values in host memory.
pub fn group(devices: &[Device]) -> Vec<Box<dyn Group>> {
    if devices.len() < 2 {
        return vec![Box::new(Alone)];
    }
    let ranks = u32::try_from(devices.len()).unwrap_or(u32::MAX);
    let members = Threads::group(ranks);
    #[cfg(feature = "cuda")]
    if collective::possible(devices) {
        let with = |member| -> Box<dyn Group> { Box::new(collective::Collective::new(member, devices)) };
        return members.into_iter().map(with).collect();
    }
    members.into_iter().map(|member| -> Box<dyn Group> { Box::new(member) }).collect()
}

impl Group for Box<dyn Group> {
    fn rank(&self) -> u32 {
        (**self).rank()
    }

    fn ranks(&self) -> u32 {
        (**self).ranks()
    }

    fn sum(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        (**self).sum(tensor)
    }

    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError> {
        (**self).sum_exact(values)
    }

    fn share(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        (**self).share(owner, tensor)
    }
}

/// The group of a single rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Group for Alone {
    fn rank(&self) -> u32 {
        0
    }

    fn ranks(&self) -> u32 {
        1
    }

    fn sum(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        Ok(tensor)
    }

    fn sum_exact(&mut self, _: &mut [f64]) -> Result<(), GroupError> {
        Ok(())
    }

    fn share(&mut self, _: u32, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        Ok(tensor)
    }
}
