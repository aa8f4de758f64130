//! From gradients to new weights: the learning rate's way, clipping, and AdamW and Muon with their state.
//!
//! The arithmetic of one tensor is Burn's; which tensor decays, which goes to Muon, clipping over all gradients
//! together, and an exact saved state are here.

mod clip;
mod rate;
mod state;
mod update;

pub use clip::{NormError, global_norm};
pub use rate::rate;
pub use state::{Saved, StateError};
pub use update::Optimizer;
