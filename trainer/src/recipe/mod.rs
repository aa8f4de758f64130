//! The training recipe: corpus, model, training settings and outputs.
//!
//! `corpusmill-train pretrain` loads it first. Invariant: an error in a recipe is reported with its position in the
//! file, before any work starts.

mod check;
mod compute;
mod data;
mod load;
mod model;
mod optimizer;
mod outputs;
mod training;

pub use compute::{Compute, Loss, Precision, Recompute};
pub use data::{Data, Masked, Objective};
pub use load::json_schema;
pub use model::{ModelSource, NewModel};
pub use optimizer::{AdamW, LearningRateSchedule, LearningRateShape, Muon, Optimizer};
pub use outputs::{Checkpoint, Metrics, Samples, Validation};
pub use training::Recipe;

#[cfg(test)]
mod tests;
