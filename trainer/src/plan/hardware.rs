//! Peak throughput and memory of common devices.
//!
//! The peak is that of bf16 without sparsity; for the CPU, what two cores of a server reach in f32. Sources: the data
//! sheets of H100, A100, L4, MI300X and RTX 4090.

/// A device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hardware {
    /// The name on the command line.
    pub name: &'static str,
    /// Peak in 10^12 floating-point operations per second.
    pub peak_teraflops: f64,
    /// Memory in 10^9 bytes.
    pub memory_gigabytes: f64,
}

/// The devices that can be given to `plan` by name.
pub const HARDWARE: [Hardware; 7] = [
    Hardware { name: "cpu-2-cores", peak_teraflops: 0.15, memory_gigabytes: 16.0 },
    Hardware { name: "rtx-4090", peak_teraflops: 165.2, memory_gigabytes: 24.0 },
    Hardware { name: "l4", peak_teraflops: 121.0, memory_gigabytes: 24.0 },
    Hardware { name: "a100-40gb", peak_teraflops: 312.0, memory_gigabytes: 40.0 },
    Hardware { name: "a100-80gb", peak_teraflops: 312.0, memory_gigabytes: 80.0 },
    Hardware { name: "h100-80gb", peak_teraflops: 989.4, memory_gigabytes: 80.0 },
    Hardware { name: "mi300x", peak_teraflops: 1307.4, memory_gigabytes: 192.0 },
];
