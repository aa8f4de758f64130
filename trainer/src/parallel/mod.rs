//! Ranks that train one model together: the sums that they exchange, and who updates which weight.
//!
//! Each rank reads its share of a step's sequences, gradients are added up over all ranks, and every rank takes the
//! same step. With a sharded optimiser (ZeRO stage 1, Rajbhandari et al. 2020) a rank keeps the optimiser's state of
//! its own weights only, updates those, and gives them to the others.
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
        /// What the device says.
        detail: String,
    },
    /// Ranks that do not run the same model.
    #[error("rank {rank} gave {found} values where another gave {expected}: all ranks must train one model")]
    Length {
        /// The rank.
        rank: u32,
        /// Values that it gave.
        found: usize,
        /// Values that were expected.
        expected: usize,
    },
    /// A rank that has ended, and gives nothing any more.
    #[error("rank {rank} has stopped")]
    Gone {
        /// The rank.
        rank: u32,
    },
}

/// What ranks can do together; the only thing that a training step knows of other ranks.
///
/// Every method waits for all ranks, which call the same ones in the same order.
pub trait Group: Send {
    /// This rank, from 0.
    fn rank(&self) -> u32;

    /// How many ranks there are.
    fn ranks(&self) -> u32;

    /// The sum of the tensors of all ranks, each on its own device: `[values]`.
    ///
    /// # Errors
    /// When ranks give different numbers of values, or one has stopped.
    fn sum(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError>;

    /// Replaces counts and sums in the host's memory by their sums over all ranks, in 64 bits.
    ///
    /// # Errors
    /// As [`Group::sum`].
    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError>;

    /// The tensor of rank `owner`; that of the others is left.
    ///
    /// # Errors
    /// As [`Group::sum`].
    fn share(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError>;
}

/// A group with one rank for each of `devices`.
///
/// Several cards of NVIDIA with the back end `cuda` add up by NCCL; all others by way of the host's memory.
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

/// A single rank.
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
