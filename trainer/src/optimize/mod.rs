//! Updates weights from gradients: learning rate schedule, gradient clipping, and AdamW and Muon with their state.
//!
//! Burn updates a single tensor; this module selects the tensors for weight decay and for Muon, clips the global
//! gradient norm, and saves the exact optimizer state.

mod grad_norm;
mod schedule;
mod state;
mod update;

pub use grad_norm::{GradNormError, global_norm};
pub use schedule::learning_rate_factor;
pub use state::{OptimizerState, StateError};
pub use update::Optimizer;
