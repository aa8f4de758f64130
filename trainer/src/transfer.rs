//! Transfers between the host and a device during training, which are counted.
//!
//! A read-back waits for all work that its tensor depends on, and an upload of a few bytes costs as much as one of many;
//! so a step has few of both. Everything that a step uploads or reads goes through here. Invariant: the counts are those
//! of this process, over all devices and threads; work that stays on a device is not counted.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::{Device, Int, Tensor, TensorData};

static UPLOADS: AtomicU64 = AtomicU64::new(0);
static READ_BACKS: AtomicU64 = AtomicU64::new(0);

/// Numbers of transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferCounts {
    /// Tensors copied from the host to a device.
    pub uploads: u64,
    /// Tensors copied from a device to the host.
    pub read_backs: u64,
}

impl TransferCounts {
    /// The transfers of this process so far.
    pub fn now() -> Self {
        Self { uploads: UPLOADS.load(Ordering::Relaxed), read_backs: READ_BACKS.load(Ordering::Relaxed) }
    }

    /// The transfers since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { uploads: self.uploads - earlier.uploads, read_backs: self.read_backs - earlier.read_backs }
    }
}

/// Copies row-major integers to the device.
pub(crate) fn upload_ints<const D: usize>(values: Vec<i32>, shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    UPLOADS.fetch_add(1, Ordering::Relaxed);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Copies row-major numbers to the device.
pub(crate) fn upload_floats<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    UPLOADS.fetch_add(1, Ordering::Relaxed);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Waits for the tensor and copies it to the host, in row-major order.
///
/// # Errors
/// The message of the device.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, String> {
    READ_BACKS.fetch_add(1, Ordering::Relaxed);
    tensor.try_into_vec_as::<f32>().map_err(|error| error.to_string())
}
