//! Data-parallel training: collective operations between ranks, and the assignment of weights to ranks.
//!
//! Each rank processes its share of the sequences of a step, gradients are summed over all ranks, and every rank
//! applies the same update. With a sharded optimiser (ZeRO stage 1, Rajbhandari et al. 2020) a rank holds the optimiser
//! state of its own weights only, updates those, and broadcasts them to the other ranks.
//!
//! Invariant: all ranks hold equal bits after every exchange.

#[cfg(feature = "cuda")]
mod nccl;
mod threads;
mod weights;

use burn::tensor::{Device, Tensor};

pub use self::threads::ThreadGroup;
pub use self::weights::{WeightOwners, all_reduce_gradients, broadcast_weights};

/// An exchange between ranks failed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessGroupError {
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
    Stopped {
        /// The rank.
        rank: u32,
    },
}

/// Collective operations; the only interface between a training step and other ranks.
///
/// Every method waits for all ranks, which must call the same methods in the same order.
pub trait ProcessGroup: Send {
    /// The index of this rank, from 0.
    fn rank(&self) -> u32;

    /// Number of ranks.
    fn ranks(&self) -> u32;

    /// Sums the tensors of all ranks: `[values]`; each rank gets the sum on its own device.
    ///
    /// # Errors
    /// If ranks send different numbers of values, or a rank has stopped.
    fn all_reduce(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError>;

    /// Replaces values in host memory by their sums over all ranks, in 64 bits.
    ///
    /// # Errors
    /// Those of [`ProcessGroup::all_reduce`].
    fn all_reduce_f64(&mut self, values: &mut [f64]) -> Result<(), ProcessGroupError>;

    /// Returns the tensor of rank `owner` on every rank; the tensors of other ranks are ignored.
    ///
    /// # Errors
    /// Those of [`ProcessGroup::all_reduce`].
    fn broadcast(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError>;
}

/// Creates a group with one rank per device.
///
/// Several NVIDIA GPUs of the `cuda` backend use NCCL; all others exchange values in host memory.
pub fn group(devices: &[Device]) -> Vec<Box<dyn ProcessGroup>> {
    if devices.len() < 2 {
        return vec![Box::new(SingleRank)];
    }
    let ranks = u32::try_from(devices.len()).unwrap_or(u32::MAX);
    let members = ThreadGroup::group(ranks);
    #[cfg(feature = "cuda")]
    if nccl::is_supported(devices) {
        let with = |member| -> Box<dyn ProcessGroup> { Box::new(nccl::NcclGroup::new(member, devices)) };
        return members.into_iter().map(with).collect();
    }
    members.into_iter().map(|member| -> Box<dyn ProcessGroup> { Box::new(member) }).collect()
}

impl ProcessGroup for Box<dyn ProcessGroup> {
    fn rank(&self) -> u32 {
        (**self).rank()
    }

    fn ranks(&self) -> u32 {
        (**self).ranks()
    }

    fn all_reduce(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        (**self).all_reduce(tensor)
    }

    fn all_reduce_f64(&mut self, values: &mut [f64]) -> Result<(), ProcessGroupError> {
        (**self).all_reduce_f64(values)
    }

    fn broadcast(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        (**self).broadcast(owner, tensor)
    }
}

/// The group of a single rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleRank;

impl ProcessGroup for SingleRank {
    fn rank(&self) -> u32 {
        0
    }

    fn ranks(&self) -> u32 {
        1
    }

    fn all_reduce(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        Ok(tensor)
    }

    fn all_reduce_f64(&mut self, _: &mut [f64]) -> Result<(), ProcessGroupError> {
        Ok(())
    }

    fn broadcast(&mut self, _: u32, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        Ok(tensor)
    }
}
