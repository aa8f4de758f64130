//! The interface between a training step and other ranks.
//!
//! Invariant: every method waits for all ranks, and a rank that has stopped is an error on every other rank.

use burn::tensor::Tensor;

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
