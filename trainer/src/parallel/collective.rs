//! Ranks on NVIDIA GPUs, which all-reduce tensors with NCCL (Burn `all_reduce`).
//!
//! Counts are exchanged in host memory, which also reports stopped ranks: a step sums its tokens and losses over all
//! ranks before it all-reduces a gradient.

use std::collections::BTreeSet;

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, DeviceType, Tensor};

use super::{Group, GroupError, Threads};

/// One GPU of a group.
#[derive(Debug)]
pub(super) struct Collective {
    host: Threads,
    /// The devices of all ranks.
    devices: Vec<Device>,
}

/// Whether all devices are distinct GPUs of the `cuda` backend.
pub(super) fn possible(devices: &[Device]) -> bool {
    let cards: Vec<Device> = Device::enumerate(DeviceType::Cuda).into_iter().collect();
    let places = devices.iter().map(|device| cards.iter().position(|card| card == device));
    places.collect::<Option<BTreeSet<usize>>>().is_some_and(|places| places.len() == devices.len())
}

impl Collective {
    /// Wraps a member of the host group; `devices` are those of all ranks, in rank order.
    pub(super) fn new(host: Threads, devices: &[Device]) -> Self {
        Self { host, devices: devices.to_vec() }
    }
}

impl Group for Collective {
    fn rank(&self) -> u32 {
        self.host.rank()
    }

    fn ranks(&self) -> u32 {
        self.host.ranks()
    }

    fn sum(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        Ok(all_reduce(tensor, ReduceOperation::Sum, self.devices.clone()).resolve())
    }

    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError> {
        self.host.sum_exact(values)
    }

    fn share(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        let own = if owner == self.rank() { tensor } else { tensor.zeros_like() };
        self.sum(own)
    }
}
