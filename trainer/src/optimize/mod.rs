//! Updates weights from gradients: learning rate schedule, gradient clipping, and AdamW and Muon with their state.
//!
//! Burn updates a single tensor; this module selects the tensors for weight decay and for Muon, clips the global
//! gradient norm, and saves the exact optimiser state.

mod clip;
mod rate;
mod state;
mod update;

pub use clip::{NormError, global_norm};
pub use rate::rate;
pub use state::{Saved, StateError};
pub use update::Optimizer;
