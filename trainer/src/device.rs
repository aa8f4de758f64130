//! Where to compute.

use std::str::FromStr;

use burn::tensor::Device;

/// A device as a user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceChoice;

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "cpu" { Ok(Self) } else { Err(format!("`{text}` is no device of this build; give cpu")) }
    }
}

impl DeviceChoice {
    /// The device, without gradients.
    ///
    /// # Errors
    /// Never.
    pub fn open(self) -> anyhow::Result<Device> {
        Ok(Device::flex())
    }
}
