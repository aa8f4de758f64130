//! The device, the sizes and the time limit of one subcommand.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use burn::tensor::{DType, Device};
use corpusmill_trainer::device::DeviceChoice;

use super::Common;

/// What all subcommands share.
#[derive(Debug)]
pub(crate) struct Session {
    /// The device as given.
    pub(crate) choice: DeviceChoice,
    /// The device, without automatic differentiation.
    pub(crate) device: Device,
    /// Whether sizes and counts are tiny.
    pub(crate) dry: bool,
    /// When the subcommand must have printed its table.
    pub(crate) deadline: Instant,
}

impl Session {
    /// Opens the device and starts the clock.
    ///
    /// # Errors
    /// When the device does not exist or the limit is not a positive number of seconds.
    pub(crate) fn new(common: &Common) -> anyhow::Result<Self> {
        let limit = Duration::try_from_secs_f64(common.seconds)
            .ok()
            .filter(|limit| !limit.is_zero())
            .with_context(|| format!("--seconds is {}; give a positive number such as 220", common.seconds))?;
        let deadline = Instant::now() + limit;
        Ok(Self { choice: common.device, device: common.device.open()?, dry: common.dry, deadline })
    }

    /// The time until the deadline, in seconds; 0 after it.
    pub(crate) fn seconds_left(&self) -> f64 {
        self.deadline.saturating_duration_since(Instant::now()).as_secs_f64()
    }

    /// Whether the device is the CPU, whose memory is that of the process.
    pub(crate) fn is_cpu(&self) -> bool {
        self.choice.to_string() == "cpu"
    }

    /// Whether the device has the 16-bit type of the recipes.
    pub(crate) fn computes_bf16(&self) -> bool {
        self.device.supports_dtype(DType::BF16)
    }

    /// The title of a table: the subcommand, the device and its name, and the version.
    pub(crate) fn title(&self, subcommand: &str) -> String {
        let listed = corpusmill_trainer::device::list();
        let name = listed.into_iter().find(|listed| listed.name == self.choice.to_string());
        let name = name.map_or_else(String::new, |listed| format!(" ({})", listed.description));
        let precision = if self.computes_bf16() { "" } else { ", f32 because the device does not compute in bf16" };
        let dry = if self.dry { ", --dry: tiny sizes, the numbers say nothing" } else { "" };
        format!("{subcommand} on {}{name}, corpusmill {}{precision}{dry}", self.choice, env!("CARGO_PKG_VERSION"))
    }

    /// Waits for all work on the device.
    ///
    /// # Errors
    /// When an operation failed there.
    pub(crate) fn sync(&self) -> anyhow::Result<()> {
        self.device.sync().map_err(|error| anyhow::anyhow!("an operation on {} failed: {error}", self.choice))
    }

    /// Memory that the allocator of the device holds, in bytes; `None` if the backend does not report it, as on the CPU.
    pub(crate) fn reserved_bytes(&self) -> Option<u64> {
        self.device.memory_pool_usage().map(|usage| usage.bytes_reserved)
    }
}

/// Shows on stderr what is being measured.
pub(crate) fn progress(line: &str) {
    // The table on stdout is the result; a closed stderr does not matter.
    let _ = writeln!(std::io::stderr(), "{line}");
}
