//! Selects the compute device by name at run time: `cpu`, `vulkan:1`.
//!
//! The Cargo features of this crate select the backends that are compiled in. Invariant: a device that is not compiled
//! in or not found is an error that says how to build or find it; the program never falls back to another device.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, DeviceType};

/// The backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Burn flex, on the CPU; always available.
    Cpu,
    /// Any GPU with a Vulkan driver: NVIDIA, AMD or Intel.
    Vulkan,
    /// NVIDIA CUDA.
    Cuda,
    /// Apple Metal.
    Metal,
    /// The graphics API of the system, selected by wgpu.
    Wgpu,
    /// AMD ROCm.
    Rocm,
}

impl Backend {
    /// All backends, compiled in or not.
    pub const ALL: [Self; 6] = [Self::Cpu, Self::Vulkan, Self::Cuda, Self::Metal, Self::Wgpu, Self::Rocm];

    /// The name, equal to that of the Cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Wgpu => "wgpu",
            Self::Rocm => "rocm",
        }
    }

    /// Burn's device type; `None` if not compiled in.
    fn compiled(self) -> Option<DeviceType> {
        match self {
            Self::Cpu => Some(DeviceType::Flex),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(DeviceType::Vulkan),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(DeviceType::Cuda),
            #[cfg(feature = "metal")]
            Self::Metal => Some(DeviceType::Metal),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(DeviceType::Wgpu),
            #[cfg(feature = "rocm")]
            Self::Rocm => Some(DeviceType::Rocm),
            #[cfg(not(all(
                feature = "vulkan",
                feature = "cuda",
                feature = "metal",
                feature = "wgpu",
                feature = "rocm"
            )))]
            _ => None,
        }
    }

    /// The devices of this backend; `None` if not compiled in.
    fn devices(self) -> Option<Vec<Device>> {
        self.compiled().map(|kind| Device::enumerate(kind).into_iter().collect())
    }
}

/// A device as given on the command line: `cpu`, `vulkan`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceChoice {
    backend: Backend,
    index: usize,
}

/// Why a device cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Unknown backend, or no number after the colon.
    #[error(
        "`{0}` is not a device; give cpu, vulkan, cuda, metal, wgpu or rocm, and a number to select a device other than the first, as in vulkan:1"
    )]
    Name(String),
    /// The program was built without this backend.
    #[error(
        "this program was built without {0}; build it with `cargo build --release --workspace --bin corpusmill-train --features corpusmill-trainer/{0}`"
    )]
    NotCompiled(&'static str),
    /// The backend has no device of this number.
    #[error("no device {choice}: {found} found for {backend}; `corpusmill-train devices` lists all")]
    NotFound {
        /// The requested device.
        choice: String,
        /// Number of devices found.
        found: usize,
        /// The backend.
        backend: &'static str,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let invalid = || DeviceError::Name(text.to_owned());
        let (name, index) = match text.split_once(':') {
            None => (text, 0),
            Some((name, index)) => (name, index.parse().map_err(|_| invalid())?),
        };
        let backend = Backend::ALL.into_iter().find(|it| it.name() == name).ok_or_else(invalid)?;
        Ok(Self { backend, index })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => f.write_str(self.backend.name()),
            index => write!(f, "{}:{index}", self.backend.name()),
        }
    }
}

impl DeviceChoice {
    /// Opens the device, without automatic differentiation; `Device::autodiff` adds it.
    ///
    /// # Errors
    /// When the backend was not compiled in, or has no such device.
    pub fn open(self) -> Result<Device, DeviceError> {
        let backend = self.backend.name();
        let devices = self.backend.devices().ok_or(DeviceError::NotCompiled(backend))?;
        let found = devices.len();
        let not_found = || DeviceError::NotFound { choice: self.to_string(), found, backend };
        devices.into_iter().nth(self.index).ok_or_else(not_found)
    }
}

/// An entry of the device list: a name for `--device`, and a description of the device or the reason why there is none.
#[derive(Debug, Clone)]
pub struct ListedDevice {
    /// The name, such as `vulkan:0`.
    pub name: String,
    /// A short description.
    pub description: String,
}

/// Lists every backend with its devices.
pub fn list() -> Vec<ListedDevice> {
    let mut listed = Vec::new();
    for backend in Backend::ALL {
        let name = backend.name();
        match backend.devices() {
            None => listed.push(ListedDevice { name: name.to_owned(), description: "not compiled in".to_owned() }),
            Some(devices) if devices.is_empty() => {
                listed.push(ListedDevice { name: name.to_owned(), description: "no device found".to_owned() });
            }
            Some(devices) => {
                for (index, device) in devices.iter().enumerate() {
                    let name = DeviceChoice { backend, index }.to_string();
                    listed.push(ListedDevice { name, description: describe(backend, device) });
                }
            }
        }
    }
    listed
}

fn describe(backend: Backend, device: &Device) -> String {
    if backend == Backend::Cpu {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        return format!("Burn flex, {threads} threads");
    }
    #[cfg(any(feature = "vulkan", feature = "cuda", feature = "metal", feature = "wgpu", feature = "rocm"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    format!("{device:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_printed() {
        for name in ["cpu", "vulkan", "cuda:3"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        for name in ["gpu", "cuda:x", "cuda:", ""] {
            assert_eq!(name.parse::<DeviceChoice>(), Err(DeviceError::Name(name.to_owned())));
        }
    }

    #[test]
    fn the_cpu_is_a_single_device() {
        assert!("cpu".parse::<DeviceChoice>().unwrap().open().is_ok());
        let error = "cpu:1".parse::<DeviceChoice>().unwrap().open().unwrap_err().to_string();
        insta::assert_snapshot!(error, @"no device cpu:1: 1 found for cpu; `corpusmill-train devices` lists all");
    }

    #[cfg(not(feature = "rocm"))]
    #[test]
    fn a_missing_backend_names_its_feature() {
        let error = "rocm".parse::<DeviceChoice>().unwrap().open().unwrap_err().to_string();
        insta::assert_snapshot!(error, @"this program was built without rocm; build it with `cargo build --release --workspace --bin corpusmill-train --features corpusmill-trainer/rocm`");
    }
}
