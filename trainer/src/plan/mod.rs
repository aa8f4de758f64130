//! Estimates what a training run needs before it starts: sizes, tokens, memory, time and cost.
//!
//! From a recipe, a number of parameters or a budget of floating-point operations. Invariant: every figure follows from
//! a stated formula, and every assumption (share of the peak, price) is stated.

mod hardware;
mod memory;
mod sizes;

pub use hardware::{HARDWARE, Hardware};
pub(crate) use memory::to_float;
pub use memory::{MemoryEstimate, MemoryPart};
pub use sizes::{CHINCHILLA_TOKENS_PER_PARAMETER, OVERTRAINED_TOKENS_PER_PARAMETER, budget_parameters, shape};

use crate::metrics::training_flops_per_token;
use crate::model::ModelConfig;

/// Time and cost of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Tokens read.
    pub tokens: f64,
    /// Floating-point operations of the model, without recomputation.
    pub flops: f64,
    /// Hours on the devices of the cluster, at its utilisation.
    pub hours: f64,
    /// Cost at the price per device and hour of the cluster.
    pub price: Option<f64>,
}

/// The devices of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cluster {
    /// Peak of one device, in 10^12 floating-point operations per second.
    pub peak_teraflops: f64,
    /// Number of devices.
    pub devices: u32,
    /// Model FLOPs utilisation (MFU): the share of the peak that the model's operations use, 0 to 1.
    pub utilisation: f64,
    /// Price per device and hour.
    pub price: Option<f64>,
}

impl Cluster {
    /// The cost of `tokens` of training with contexts of `context` tokens.
    pub fn cost(&self, config: &ModelConfig, context: u32, tokens: f64) -> Cost {
        let flops = tokens * training_flops_per_token(config, context);
        let speed = self.peak_teraflops * 1e12 * self.utilisation * f64::from(self.devices);
        let hours = flops / speed / 3600.0;
        Cost { tokens, flops, hours, price: self.price.map(|price| price * hours * f64::from(self.devices)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_price_follow_from_operations() {
        let config = ModelConfig::llama(32_000, 768, 12, 12, 12);
        let cluster = Cluster { peak_teraflops: 100.0, devices: 2, utilisation: 0.5, price: Some(3.0) };
        let cost = cluster.cost(&config, 1024, 1e9);
        let expected = 1e9 * training_flops_per_token(&config, 1024) / (100e12 * 0.5 * 2.0) / 3600.0;
        assert!((cost.hours - expected).abs() < 1e-9);
        assert!((cost.price.unwrap() - expected * 6.0).abs() < 1e-9);
    }
}
