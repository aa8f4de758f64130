//! Ranks on NVIDIA GPUs, which all-reduce tensors with NCCL (Burn `all_reduce`).
//!
//! Counts are exchanged in host memory. That exchange also detects stopped ranks: a step sums its tokens and losses
//! over all ranks before it all-reduces a gradient.

use std::collections::BTreeSet;

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, DeviceType, Tensor};

use super::process_group::{ProcessGroup, ProcessGroupError};
use super::threads::ThreadGroup;

/// One GPU of a group.
#[derive(Debug)]
pub(super) struct NcclGroup {
    host: ThreadGroup,
    /// The devices of all ranks.
    devices: Vec<Device>,
}

/// Whether all devices are distinct GPUs of the `cuda` backend.
pub(super) fn is_supported(devices: &[Device]) -> bool {
    let gpus: Vec<Device> = Device::enumerate(DeviceType::Cuda).into_iter().collect();
    let indices = devices.iter().map(|device| gpus.iter().position(|gpu| gpu == device));
    indices.collect::<Option<BTreeSet<usize>>>().is_some_and(|indices| indices.len() == devices.len())
}

impl NcclGroup {
    /// Wraps a member of the host group; `devices` are those of all ranks, in rank order.
    pub(super) fn new(host: ThreadGroup, devices: &[Device]) -> Self {
        Self { host, devices: devices.to_vec() }
    }
}

impl ProcessGroup for NcclGroup {
    fn rank(&self) -> u32 {
        self.host.rank()
    }

    fn ranks(&self) -> u32 {
        self.host.ranks()
    }

    fn all_reduce(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        Ok(all_reduce(tensor, ReduceOperation::Sum, self.devices.clone()).resolve())
    }

    fn all_reduce_f64(&mut self, values: &mut [f64]) -> Result<(), ProcessGroupError> {
        self.host.all_reduce_f64(values)
    }

    fn broadcast(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        let own = if owner == self.rank() { tensor } else { tensor.zeros_like() };
        self.all_reduce(own)
    }
}
