//! Data-parallel training: collective operations between ranks, and the assignment of weights to ranks.
//!
//! Each rank processes its share of the sequences of a step, gradients are summed over all ranks, and every rank
//! applies the same update. With a sharded optimizer (ZeRO stage 1, Rajbhandari et al. 2020) each rank keeps the
//! optimizer state of its share of the weights only, updates these weights, and broadcasts them to the other ranks.
//!
//! Invariant: after every exchange, the values on all ranks are equal bit for bit.

#[cfg(feature = "cuda")]
mod nccl;
mod process_group;
mod threads;
mod weights;

use burn::tensor::Device;

pub use self::process_group::{ProcessGroup, ProcessGroupError, SingleRank};
pub use self::threads::ThreadGroup;
pub use self::weights::{WeightOwners, all_reduce_gradients, broadcast_weights};

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
